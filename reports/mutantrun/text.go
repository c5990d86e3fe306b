package mutantrun

import (
	"fmt"
	"slices"
	"strings"

	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/internal/terminal"
	"github.com/podproof/podproof/reports/internal/wording"
)

// Text writes the record of mutants for people: each mutant with what became of
// it and the failure that killed it, the matrix of claims by mutants, the claims that
// nothing has proven, and a last line with the counts.
func Text(r Record, colour bool) string {
	p := &killings{terminal.Sheet{Colour: colour}}
	p.Line("%s", p.Paint(terminal.Bold, strings.TrimSpace("podproof "+r.Version+" mutants")))
	if r.ServerVersion != "" {
		p.Line("  of Kubernetes %s, run %s", r.ServerVersion, r.ID)
	}
	component := ""
	for _, m := range r.Mutants {
		if m.Component != component {
			component = m.Component
			p.Line("\n%s", p.Paint(terminal.Bold, strings.TrimSpace(component+" "+m.Version)))
		}
		p.mutant(m)
	}
	p.matrix(r)
	if r.Upstream != nil {
		p.upstream(*r.Upstream)
	}
	p.Line("")
	if r.Error != "" {
		p.Line("%s", p.PaintVerdict(reports.Inconclusive, "COULD NOT TEST"))
		p.Quote(r.Error)
	}
	switch {
	case r.Afterwards == reports.Conformant:
		p.Line("restored cluster: conformant")
	case r.Afterwards != "":
		p.WriteString(wording.Wrap(p.PaintVerdict(r.Afterwards, "restored cluster: "+string(r.Afterwards))+": "+wording.Clean(r.AfterwardsReason), "", terminal.Columns))
	}
	p.WriteString(wording.Wrap(counts(r), "", terminal.Columns))
	if r.Upstream != nil {
		p.WriteString(wording.Wrap(upstreamCounts(r), "", terminal.Columns))
	}
	return p.String()
}

// killings is the text while it is being made.
type killings struct{ terminal.Sheet }

// mutant is one mutant: ID, outcome, what is wrong with it, then what it turned red and
// what it should have.
func (p *killings) mutant(m Result) {
	took := m.Seconds.Build + m.Seconds.Swap + m.Seconds.Specs + m.Seconds.Upstream + m.Seconds.Restore
	p.Line("  %s  %s  %s", p.paintOutcome(m.Outcome, fmt.Sprintf("%-*s", len(NotMeant), m.Outcome)), m.ID, p.Paint(terminal.Faint, wording.Duration(took)))
	const indent = "      "
	p.WriteString(wording.Wrap(wording.Clean(m.Wrong), indent, terminal.Columns))
	if m.Reason != "" {
		p.WriteString(wording.Wrap(wording.Clean(m.Reason), indent, terminal.Columns))
	}
	var others []string
	for _, c := range m.Red {
		if c.Expected {
			p.WriteString(wording.Wrap(fmt.Sprintf("%s red: %s", c.Claim, wording.Clean(wording.FirstLine(c.Reason))), indent, terminal.Columns))
		} else {
			others = append(others, c.Claim)
		}
	}
	for _, c := range m.Missed {
		p.WriteString(wording.Wrap(strings.TrimSuffix(fmt.Sprintf("%s NOT red but %s: %s", c.Claim, c.Verdict, wording.Clean(wording.FirstLine(c.Reason))), ": "), indent, terminal.Columns))
	}
	if len(others) > 0 {
		p.WriteString(wording.Wrap("also red: "+strings.Join(others, ", "), indent, terminal.Columns))
	}
	if m.Upstream != nil {
		p.WriteString(wording.Wrap(wording.Clean(upstreamOn(*m.Upstream)), indent, terminal.Columns))
	}
}

func (p *killings) paintOutcome(o Outcome, text string) string {
	switch o {
	case Killed:
		return p.Paint(terminal.Green, text)
	case Survived, KilledByOthers, KilledInPart:
		return p.Paint(terminal.Red, text)
	case NotMeant, Unseen:
		return p.Paint(terminal.Faint, text)
	default:
		return p.Paint(terminal.Yellow, text)
	}
}

// matrix lists the claims with the mutants that turned them red. (A table with a column
// for each mutant would be wider than any screen.) What no mutant has turned red is worth
// a line only when all of them were run.
func (p *killings) matrix(r Record) {
	width := 0
	for _, c := range r.Proven {
		if len(c.Mutants) > 0 {
			width = max(width, len(c.Claim))
		}
	}
	if width > 0 {
		p.Line("\n%s", p.Paint(terminal.Bold, "claims and the mutants that turned them red"))
	}
	for _, c := range r.Proven {
		if len(c.Mutants) > 0 {
			text := wording.Wrap(strings.Join(c.Mutants, ", "), strings.Repeat(" ", width+4), terminal.Columns)
			p.Line("  %-*s  %s", width, c.Claim, strings.TrimSpace(text))
		}
	}
	if unproven := r.Unproven(); len(unproven) > 0 && len(r.Filters) == 0 && len(r.Mutants) > 0 && !r.Interrupted && r.Error == "" {
		p.WriteString("\n" + wording.Wrap(p.Paint(terminal.Yellow, "unproven")+", no mutant turned them red: "+strings.Join(unproven, ", "), "", terminal.Columns))
	}
}

// counts is the line that says it all.
func counts(r Record) string {
	var parts []string
	for _, o := range []Outcome{Killed, KilledInPart, KilledByOthers, Survived, Undecided, Unseen, NotMeant, DoesNotFit, Broken} {
		n := 0
		for _, m := range r.Mutants {
			if m.Outcome == o {
				n++
			}
		}
		if n > 0 || o == Killed || o == Survived {
			parts = append(parts, fmt.Sprintf("%d %s", n, o))
		}
	}
	proven := len(slices.DeleteFunc(slices.Clone(r.Proven), func(c ProvenClaim) bool { return len(c.Mutants) == 0 }))
	return fmt.Sprintf("%s: %s; %d of %s proven by a mutant", wording.Plural(len(r.Mutants), "mutant"), strings.Join(parts, ", "), proven, wording.Plural(len(r.Proven), "claim"))
}
