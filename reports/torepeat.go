package reports

import "slices"

// ToRepeat returns the IDs of the claims to run again: nonconformant and inconclusive ones,
// and those that the run did not reach. A broken law has no spec; it stands for the claims
// of the specs whose pods broke it. When set-up failed, the filters of the run are returned;
// no filters mean all claims.
func ToRepeat(r Record) []string {
	if r.Run.SetupError != "" {
		return r.Run.Filters
	}
	var ids []string
	law := map[string]bool{}
	for _, l := range r.Laws {
		law[l.ID] = true
		for _, b := range l.Broken {
			for _, s := range r.Specs {
				if b.By(s) {
					ids = append(ids, s.Claims...)
				}
			}
		}
	}
	for _, c := range r.Claims {
		again := c.Verdict == Nonconformant || c.Verdict == Inconclusive || c.Verdict == NotRun && c.Selected
		if again && !law[c.ID] {
			ids = append(ids, c.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
