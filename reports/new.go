package reports

import (
	"cmp"
	"slices"

	"github.com/podproof/podproof/fixtures/claims"
)

// New judges the outcomes of a run and makes its record. Specs include those that
// were filtered out: they are counted and not kept. The caller adds what it knows of
// the cluster and of set-up.
func New(catalogue []claims.Claim, run Run, specs []Spec, laws []Law) Record {
	j := Judge(catalogue, specs, laws, run)
	return Record{
		Schema:   Schema,
		Run:      run,
		Claims:   j.Claims,
		Specs:    listed(catalogue, specs),
		Laws:     append([]Law{}, laws...), // readers find a list also when there are none
		Summary:  j.Summary,
		Verdict:  j.Verdict,
		Reason:   j.Reason,
		ExitCode: exitCode(j, run),
	}
}

// exitCode maps a judgement to the exit code of the program. An interrupt comes
// first: whoever stopped the run did not ask for its verdict.
func exitCode(j Judgement, run Run) int {
	switch {
	case run.Interrupted:
		return ExitInterrupted
	case j.Verdict == Conformant:
		return ExitConformant
	case j.Verdict == Nonconformant:
		return ExitNonconformant
	case j.Verdict == NotRun && j.Summary.Specs == 0 && j.Summary.SpecsFiltered > 0:
		return ExitUsage // a filter that selects nothing
	default:
		return ExitCouldNotTest
	}
}

// listed returns the specs that a record lists, in the order of the catalogue and
// then of their text, so that two records of one suite can be compared line by line.
func listed(catalogue []claims.Claim, specs []Spec) []Spec {
	position := make(map[string]int, len(catalogue))
	for i, c := range catalogue {
		position[c.ID] = i
	}
	place := func(s Spec) int {
		first := len(catalogue)
		for _, id := range s.Claims {
			if i, known := position[id]; known {
				first = min(first, i)
			}
		}
		return first
	}
	kept := []Spec{}
	for _, s := range specs {
		if s.State == Filtered {
			continue
		}
		if s.Claims == nil {
			s.Claims = []string{}
		}
		kept = append(kept, s)
	}
	slices.SortStableFunc(kept, func(a, b Spec) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a.Text, b.Text))
	})
	return kept
}
