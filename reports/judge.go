package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/fixtures/mutants"
	"github.com/podproof/podproof/reports/internal/wording"
)

// Judgement is what follows from the outcomes of a run.
type Judgement struct {
	Claims  []ClaimResult // one for every claim of the catalogue, in its order
	Summary Counts
	Verdict Verdict // of the whole run
	Reason  string
}

// Judge gives a verdict on every claim and on the run. It is a pure function of what
// happened:
//
//   - a spec that failed because of the cluster makes its claims nonconformant,
//     whatever else was found;
//   - a spec that failed because of the suite, that was stopped, or that was skipped
//     without a reason leaves its claims inconclusive: that is never the cluster's
//     fault and never success;
//   - a spec that found a known deviation, where its version has one, makes that the
//     verdict of its claim, and is no reason against the run;
//   - a broken law makes its own claim and those that it speaks for nonconformant; one that
//     only a known bug of this version breaks is a known deviation;
//   - a claim is conformant only when every selected spec of it passed or does not
//     apply here, and at least one passed;
//   - a run in which no spec passed or failed proves nothing, and is not conformant.
func Judge(catalogue []claims.Claim, specs []Spec, laws []Law, run Run) Judgement {
	j := Judgement{}
	lawsByID := make(map[string]Law, len(laws))
	for _, l := range laws {
		lawsByID[l.ID] = l
	}
	specsByClaim := make(map[string][]Spec)
	for _, s := range specs {
		for _, id := range s.Claims {
			specsByClaim[id] = append(specsByClaim[id], s)
		}
	}
	spokenFor := make(map[string][]Law)
	for _, c := range catalogue {
		if law, checked := lawsByID[c.ID]; c.Law && checked {
			for _, id := range c.SpeaksFor {
				spokenFor[id] = append(spokenFor[id], law)
			}
		}
	}
	for _, c := range catalogue {
		var result ClaimResult
		if law, checked := lawsByID[c.ID]; c.Law {
			result = judgeLaw(c, law, checked)
		} else {
			result = judgeClaim(c, specsByClaim[c.ID], spokenFor[c.ID], run)
		}
		result.ID, result.Subject, result.Sentence, result.Strength = c.ID, c.Subject, c.Sentence, string(c.Strength)
		if len(c.Sources) > 0 {
			result.Source, result.Sources = c.Sources[0].URL, c.Sources
		}
		result.Mutants = mutants.Against(c.ID)
		result.Article, result.ArticleVerdict, result.ArticleWhy = c.Article, c.ArticleVerdict, c.ArticleWhy
		j.Claims = append(j.Claims, result)
	}
	j.Summary = count(j.Claims, specs, laws)
	j.Verdict, j.Reason = judgeRun(j, specs, run, mistakes(catalogue, specs, laws))
	return j
}

// Finding is what one spec or one law says about a claim.
type Finding struct {
	Verdict Verdict
	Reason  string
}

// Finding is what the spec says about one of its claims.
func (s Spec) Finding(claim string) Finding {
	switch s.State {
	case Passed:
		for _, m := range s.Measured {
			if m.Claim == claim && !m.OK {
				return Finding{Inconclusive, fmt.Sprintf("the spec passed, but it measured %s (%s); the documented value is %s",
					m.Measured, m.What, m.Documented)}
			}
		}
		return Finding{Conformant, ""}
	case Deviated:
		if s.Deviation == nil {
			return Finding{Inconclusive, "the spec found a known deviation but does not name it"}
		}
		if s.Deviation.Claim != claim {
			return Finding{Inconclusive, "its spec also proves " + s.Deviation.Claim + " and found a " + s.Deviation.String()}
		}
		return Finding{KnownDeviation, s.Deviation.String()}
	case Failed:
		if s.Failure == ClusterFailure {
			return Finding{Nonconformant, wording.FirstLine(s.Message)}
		}
		return Finding{Inconclusive, "could not be tested: " + wording.FirstLine(s.Message)}
	case Skipped:
		if s.SkipReason == "" {
			return Finding{Inconclusive, "the spec was skipped without a reason"}
		}
		return Finding{NotApplicable, s.SkipReason}
	case Interrupted:
		return Finding{NotRun, "the run was stopped before the spec had a result"}
	case Unstarted:
		return Finding{NotRun, "the run ended before the spec started"}
	default:
		return Finding{Inconclusive, fmt.Sprintf("the spec ended in a state that is not known: %q", s.State)}
	}
}

// Finding is what the check of a law says about its own claim and about those
// that it speaks for.
func (l Law) Finding() Finding {
	switch {
	case len(l.Broken) > 0:
		first := l.Broken[0]
		reason := fmt.Sprintf("%s is broken on pod %s: %s", l.ID, first.Pod, wording.FirstLine(first.Message))
		if more := len(l.Broken) - 1; more > 0 {
			reason += fmt.Sprintf(" (and on %s)", wording.Plural(more, "more pod"))
		}
		return Finding{Nonconformant, reason}
	case len(l.Unsure) > 0:
		return Finding{Inconclusive, fmt.Sprintf("could not be tested on pod %s: %s", l.Unsure[0].Pod, strings.ReplaceAll(l.Unsure[0].Message, "\n", "; "))}
	case len(l.Deviated) > 0:
		first := l.Deviated[0]
		reason := first.Deviation.String() + " It is seen on pod " + first.Pod
		if more := len(l.Deviated) - 1; more > 0 {
			reason += " and on " + wording.Plural(more, "more pod")
		}
		return Finding{KnownDeviation, reason}
	case l.Pods == 0:
		return Finding{NotRun, "this run had no pod that the law applies to"}
	default:
		return Finding{Conformant, ""}
	}
}

func judgeLaw(c claims.Claim, l Law, checked bool) ClaimResult {
	if !checked {
		return ClaimResult{Verdict: NotRun, Reason: "laws were not checked"}
	}
	f := l.Finding()
	if f.Verdict == NotRun && c.Since != "" {
		f.Reason += "; it holds since Kubernetes " + c.Since
	}
	result := ClaimResult{Verdict: f.Verdict, Reason: f.Reason, Selected: f.Verdict != NotRun}
	if l.Pods > 0 {
		result.Measured = []Measurement{l.Held()}
	}
	return result
}

// Held says on how many pods a law was checked, as a measurement of its claim.
func (l Law) Held() Measurement {
	on := fmt.Sprintf("%s of %s", wording.Plural(l.Versions, "version"), wording.Plural(l.Pods, "pod"))
	if l.Exempt > 0 {
		on += fmt.Sprintf(" (%d more are exempt, because of what a spec did to them)", l.Exempt)
	}
	return Measurement{
		Claim: l.ID, What: "held on", Documented: "every version of every pod that the law applies to",
		Measured: on,
		OK:       len(l.Broken)+len(l.Deviated)+len(l.Unsure) == 0,
	}
}

// judgeClaim combines what the specs of a claim found with what the laws that speak
// for it found. Laws that hold prove a claim only when it has no specs at all.
func judgeClaim(c claims.Claim, specs []Spec, laws []Law, run Run) ClaimResult {
	result := ClaimResult{}
	var findings []Finding
	var leftOut []string
	for _, s := range specs {
		if s.State == Filtered {
			leftOut = append(leftOut, cmp.Or(s.Part, s.Text))
			continue
		}
		result.Selected = true
		result.Specs = append(result.Specs, s.Text)
		result.Seconds = max(result.Seconds, s.Seconds)
		for _, m := range s.Measured {
			if m.Claim == c.ID {
				result.Measured = append(result.Measured, m)
			}
		}
		findings = append(findings, s.Finding(c.ID))
	}
	for _, law := range laws {
		f := law.Finding()
		if f.Verdict != Nonconformant && len(specs) > 0 {
			continue
		}
		result.Selected = true
		findings = append(findings, f)
		if law.Pods > 0 {
			m := law.Held()
			m.Claim, m.What = c.ID, law.ID+" "+m.What
			result.Measured = append(result.Measured, m)
		}
	}

	switch {
	case len(findings) > 0:
		result.Verdict, result.Reason = combine(findings)
		if result.Verdict == Conformant && len(leftOut) > 0 {
			result.Reason = wording.Join(result.Reason, "in part; this run left out: "+strings.Join(leftOut, ", "))
		}
	case c.Unreachable != "":
		result.Verdict, result.Reason, result.Selected = NotApplicable, c.Unreachable, len(run.Filters) == 0
	case len(leftOut) > 0:
		result.Verdict, result.Reason = NotRun, "left out by the profile or a filter"
	case run.SetupError != "":
		result.Verdict, result.Reason, result.Selected = NotRun, "set-up failed", len(run.Filters) == 0
	default:
		result.Verdict, result.Reason = NotRun, "no spec of this run proves it"
	}
	return result
}

// combine makes one verdict of several findings: the worst that is known wins, and
// what is not known keeps a claim from being conformant.
func combine(findings []Finding) (Verdict, string) {
	reasons := func(v Verdict) string {
		var all []string
		for _, f := range findings {
			if f.Verdict == v && f.Reason != "" && !slices.Contains(all, f.Reason) {
				all = append(all, f.Reason)
			}
		}
		return strings.Join(all, "; ")
	}
	has := func(v Verdict) bool {
		return slices.ContainsFunc(findings, func(f Finding) bool { return f.Verdict == v })
	}
	switch {
	case has(Nonconformant):
		return Nonconformant, reasons(Nonconformant)
	case has(Inconclusive):
		return Inconclusive, reasons(Inconclusive)
	case has(KnownDeviation):
		return KnownDeviation, reasons(KnownDeviation)
	case has(NotRun) && has(Conformant):
		return Inconclusive, "only some of its specs have a result: " + reasons(NotRun)
	case has(NotRun):
		return NotRun, reasons(NotRun)
	case has(Conformant) && has(NotApplicable):
		return Conformant, "in part; does not apply here: " + reasons(NotApplicable)
	case has(Conformant):
		return Conformant, ""
	default:
		return NotApplicable, reasons(NotApplicable)
	}
}

// mistakes lists outcomes that cannot be joined to the catalogue; they would
// otherwise be lost without a trace.
func mistakes(catalogue []claims.Claim, specs []Spec, laws []Law) []string {
	isLaw := make(map[string]bool, len(catalogue))
	for _, c := range catalogue {
		isLaw[c.ID] = c.Law
	}
	var found []string
	for _, s := range specs {
		if len(s.Claims) == 0 {
			found = append(found, fmt.Sprintf("spec %q names no claim", s.Text))
		}
		for _, id := range s.Claims {
			if law, known := isLaw[id]; !known || law {
				found = append(found, fmt.Sprintf("spec %q names %s, which is not a claim that a spec can prove", s.Text, id))
			}
		}
	}
	for _, l := range laws {
		if !isLaw[l.ID] {
			found = append(found, fmt.Sprintf("law %s is not in the catalogue", l.ID))
		}
	}
	return found
}

// judgeRun gives the verdict on the whole run.
func judgeRun(j Judgement, specs []Spec, run Run, mistakes []string) (Verdict, string) {
	s := j.Summary
	// A failed spec counts even when no claim of the catalogue stands for it.
	failedBy := func(cluster bool) bool {
		return slices.ContainsFunc(specs, func(s Spec) bool {
			return s.State == Failed && (s.Failure == ClusterFailure) == cluster
		})
	}
	switch {
	case s.Nonconformant > 0 || s.LawsBroken > 0 || failedBy(true):
		return Nonconformant, wording.Plural(s.Nonconformant, "claim") + " not as documented"
	case run.SetupError != "":
		return Inconclusive, "set-up failed: " + wording.FirstLine(run.SetupError)
	case len(mistakes) > 0:
		return Inconclusive, "the specs and the catalogue do not match: " + strings.Join(mistakes, "; ")
	case run.Interrupted:
		return Inconclusive, "the run was interrupted, with " + wording.Plural(s.SpecsNotRun, "spec") + " left without a result"
	case s.SpecsPassed+s.SpecsDeviated+s.SpecsFailed+s.SpecsNotRun == 0:
		return NotRun, nothingRan(s)
	case s.Inconclusive > 0 || failedBy(false):
		return Inconclusive, wording.Plural(s.Inconclusive, "claim") + " could not be tested"
	case s.SpecsNotRun > 0:
		return Inconclusive, "the run ended with " + wording.Plural(s.SpecsNotRun, "spec") + " left without a result"
	case s.KnownDeviation > 0:
		return Conformant, fmt.Sprintf("%s as documented, %s of this version", wording.Plural(s.Conformant, "claim"), wording.Plural(s.KnownDeviation, "known deviation"))
	default:
		return Conformant, wording.Plural(s.Conformant, "claim") + " as documented"
	}
}

func nothingRan(s Counts) string {
	switch {
	case s.SpecsSkipped > 0:
		return fmt.Sprintf("nothing was tested: none of the selected specs (%d) applies here", s.SpecsSkipped)
	case s.SpecsFiltered > 0:
		return fmt.Sprintf("nothing was tested: the profile and the filters left out all %d specs", s.SpecsFiltered)
	default:
		return "nothing was tested: there were no specs"
	}
}

func count(results []ClaimResult, specs []Spec, laws []Law) Counts {
	s := Counts{Claims: len(results)}
	for _, r := range results {
		switch {
		case !r.Selected:
			s.NotSelected++
		case r.Verdict == Conformant:
			s.Conformant++
		case r.Verdict == Nonconformant:
			s.Nonconformant++
		case r.Verdict == Inconclusive:
			s.Inconclusive++
		case r.Verdict == KnownDeviation:
			s.KnownDeviation++
		case r.Verdict == NotApplicable:
			s.NotApplicable++
		case r.Verdict == NotRun:
			s.NotRun++
		}
	}
	for _, spec := range specs {
		if spec.State == Filtered {
			s.SpecsFiltered++
			continue
		}
		s.Specs++
		switch spec.State {
		case Passed:
			s.SpecsPassed++
		case Deviated:
			s.SpecsDeviated++
		case Skipped:
			s.SpecsSkipped++
		case Interrupted, Unstarted:
			s.SpecsNotRun++
		default:
			s.SpecsFailed++
		}
	}
	for _, l := range laws {
		s.LawPods = max(s.LawPods, l.Pods)
		s.LawVersions = max(s.LawVersions, l.Versions)
		if len(l.Broken) > 0 {
			s.LawsBroken++
		}
	}
	return s
}
