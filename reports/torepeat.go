package reports

import "slices"

// ToRepeat are the claims that have to be run again, by ID, because the record has no good
// verdict on them: those that are nonconformant or inconclusive, and those that the run
// did not come to. A law has no spec of its own: it stands for the claims of the specs on
// whose pods it was broken. When set-up failed, they are the filters of the run; none of
// them are all claims.
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
