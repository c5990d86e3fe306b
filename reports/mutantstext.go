package reports

import (
	"fmt"
	"slices"
	"strings"
)

// MutantsText writes the record of mutants for people: each mutant with what became of
// it and the failure that killed it, the matrix of claims by mutants, the claims that
// nothing has proven, and a last line with the counts.
func MutantsText(r MutantsRecord, colour bool) string {
	p := &page{colour: colour}
	p.line("%s", p.paint(bold, strings.TrimSpace("podproof "+r.Version+" mutants")))
	if r.ServerVersion != "" {
		p.line("  of Kubernetes %s, run %s", r.ServerVersion, r.ID)
	}
	component := ""
	for _, m := range r.Mutants {
		if m.Component != component {
			component = m.Component
			p.line("\n%s", p.paint(bold, strings.TrimSpace(component+" "+m.Version)))
		}
		p.mutant(m)
	}
	p.matrix(r)
	if r.Upstream != nil {
		p.upstream(*r.Upstream)
	}
	p.line("")
	if r.Error != "" {
		p.line("%s", p.paintVerdict(Inconclusive, "COULD NOT TEST"))
		p.quote(r.Error)
	}
	switch {
	case r.Afterwards == Conformant:
		p.line("restored cluster: conformant")
	case r.Afterwards != "":
		p.WriteString(wrap(p.paintVerdict(r.Afterwards, "restored cluster: "+string(r.Afterwards))+": "+clean(r.AfterwardsReason), "", columns))
	}
	p.WriteString(wrap(mutantCounts(r), "", columns))
	if r.Upstream != nil {
		p.WriteString(wrap(upstreamCounts(r), "", columns))
	}
	return p.String()
}

// mutant is one mutant: ID, outcome, what is wrong with it, then what it turned red and
// what it should have.
func (p *page) mutant(m MutantResult) {
	took := m.Seconds.Build + m.Seconds.Swap + m.Seconds.Specs + m.Seconds.Upstream + m.Seconds.Restore
	p.line("  %s  %s  %s", p.paintOutcome(m.Outcome, fmt.Sprintf("%-*s", len(NotMeant), m.Outcome)), m.ID, p.paint(faint, duration(took)))
	const indent = "      "
	p.WriteString(wrap(clean(m.Wrong), indent, columns))
	if m.Reason != "" {
		p.WriteString(wrap(clean(m.Reason), indent, columns))
	}
	var others []string
	for _, c := range m.Red {
		if c.Expected {
			p.WriteString(wrap(fmt.Sprintf("%s red: %s", c.Claim, clean(firstLine(c.Reason))), indent, columns))
		} else {
			others = append(others, c.Claim)
		}
	}
	for _, c := range m.Missed {
		p.WriteString(wrap(strings.TrimSuffix(fmt.Sprintf("%s NOT red but %s: %s", c.Claim, c.Verdict, clean(firstLine(c.Reason))), ": "), indent, columns))
	}
	if len(others) > 0 {
		p.WriteString(wrap("also red: "+strings.Join(others, ", "), indent, columns))
	}
	if m.Upstream != nil {
		p.WriteString(wrap(clean(upstreamOn(*m.Upstream)), indent, columns))
	}
}

func (p *page) paintOutcome(o Outcome, text string) string {
	switch o {
	case Killed:
		return p.paint(green, text)
	case Survived, KilledByOthers, KilledInPart:
		return p.paint(red, text)
	case NotMeant, Unseen:
		return p.paint(faint, text)
	default:
		return p.paint(yellow, text)
	}
}

// matrix lists the claims with the mutants that turned them red. (A table with a column
// for each mutant would be wider than any screen.) What no mutant has turned red is worth
// a line only when all of them were run.
func (p *page) matrix(r MutantsRecord) {
	width := 0
	for _, c := range r.Proven {
		if len(c.Mutants) > 0 {
			width = max(width, len(c.Claim))
		}
	}
	if width > 0 {
		p.line("\n%s", p.paint(bold, "claims and the mutants that turned them red"))
	}
	for _, c := range r.Proven {
		if len(c.Mutants) > 0 {
			text := wrap(strings.Join(c.Mutants, ", "), strings.Repeat(" ", width+4), columns)
			p.line("  %-*s  %s", width, c.Claim, strings.TrimSpace(text))
		}
	}
	if unproven := r.Unproven(); len(unproven) > 0 && len(r.Filters) == 0 && len(r.Mutants) > 0 && !r.Interrupted && r.Error == "" {
		p.WriteString("\n" + wrap(p.paint(yellow, "unproven")+", no mutant turned them red: "+strings.Join(unproven, ", "), "", columns))
	}
}

// mutantCounts is the line that says it all.
func mutantCounts(r MutantsRecord) string {
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
	return fmt.Sprintf("%s: %s; %d of %s proven by a mutant", plural(len(r.Mutants), "mutant"), strings.Join(parts, ", "), proven, plural(len(r.Proven), "claim"))
}
