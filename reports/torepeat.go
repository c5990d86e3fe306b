package reports

import (
	"slices"

	"github.com/podproof/podproof/fixtures/claims"
)

// ToRepeat are the claims that have to be run again, by ID, because the record has no good
// verdict on them: those that are nonconformant or inconclusive, and those that the run
// did not come to. A law has no spec of its own: it stands for the claims of the specs on
// whose pods it was broken, or, where these are not known, for those that it speaks for.
// When set-up failed, they are the filters of the run; none of them are all claims.
func ToRepeat(r Record) []string {
	if r.Run.SetupError != "" {
		return r.Run.Filters
	}
	specs := map[string][]string{} // claims by text
	for _, s := range r.Specs {
		specs[s.Text] = s.Claims
	}
	laws := map[string][]string{} // claims of the specs that broke a law
	for _, l := range r.Laws {
		laws[l.ID] = nil
		for _, b := range l.Broken {
			laws[l.ID] = append(laws[l.ID], specs[b.Spec]...)
		}
	}
	var ids []string
	for _, c := range r.Claims {
		again := c.Verdict == Nonconformant || c.Verdict == Inconclusive || c.Verdict == NotRun && c.Selected
		of, law := laws[c.ID]
		if known, err := claims.Find(c.ID); err == nil && known.Law {
			law = true
			if len(of) == 0 {
				of = known.SpeaksFor
			}
		}
		switch {
		case !again:
		case law && c.Verdict != NotRun: // it was not run where there was no pod for it
			ids = append(ids, of...)
		case !law:
			ids = append(ids, c.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
