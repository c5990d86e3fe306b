// Package text makes of a record what people and CI systems read as text: the summary for
// a terminal, the one in Markdown, the JUnit file, and the badge.
package text

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/internal/terminal"
	"github.com/podproof/podproof/reports/internal/wording"
)

// Summary writes the record for people: a table for each subject, then what failed in
// full, then one line each for the laws, set-up, the verdict and the time. With colour
// it uses terminal colours; the words say everything without them.
func Summary(w io.Writer, r reports.Record, colour bool) error {
	p := &summary{terminal.Sheet{Colour: colour}}
	p.head(r)
	p.tables(r)
	p.problems(r)
	p.laws(r)
	p.setup(r)
	p.verdict(r)
	p.times(r)
	_, err := w.Write(p.Bytes())
	if err != nil {
		return fmt.Errorf("write the summary: %w", err)
	}
	return nil
}

// summary is the text while it is being made.
type summary struct{ terminal.Sheet }

// head says what was tested and how.
func (p *summary) head(r reports.Record) {
	p.Line("%s", p.Paint(terminal.Bold, strings.TrimSpace("podproof "+r.Run.Version)))
	if c := r.Cluster; c != nil {
		kind := "cluster"
		if c.Kind {
			kind = "kind cluster"
		}
		text := fmt.Sprintf("%s %s, Kubernetes %s", kind, cmp.Or(c.Name, c.Context), c.ServerVersion)
		if len(c.Nodes) > 0 {
			text += ", " + wording.Plural(len(c.Nodes), "node")
		}
		if len(c.Nodes) > 0 && c.Nodes[0].Runtime != "" {
			text += ", " + c.Nodes[0].Runtime
		}
		p.WriteString(wording.Wrap(text, "  ", terminal.Columns))
	}
	text := fmt.Sprintf("profile %s, %s, seed %d, run %s", r.Run.Profile, wording.Plural(r.Run.Procs, "process"), r.Run.Seed, r.Run.ID)
	if len(r.Run.Filters) > 0 {
		text += ", only " + strings.Join(r.Run.Filters, " and ")
	}
	p.WriteString(wording.Wrap(text, "  ", terminal.Columns))
	if c := r.Cluster; c != nil && c.Doubt != "" {
		p.WriteString("\n" + wording.Wrap(wording.DoubtHeading+": "+wording.Clean(c.Doubt)+".", "  ", terminal.Columns))
	}
}

// tables lists the claims of each subject. Laws have a line of their own, and a table
// only when one of them is not conformant.
func (p *summary) tables(r reports.Record) {
	var subjects []string
	shown := make(map[string][]reports.ClaimResult)
	lawTrouble := false
	for _, c := range r.Claims {
		if !c.Selected {
			continue
		}
		if !slices.Contains(subjects, c.Subject) {
			subjects = append(subjects, c.Subject)
		}
		shown[c.Subject] = append(shown[c.Subject], c)
		lawTrouble = lawTrouble || c.Subject == "laws" && c.Verdict != reports.Conformant
	}
	if !lawTrouble {
		subjects = slices.DeleteFunc(subjects, func(s string) bool { return s == "laws" })
	}
	id := 0
	for _, s := range subjects {
		for _, c := range shown[s] {
			id = max(id, len(c.ID))
		}
	}
	for _, s := range subjects {
		p.Line("\n%s", p.Paint(terminal.Bold, s))
		for _, c := range shown[s] {
			p.row(c, id)
		}
	}
}

// row is one claim: ID, verdict, sentence, seconds; below it what was measured, and why
// when the verdict is not a plain conformant.
func (p *summary) row(c reports.ClaimResult, idWidth int) {
	const verdictWidth, secondsWidth = len(reports.KnownDeviation), 7
	seconds := ""
	if c.Seconds > 0 {
		seconds = wording.Duration(c.Seconds)
	}
	sentenceWidth := terminal.Columns - 2 - idWidth - 2 - verdictWidth - 2 - 2 - secondsWidth
	sentence := wording.Shorten(c.Sentence, sentenceWidth)
	if seconds != "" {
		seconds = fmt.Sprintf("%s  %*s", strings.Repeat(" ", sentenceWidth-utf8.RuneCountInString(sentence)), secondsWidth, seconds)
	}
	p.Line("  %-*s  %s  %s%s", idWidth, c.ID,
		p.PaintVerdict(c.Verdict, fmt.Sprintf("%-*s", verdictWidth, c.Verdict)), sentence, seconds)

	indent := strings.Repeat(" ", 2+idWidth+2)
	for _, m := range c.Measured {
		text := fmt.Sprintf("%s: documented %s, measured %s", wording.Clean(m.What), wording.Clean(m.Documented), wording.Clean(m.Measured))
		if !m.OK {
			text += ", not as documented"
		}
		p.Line("%s", p.Paint(terminal.Faint, strings.TrimSuffix(wording.Wrap(text, indent, terminal.Columns), "\n")))
	}
	if c.Reason != "" && c.Verdict != reports.Nonconformant && c.Verdict != reports.Inconclusive {
		p.Line("%s", p.Paint(terminal.Faint, strings.TrimSuffix(wording.Wrap(wording.Clean(c.Reason), indent, terminal.Columns), "\n")))
	}
}

// problems tells everything about specs without a good result, and about broken laws.
func (p *summary) problems(r reports.Record) {
	if message := strings.TrimSpace(r.Run.SetupError); strings.Contains(message, "\n") {
		p.Line("\n%s", p.PaintVerdict(reports.Inconclusive, "SET-UP FAILED"))
		p.Quote(message)
	}
	claims := make(map[string]reports.ClaimResult, len(r.Claims))
	for _, c := range r.Claims {
		claims[c.ID] = c
	}
	for _, cluster := range []bool{true, false} {
		for _, s := range r.Specs {
			if s.State == reports.Failed && (s.Failure == reports.ClusterFailure) == cluster || s.State == reports.Interrupted && !cluster {
				p.problem(s, claims)
			}
		}
		if !cluster {
			break
		}
		for _, l := range r.Laws {
			if len(l.Broken) == 0 {
				continue
			}
			p.Line("\n%s  %s", p.PaintVerdict(reports.Nonconformant, "NONCONFORMANT"), p.Paint(terminal.Bold, l.ID))
			p.claim(claims[l.ID])
			for _, b := range l.Broken {
				p.Line("  %-8s  %s", "pod", wording.Clean(b.Pod))
				if b.Spec != "" {
					p.WriteString(hang("spec", b.Spec))
				}
				p.Quote(b.Message)
			}
		}
	}
	for _, c := range r.Claims {
		// What no failed spec explains: a skip without a reason, a measurement that
		// contradicts a pass.
		if c.Verdict == reports.Inconclusive && c.Selected && !p.explained(c, r.Specs) {
			p.Line("\n%s  %s", p.PaintVerdict(reports.Inconclusive, "INCONCLUSIVE"), p.Paint(terminal.Bold, c.ID))
			p.claim(c)
			p.Quote(c.Reason)
		}
	}
}

func (p *summary) explained(c reports.ClaimResult, specs []reports.Spec) bool {
	return slices.ContainsFunc(specs, func(s reports.Spec) bool {
		return (s.State == reports.Failed || s.State == reports.Interrupted) && slices.Contains(s.Claims, c.ID)
	})
}

func (p *summary) problem(s reports.Spec, claims map[string]reports.ClaimResult) {
	word, verdict := "INCONCLUSIVE", reports.Inconclusive
	if s.State == reports.Failed && s.Failure == reports.ClusterFailure {
		word, verdict = "NONCONFORMANT", reports.Nonconformant
	}
	p.Line("\n%s  %s", p.PaintVerdict(verdict, word), p.Paint(terminal.Bold, strings.Join(s.Claims, ", ")))
	for _, id := range s.Claims {
		if c, known := claims[id]; known {
			p.claim(c)
		}
	}
	p.WriteString(hang("spec", s.Text))
	p.Line("  %-8s  %s", "where", strings.Join(nonEmpty(s.Location, wording.Duration(s.Seconds), process(s.Process)), ", "))
	for _, file := range s.Evidence {
		p.Line("  %-8s  %s", "evidence", file)
	}
	if s.State == reports.Interrupted {
		p.Quote(cmp.Or(s.Message, "The run was stopped before this spec had a result."))
		return
	}
	p.Quote(cmp.Or(s.Message, "It failed without a message."))
}

// claim writes the sentence of a claim and where it is documented.
func (p *summary) claim(c reports.ClaimResult) {
	p.WriteString(wording.Wrap(c.Sentence, "  ", terminal.Columns))
	if c.Source != "" {
		p.Line("  %s", p.Paint(terminal.Faint, c.Source))
	}
}

// hang writes a label and text that is wrapped beside it.
func hang(label, text string) string {
	const indent = "            " // as wide as "  evidence  "
	return fmt.Sprintf("  %-8s  ", label) + strings.TrimPrefix(wording.Wrap(wording.Clean(text), indent, terminal.Columns), indent)
}

func nonEmpty(texts ...string) []string {
	return slices.DeleteFunc(texts, func(t string) bool { return t == "" })
}

func process(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("process %d", n)
}

func (p *summary) laws(r reports.Record) {
	p.Line("")
	checked := 0
	for _, l := range r.Laws {
		if l.Pods > 0 {
			checked++
		}
	}
	s := r.Summary
	switch {
	case checked == 0:
		p.Line("laws     not checked: this run had no pod that they apply to")
	case s.LawsBroken > 0:
		p.Line("laws     %s", p.Paint(terminal.Red, fmt.Sprintf("%d of %d broken", s.LawsBroken, checked)))
	default:
		p.Line("laws     %s, on up to %s of %s", heldText(r.Laws, checked), wording.Plural(s.LawVersions, "version"), wording.Plural(s.LawPods, "pod"))
	}
}

// heldText says of laws of which none is broken how many hold.
func heldText(laws []reports.Law, checked int) string {
	deviated := 0
	for _, l := range laws {
		if f := l.Finding(); f.Verdict == reports.KnownDeviation || f.Verdict == reports.Inconclusive {
			deviated++
		}
	}
	if deviated == 0 {
		return fmt.Sprintf("all %d held", checked)
	}
	return fmt.Sprintf("%d of %d held", checked-deviated, checked)
}

func (p *summary) setup(r reports.Record) {
	if len(r.Setup) == 0 {
		return
	}
	total := 0.0
	var steps []string
	for _, step := range r.Setup {
		total += step.Seconds
		text := fmt.Sprintf("%s %s", step.Step, wording.Duration(step.Seconds))
		if step.Error != "" {
			text += " (failed)"
		}
		steps = append(steps, text)
	}
	text := fmt.Sprintf("%s: %s", wording.Duration(total), strings.Join(steps, ", "))
	const indent = "         " // as wide as "set-up   "
	p.WriteString("set-up   " + strings.TrimPrefix(wording.Wrap(text, indent, terminal.Columns), indent))
}

func (p *summary) verdict(r reports.Record) {
	const indent = "         " // as wide as "claims   "
	p.WriteString("claims   " + strings.TrimPrefix(wording.Wrap(strings.Join(r.Summary.Texts(), ", "), indent, terminal.Columns), indent))

	word, verdict := r.Headline()
	text := word + ": " + wording.Clean(r.Reason)
	if r.Run.Interrupted && r.Verdict == reports.Nonconformant {
		text += ", in the specs that ran"
	}
	lines := "verdict  " + strings.TrimPrefix(wording.Wrap(text, indent, terminal.Columns), indent)
	p.WriteString(strings.Replace(lines, word, p.Paint(terminal.Bold, p.PaintVerdict(verdict, word)), 1))
}

// times says how long the specs took, against the longest of them: what parallel
// processes cannot shorten.
func (p *summary) times(r reports.Record) {
	var longest reports.Spec
	for _, s := range r.Specs {
		if s.Seconds > longest.Seconds {
			longest = s
		}
	}
	if longest.Seconds == 0 {
		return
	}
	text := fmt.Sprintf("specs took %s, the longest of them %s (%s)",
		wording.Duration(r.Run.SpecsSeconds), wording.Duration(longest.Seconds), wording.Clean(longest.Text))
	p.WriteString(wording.Wrap(text, "", terminal.Columns))
	// Alone on its line, as tools that count tests look for it.
	// A spec that found what it is known to find here has passed, the other way round.
	notRun := ""
	if r.Summary.SpecsNotRun > 0 {
		notRun = fmt.Sprintf(", %d not run", r.Summary.SpecsNotRun)
	}
	p.Line("specs: %d passed, %d failed, %d skipped%s", r.Summary.SpecsPassed+r.Summary.SpecsDeviated, r.Summary.SpecsFailed, r.Summary.SpecsSkipped, notRun)
}
