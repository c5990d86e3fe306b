package conformance

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/internal/wording"
)

// Check returns everything in the report that cannot be right: numbers that do not add
// up, claims that are named twice or left out, a result that the claims contradict, and
// a part of a profile that claims to be the whole.
func (c Report) Check() []error {
	var problems []error
	must := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	must(c.Implementation.Project != "", "implementation.project is empty: name the implementation")
	must(c.Implementation.Version != "", "implementation.version is empty")
	must(c.Versions.Kubernetes != "", "versions.kubernetes is empty")
	must(c.Podproof != "", "podproof, its version, is empty")
	must(!c.Date.IsZero(), "date is empty")
	must(c.Seconds >= 0, "seconds is %v", c.Seconds)
	must(slices.Contains(claims.Profiles(), claims.Profile(c.Profile)), "profile is %q; the profiles are quick and full", c.Profile)

	counted := c.Verdicts.count()
	for _, n := range []struct {
		name          string
		says, counted int
	}{
		{"conformant", c.Summary.Conformant, counted.Conformant},
		{"nonconformant", c.Summary.Nonconformant, counted.Nonconformant},
		{"knownDeviation", c.Summary.KnownDeviation, counted.KnownDeviation},
		{"inconclusive", c.Summary.Inconclusive, counted.Inconclusive},
		{"notApplicable", c.Summary.NotApplicable, counted.NotApplicable},
		{"notRun", c.Summary.NotRun, counted.NotRun},
		{"notSelected", c.Summary.NotSelected, counted.NotSelected},
	} {
		must(n.says == n.counted, "summary.%s is %d, but verdicts.%s names %d", n.name, n.says, n.name, n.counted)
	}
	s := c.Summary
	sum := s.Conformant + s.Nonconformant + s.KnownDeviation + s.Inconclusive + s.NotApplicable + s.NotRun + s.NotSelected
	must(s.Claims == sum, "summary.claims is %d, but the verdicts add up to %d", s.Claims, sum)
	problems = append(problems, c.checkNames()...)
	problems = append(problems, c.checkResult()...)
	if c.WholeProfile {
		for _, why := range c.partial() {
			must(false, "wholeProfile is true, but %s", why)
		}
	}
	return problems
}

// checkNames compares the claims with the catalogue.
func (c Report) checkNames() []error {
	var problems []error
	place := map[string]string{}
	for _, l := range c.Verdicts.lists() {
		for _, named := range l.claims {
			if other, twice := place[named.ID]; twice {
				problems = append(problems, fmt.Errorf("claim %s is named twice, under verdicts.%s and verdicts.%s", named.ID, other, l.name))
			}
			place[named.ID] = l.name
			if named.Seconds < 0 {
				problems = append(problems, fmt.Errorf("claim %s took %v seconds", named.ID, named.Seconds))
			}
			if _, err := claims.Find(named.ID); err != nil {
				problems = append(problems, fmt.Errorf("verdicts.%s names %s, which this podproof does not know: check the report with the podproof that made it (%s)", l.name, named.ID, c.Podproof))
			}
		}
	}
	for _, known := range claims.All() {
		if place[known.ID] == "" {
			problems = append(problems, fmt.Errorf("claim %s has no verdict: it was left out, or another podproof (%s) made the report", known.ID, c.Podproof))
		}
	}
	return problems
}

// checkResult compares the result with the verdicts that it follows from.
func (c Report) checkResult() []error {
	var problems []error
	bad, doubtful := len(c.Verdicts.Nonconformant), len(c.Verdicts.Inconclusive)+len(c.Verdicts.NotRun)
	good := len(c.Verdicts.Conformant) + len(c.Verdicts.KnownDeviation)
	switch c.Result {
	case reports.Conformant:
		if bad > 0 {
			problems = append(problems, fmt.Errorf("result is conformant, but verdicts.nonconformant names %d", bad))
		}
		if doubtful > 0 {
			problems = append(problems, fmt.Errorf("result is conformant, but %s inconclusive or not run", are(doubtful)))
		}
		if good == 0 {
			problems = append(problems, fmt.Errorf("result is conformant, but no claim is"))
		}
	case reports.Nonconformant, reports.Inconclusive, reports.NotRun:
		if c.Result != reports.Nonconformant && bad > 0 {
			problems = append(problems, fmt.Errorf("result is %s, but verdicts.nonconformant names %d", c.Result, bad))
		}
	default:
		problems = append(problems, fmt.Errorf("result is %q; it must be conformant, nonconformant, inconclusive or not run", c.Result))
	}
	return problems
}

// partial says why the report is not of the whole profile.
func (c Report) partial() []string {
	var why []string
	if len(c.Filters) > 0 {
		why = append(why, "the run was made with filters: "+strings.Join(c.Filters, ", "))
	}
	var left []string
	for _, named := range c.Verdicts.NotSelected {
		claim, err := claims.Find(named.ID)
		// No profile leaves a law out; a run may have had no Pod that came to it.
		if err != nil || !claim.Law && claims.Profile(c.Profile).Includes(claim.Profile) {
			left = append(left, named.ID)
		}
	}
	if len(left) > 0 {
		why = append(why, fmt.Sprintf("it leaves out claims of the profile %s: %s", c.Profile, strings.Join(left, ", ")))
	}
	if n := len(c.Verdicts.NotRun); n > 0 {
		why = append(why, fmt.Sprintf("%s not run", are(n)))
	}
	return why
}

type namedList struct {
	name   string
	claims []Claim
}

func (c ClaimsByVerdict) lists() []namedList {
	return []namedList{
		{"conformant", c.Conformant}, {"nonconformant", c.Nonconformant}, {"knownDeviation", c.KnownDeviation},
		{"inconclusive", c.Inconclusive}, {"notApplicable", c.NotApplicable}, {"notRun", c.NotRun}, {"notSelected", c.NotSelected},
	}
}

func are(n int) string {
	if n == 1 {
		return "1 claim is"
	}
	return fmt.Sprintf("%d claims are", n)
}

// tenths rounds to what a published time is good for.
func tenths(seconds float64) float64 { return math.Round(seconds*10) / 10 }

// once appends a text that is not there yet.
func once(texts []string, text string) []string {
	if text == "" || slices.Contains(texts, text) {
		return texts
	}
	return append(texts, text)
}

func firstLineOrNone(text string) string {
	if strings.TrimSpace(text) == "" {
		return ""
	}
	return wording.FirstLine(text)
}
