package reports

import (
	"fmt"
	"strings"
)

// Headline is the word for a run, and the verdict that gives it its colour.
func (r Record) Headline() (string, Verdict) {
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

// Texts says how many claims have each verdict, without those that none has.
func (s Counts) Texts() []string {
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
