package reports

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// columns is the width that the summary fits into, messages of failures excepted.
const columns = 100

// Summary writes the record for people: a table for each subject, then what failed in
// full, then one line each for the laws, set-up, the verdict and the time. With colour
// it uses terminal colours; the words say everything without them.
func Summary(w io.Writer, r Record, colour bool) error {
	p := &page{colour: colour}
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

// page is the summary while it is being made.
type page struct {
	bytes.Buffer
	colour bool
}

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// Terminal colours (SGR codes).
const (
	bold   = "1"
	faint  = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (p *page) paint(code, text string) string {
	if !p.colour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (p *page) paintVerdict(v Verdict, text string) string {
	switch v {
	case Conformant:
		return p.paint(green, text)
	case Nonconformant:
		return p.paint(red, text)
	case Inconclusive, NotRun, KnownDeviation:
		return p.paint(yellow, text)
	default:
		return p.paint(faint, text)
	}
}

// doubtHeading introduces Cluster.Doubt, as the page's template does.
const doubtHeading = "Before the specs began, the nodes said what cannot be true"

// head says what was tested and how.
func (p *page) head(r Record) {
	p.line("%s", p.paint(bold, strings.TrimSpace("podproof "+r.Run.Version)))
	if c := r.Cluster; c != nil {
		kind := "cluster"
		if c.Kind {
			kind = "kind cluster"
		}
		text := fmt.Sprintf("%s %s, Kubernetes %s", kind, cmp.Or(c.Name, c.Context), c.ServerVersion)
		if len(c.Nodes) > 0 {
			text += ", " + plural(len(c.Nodes), "node")
		}
		if len(c.Nodes) > 0 && c.Nodes[0].Runtime != "" {
			text += ", " + c.Nodes[0].Runtime
		}
		p.WriteString(wrap(text, "  ", columns))
	}
	text := fmt.Sprintf("profile %s, %s, seed %d, run %s", r.Run.Profile, pluralProcess(r.Run.Procs), r.Run.Seed, r.Run.ID)
	if len(r.Run.Filters) > 0 {
		text += ", only " + strings.Join(r.Run.Filters, " and ")
	}
	p.WriteString(wrap(text, "  ", columns))
	if c := r.Cluster; c != nil && c.Doubt != "" {
		p.WriteString("\n" + wrap(doubtHeading+": "+clean(c.Doubt)+".", "  ", columns))
	}
}

func pluralProcess(n int) string {
	if n == 1 {
		return "1 process"
	}
	return fmt.Sprintf("%d processes", n)
}

// tables lists the claims of each subject. Laws have a line of their own, and a table
// only when one of them is not conformant.
func (p *page) tables(r Record) {
	var subjects []string
	shown := make(map[string][]ClaimResult)
	lawTrouble := false
	for _, c := range r.Claims {
		if !c.Selected {
			continue
		}
		if !slices.Contains(subjects, c.Subject) {
			subjects = append(subjects, c.Subject)
		}
		shown[c.Subject] = append(shown[c.Subject], c)
		lawTrouble = lawTrouble || c.Subject == "laws" && c.Verdict != Conformant
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
		p.line("\n%s", p.paint(bold, s))
		for _, c := range shown[s] {
			p.row(c, id)
		}
	}
}

// row is one claim: ID, verdict, sentence, seconds; below it what was measured, and why
// when the verdict is not a plain conformant.
func (p *page) row(c ClaimResult, idWidth int) {
	const verdictWidth, secondsWidth = len(KnownDeviation), 7
	seconds := ""
	if c.Seconds > 0 {
		seconds = duration(c.Seconds)
	}
	sentenceWidth := columns - 2 - idWidth - 2 - verdictWidth - 2 - 2 - secondsWidth
	sentence := shorten(c.Sentence, sentenceWidth)
	if seconds != "" {
		seconds = fmt.Sprintf("%s  %*s", strings.Repeat(" ", sentenceWidth-utf8.RuneCountInString(sentence)), secondsWidth, seconds)
	}
	p.line("  %-*s  %s  %s%s", idWidth, c.ID,
		p.paintVerdict(c.Verdict, fmt.Sprintf("%-*s", verdictWidth, c.Verdict)), sentence, seconds)

	indent := strings.Repeat(" ", 2+idWidth+2)
	for _, m := range c.Measured {
		text := fmt.Sprintf("%s: documented %s, measured %s", clean(m.What), clean(m.Documented), clean(m.Measured))
		if !m.OK {
			text += ", not as documented"
		}
		p.line("%s", p.paint(faint, strings.TrimSuffix(wrap(text, indent, columns), "\n")))
	}
	if c.Reason != "" && c.Verdict != Nonconformant && c.Verdict != Inconclusive {
		p.line("%s", p.paint(faint, strings.TrimSuffix(wrap(clean(c.Reason), indent, columns), "\n")))
	}
}

// problems tells everything about specs without a good result, and about broken laws.
func (p *page) problems(r Record) {
	if message := strings.TrimSpace(r.Run.SetupError); strings.Contains(message, "\n") {
		p.line("\n%s", p.paintVerdict(Inconclusive, "SET-UP FAILED"))
		p.quote(message)
	}
	claims := make(map[string]ClaimResult, len(r.Claims))
	for _, c := range r.Claims {
		claims[c.ID] = c
	}
	for _, cluster := range []bool{true, false} {
		for _, s := range r.Specs {
			if s.State == Failed && (s.Failure == ClusterFailure) == cluster || s.State == Interrupted && !cluster {
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
			p.line("\n%s  %s", p.paintVerdict(Nonconformant, "NONCONFORMANT"), p.paint(bold, l.ID))
			p.claim(claims[l.ID])
			for _, b := range l.Broken {
				p.line("  %-8s  %s", "pod", clean(b.Pod))
				if b.Spec != "" {
					p.WriteString(hang("spec", b.Spec))
				}
				p.quote(b.Message)
			}
		}
	}
	for _, c := range r.Claims {
		// What no failed spec explains: a skip without a reason, a measurement that
		// contradicts a pass.
		if c.Verdict == Inconclusive && c.Selected && !p.explained(c, r.Specs) {
			p.line("\n%s  %s", p.paintVerdict(Inconclusive, "INCONCLUSIVE"), p.paint(bold, c.ID))
			p.claim(c)
			p.quote(c.Reason)
		}
	}
}

func (p *page) explained(c ClaimResult, specs []Spec) bool {
	return slices.ContainsFunc(specs, func(s Spec) bool {
		return (s.State == Failed || s.State == Interrupted) && slices.Contains(s.Claims, c.ID)
	})
}

func (p *page) problem(s Spec, claims map[string]ClaimResult) {
	word, verdict := "INCONCLUSIVE", Inconclusive
	if s.State == Failed && s.Failure == ClusterFailure {
		word, verdict = "NONCONFORMANT", Nonconformant
	}
	p.line("\n%s  %s", p.paintVerdict(verdict, word), p.paint(bold, strings.Join(s.Claims, ", ")))
	for _, id := range s.Claims {
		if c, known := claims[id]; known {
			p.claim(c)
		}
	}
	p.WriteString(hang("spec", s.Text))
	p.line("  %-8s  %s", "where", strings.Join(nonEmpty(s.Location, duration(s.Seconds), process(s.Process)), ", "))
	for _, file := range s.Evidence {
		p.line("  %-8s  %s", "evidence", file)
	}
	if s.State == Interrupted {
		p.quote(cmp.Or(s.Message, "The run was stopped before this spec had a result."))
		return
	}
	p.quote(cmp.Or(s.Message, "It failed without a message."))
}

// claim writes the sentence of a claim and where it is documented.
func (p *page) claim(c ClaimResult) {
	p.WriteString(wrap(c.Sentence, "  ", columns))
	if c.Source != "" {
		p.line("  %s", p.paint(faint, c.Source))
	}
}

// quote writes a message as it is, indented.
func (p *page) quote(message string) {
	p.line("")
	for line := range strings.Lines(strings.TrimRight(clean(message), "\n") + "\n") {
		if line = strings.TrimRight(line, "\n"); line == "" {
			p.line("")
			continue
		}
		p.line("    %s", line)
	}
}

// hang writes a label and text that is wrapped beside it.
func hang(label, text string) string {
	const indent = "            " // as wide as "  evidence  "
	return fmt.Sprintf("  %-8s  ", label) + strings.TrimPrefix(wrap(clean(text), indent, columns), indent)
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

func (p *page) laws(r Record) {
	p.line("")
	checked := 0
	for _, l := range r.Laws {
		if l.Pods > 0 {
			checked++
		}
	}
	s := r.Summary
	switch {
	case checked == 0:
		p.line("laws     not checked: no pod came to what they are about")
	case s.LawsBroken > 0:
		p.line("laws     %s", p.paint(red, fmt.Sprintf("%d of %d broken", s.LawsBroken, checked)))
	default:
		p.line("laws     all %d held, on up to %s of %s", checked, plural(s.LawVersions, "version"), plural(s.LawPods, "pod"))
	}
}

func (p *page) setup(r Record) {
	if len(r.Setup) == 0 {
		return
	}
	total := 0.0
	var steps []string
	for _, step := range r.Setup {
		total += step.Seconds
		text := fmt.Sprintf("%s %s", step.Step, duration(step.Seconds))
		if step.Error != "" {
			text += " (failed)"
		}
		steps = append(steps, text)
	}
	text := fmt.Sprintf("%s: %s", duration(total), strings.Join(steps, ", "))
	const indent = "         " // as wide as "set-up   "
	p.WriteString("set-up   " + strings.TrimPrefix(wrap(text, indent, columns), indent))
}

func (p *page) verdict(r Record) {
	const indent = "         " // as wide as "claims   "
	p.WriteString("claims   " + strings.TrimPrefix(wrap(strings.Join(countTexts(r.Summary), ", "), indent, columns), indent))

	word, verdict := headline(r)
	text := word + ": " + clean(r.Reason)
	if r.Run.Interrupted && r.Verdict == Nonconformant {
		text += " in what had run until then"
	}
	lines := "verdict  " + strings.TrimPrefix(wrap(text, indent, columns), indent)
	p.WriteString(strings.Replace(lines, word, p.paint(bold, p.paintVerdict(verdict, word)), 1))
}

// headline is the word for a run, and the verdict that gives it its colour.
func headline(r Record) (string, Verdict) {
	switch {
	case r.Run.Interrupted && r.Verdict != Nonconformant:
		return "INTERRUPTED", Inconclusive
	case r.Run.Interrupted:
		return "INTERRUPTED", Nonconformant
	case r.Verdict == Inconclusive || r.Verdict == NotRun:
		return "COULD NOT TEST", Inconclusive
	default:
		return strings.ToUpper(string(r.Verdict)), r.Verdict
	}
}

// countTexts says how many claims have each verdict, without those that none has.
func countTexts(s Counts) []string {
	var counts []string
	for _, c := range []struct {
		n    int
		text string
	}{
		{s.Conformant, "conformant"}, {s.Nonconformant, "nonconformant"}, {s.Inconclusive, "inconclusive"},
		{s.KnownDeviation, "known to deviate"}, {s.NotApplicable, "not applicable"}, {s.NotRun, "not run"}, {s.NotSelected, "not selected"},
	} {
		if c.n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", c.n, c.text))
		}
	}
	if len(counts) == 0 {
		return []string{"none"}
	}
	return counts
}

// times says how long the specs took, against the longest of them: what parallel
// processes cannot shorten.
func (p *page) times(r Record) {
	var longest Spec
	for _, s := range r.Specs {
		if s.Seconds > longest.Seconds {
			longest = s
		}
	}
	if longest.Seconds == 0 {
		return
	}
	text := fmt.Sprintf("specs took %s, the longest of them %s (%s)",
		duration(r.Run.SpecsSeconds), duration(longest.Seconds), clean(longest.Text))
	p.WriteString(wrap(text, "", columns))
	// Alone on its line, as tools that count tests look for it.
	// A spec that found what it is known to find here has passed, the other way round.
	notRun := ""
	if r.Summary.SpecsNotRun > 0 {
		notRun = fmt.Sprintf(", %d not run", r.Summary.SpecsNotRun)
	}
	p.line("specs: %d passed, %d failed, %d skipped%s", r.Summary.SpecsPassed+r.Summary.SpecsDeviated, r.Summary.SpecsFailed, r.Summary.SpecsSkipped, notRun)
}
