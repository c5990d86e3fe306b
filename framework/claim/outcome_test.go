package claim

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/onsi/ginkgo/v2/types"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/journal/journaltest"
	"github.com/podproof/podproof/reports"
)

func entry(t *testing.T, name string, value any) types.ReportEntry {
	t.Helper()
	inner, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(string(inner))
	if err != nil {
		t.Fatal(err)
	}
	return types.ReportEntry{Name: name, Value: types.ReportEntryValue{AsJSON: string(text)}}
}

func TestEntriesOfThisProcessAndOfOthersAreRead(t *testing.T) {
	g := NewWithT(t)
	here := types.ReportEntry{Name: entryInconclusive, Value: types.WrapEntryValue(`"from here"`)}
	there := entry(t, entryInconclusive, "from there")
	s := types.SpecReport{ReportEntries: types.ReportEntries{here, there, {Name: "other", Value: types.WrapEntryValue(`"no"`)}}}
	g.Expect(readEntries[string](s, entryInconclusive)).To(Equal([]string{"from here", "from there"}))

	// What crosses between processes is made by Ginkgo.
	crossed, err := json.Marshal(here)
	g.Expect(err).NotTo(HaveOccurred())
	var arrived types.ReportEntry
	g.Expect(json.Unmarshal(crossed, &arrived)).To(Succeed())
	s.ReportEntries = types.ReportEntries{arrived}
	g.Expect(readEntries[string](s, entryInconclusive)).To(Equal([]string{"from here"}))
}

func failedIn(node types.NodeType, message string) types.SpecReport {
	return types.SpecReport{
		LeafNodeType: types.NodeTypeIt, NumAttempts: 1, State: types.SpecStateFailed,
		LeafNodeLabels: []string{"id:NET-01", "wait:2s"},
		Failure:        types.Failure{Message: message, FailureNodeType: node},
	}
}

func TestWhoseFailureItIs(t *testing.T) {
	broken := LawTally{Pods: 1, Broken: map[string][]reports.BrokenLaw{"LAW-PHASE-KNOWN": {{Pod: "n/p", Message: "is Gone"}}}}
	panicked := failedIn(types.NodeTypeIt, "a panic")
	panicked.State = types.SpecStatePanicked
	timedOut := failedIn(types.NodeTypeIt, "A suite timeout occurred")
	timedOut.State = types.SpecStateTimedout
	withEntry := func(s types.SpecReport, e types.ReportEntry) types.SpecReport {
		s.ReportEntries = append(s.ReportEntries, e)
		return s
	}
	for name, c := range map[string]struct {
		spec    types.SpecReport
		state   reports.State
		failure reports.FailureKind
	}{
		"an assertion":               {failedIn(types.NodeTypeIt, "expected pod …"), reports.Failed, reports.ClusterFailure},
		"no namespace":               {failedIn(types.NodeTypeBeforeEach, "create a namespace"), reports.Failed, reports.SuiteFailure},
		"clean-up":                   {failedIn(types.NodeTypeCleanupAfterEach, "timed out"), reports.Failed, reports.SuiteFailure},
		"a panic":                    {panicked, reports.Failed, reports.SuiteFailure},
		"the API was away":           {withEntry(failedIn(types.NodeTypeIt, "x"), entry(t, entryInconclusive, "the API failed")), reports.Failed, reports.SuiteFailure},
		"only a law is broken":       {withEntry(failedIn(types.NodeTypeCleanupAfterEach, "pod n/p breaks it: is Gone"), entry(t, entryLaws, broken)), reports.Passed, ""},
		"a law and another clean-up": {withEntry(failedIn(types.NodeTypeCleanupAfterEach, "the node did not come back"), entry(t, entryLaws, broken)), reports.Failed, reports.SuiteFailure},
		"a deviation and a law":      {withEntry(withEntry(failedIn(types.NodeTypeCleanupAfterEach, "is Gone"), entry(t, entryLaws, broken)), entry(t, entryDeviation, reports.Deviation{Claim: "NET-01"})), reports.Deviated, ""},
		"the run's time was over":    {timedOut, reports.Interrupted, ""},
		"an assertion and a law":     {withEntry(failedIn(types.NodeTypeIt, "x"), entry(t, entryLaws, broken)), reports.Failed, reports.ClusterFailure},
		"passed":                     {types.SpecReport{LeafNodeType: types.NodeTypeIt, NumAttempts: 1, State: types.SpecStatePassed}, reports.Passed, ""},
		"a gate":                     {types.SpecReport{LeafNodeType: types.NodeTypeIt, NumAttempts: 1, State: types.SpecStateSkipped, Failure: types.Failure{Message: "needs x"}}, reports.Skipped, ""},
		"filtered":                   {types.SpecReport{LeafNodeType: types.NodeTypeIt, State: types.SpecStateSkipped}, reports.Filtered, ""},
		"interrupted":                {types.SpecReport{LeafNodeType: types.NodeTypeIt, NumAttempts: 1, State: types.SpecStateInterrupted}, reports.Interrupted, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			out := Outcome(c.spec)
			g.Expect(out.State).To(Equal(c.state))
			g.Expect(out.Failure).To(Equal(c.failure))
		})
	}
}

func TestSpecsThatWereNotReachedAreNotLeftOut(t *testing.T) {
	g := NewWithT(t)
	never := func(labels ...string) types.SpecReport {
		return types.SpecReport{LeafNodeType: types.NodeTypeIt, LeafNodeLabels: labels, State: types.SpecStateSkipped}
	}
	report := types.Report{SpecReports: types.SpecReports{never("quick"), never("full")}}
	report.SuiteConfig.LabelFilter = "quick"
	out := Outcomes(report)
	g.Expect(out[0].State).To(Equal(reports.Unstarted))
	g.Expect(out[1].State).To(Equal(reports.Filtered))

	report.SuiteConfig.SkipStrings = []string{"anything"}
	g.Expect(Outcomes(report)[0].State).To(Equal(reports.Filtered), "by something else than its labels")
}

func TestTimelinesCrossInTheirOrder(t *testing.T) {
	g := NewWithT(t)
	code := 1
	first := reports.Timeline{Pod: "first", Outside: []reports.Lane{{Kind: reports.ContainerLane, Name: "w", Moments: []reports.Moment{{At: 1.5, State: reports.StateTerminated, Exit: &code}}}}}
	s := failedIn(types.NodeTypeIt, "x")
	s.ReportEntries = types.ReportEntries{entry(t, entryTimeline, first), entry(t, entryTimeline, reports.Timeline{Pod: "second"})}
	g.Expect(Outcome(s).Timelines).To(Equal([]reports.Timeline{first, {Pod: "second"}}))
}

func TestTimedOutSpecSaysWhatItWaitedFor(t *testing.T) {
	g := NewWithT(t)
	s := failedIn(types.NodeTypeIt, "A spec timeout occurred")
	s.State = types.SpecStateTimedout
	g.Expect(Outcome(s).Message).To(Equal("A spec timeout occurred"))
	s.Failure.AdditionalFailure = &types.AdditionalFailure{Failure: types.Failure{Message: "expected pod p to be Ready"}}
	s.AdditionalFailures = []types.AdditionalFailure{{Failure: types.Failure{Message: "of clean-up"}}}
	g.Expect(Outcome(s).Message).To(Equal("expected pod p to be Ready"))
	// As Ginkgo words it when the spec itself fails because its time is over.
	s.Failure.AdditionalFailure.Failure.Message = "A spec timeout occurred and then the following failure was recorded in the timedout node before it exited:\nexpected pod p to be Ready\nstory"
	g.Expect(Outcome(s).Message).To(Equal("expected pod p to be Ready\nstory"))
}

func TestABreachInTheWayOfAKnownBugIsJudgedByTheVersion(t *testing.T) {
	inherited := func(started bool) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			s := journaltest.Running("c", "id-1", 1)
			s.Started = &started
			journaltest.Status(s)(p)
		}
	}
	story := journal.Recorded(journaltest.NewHistory(func(p *corev1.Pod) { p.Spec.Containers[0].StartupProbe = &corev1.Probe{} }).
		Then(journaltest.Node("w1"), journaltest.Phase(corev1.PodRunning), journaltest.Status(journaltest.Running("c", "id-0", 0))).
		Then(inherited(true)).
		Then(inherited(false), func(p *corev1.Pod) { p.Status.ContainerStatuses[0].Ready = false }))
	const id = "LAW-STARTED-STAYS"
	tallyOf := func(known deviationOf) (LawTally, []error) {
		tally := newTally()
		problems := tally.add(story, "spec", known)
		return tally, problems
	}

	t.Run("a version with the bug", func(t *testing.T) {
		g := NewWithT(t)
		tally, problems := tallyOf(func(law string, _ *journal.Story) (*reports.Deviation, error) {
			return &reports.Deviation{Claim: law, Short: "kubernetes/kubernetes#1"}, nil
		})
		g.Expect(problems).To(BeEmpty())
		g.Expect(tally.Broken).To(BeEmpty())
		g.Expect(tally.Deviated[id]).To(HaveLen(1))
		g.Expect(tally.Deviated[id][0].Pod).To(Equal("ns/web"))
		g.Expect(tally.Deviated[id][0].Deviation.Found).To(ContainSubstring("was started, and is not any more"))
	})
	t.Run("a version without it", func(t *testing.T) {
		g := NewWithT(t)
		tally, problems := tallyOf(func(string, *journal.Story) (*reports.Deviation, error) { return nil, nil })
		g.Expect(problems).To(HaveLen(1))
		g.Expect(problems[0]).To(MatchError(ContainSubstring(id)))
		g.Expect(tally.Broken[id]).To(HaveLen(1))
	})
	t.Run("a version that nobody knows", func(t *testing.T) {
		g := NewWithT(t)
		tally, problems := tallyOf(func(string, *journal.Story) (*reports.Deviation, error) { return nil, errors.New("no node to look at") })
		g.Expect(problems).To(BeEmpty())
		g.Expect(tally.Broken).To(BeEmpty())
		g.Expect(tally.Unsure[id]).To(HaveLen(1))
		g.Expect(tally.Unsure[id][0].Message).To(HaveSuffix("no node to look at"))
	})
}

func TestLawsAreAddedUpOverAllSpecs(t *testing.T) {
	g := NewWithT(t)
	one := failedIn(types.NodeTypeIt, "x")
	one.ReportEntries = append(one.ReportEntries, entry(t, entryLaws, LawTally{Pods: 2, Versions: 10}))
	two := failedIn(types.NodeTypeIt, "x")
	two.ReportEntries = append(two.ReportEntries, entry(t, entryLaws, LawTally{Pods: 1, Versions: 5,
		Broken:   map[string][]reports.BrokenLaw{"LAW-PHASE-KNOWN": {{Pod: "n/p", Message: "is Gone"}}},
		Deviated: map[string][]reports.DeviatedLaw{"LAW-READY-ANEW": {{Pod: "n/p"}}},
		Unsure:   map[string][]reports.BrokenLaw{"LAW-READY-ANEW": {{Pod: "n/q"}}}}))

	for _, law := range Laws(types.Report{SpecReports: types.SpecReports{one, two}}) {
		g.Expect(law.Pods).To(Equal(3))
		g.Expect(law.Versions).To(Equal(15))
		if law.ID == "LAW-READY-ANEW" {
			g.Expect(law.Deviated).To(HaveLen(1))
			g.Expect(law.Unsure).To(HaveLen(1))
		}
		if law.ID == "LAW-PHASE-KNOWN" {
			g.Expect(law.Broken).To(HaveLen(1))
		} else {
			g.Expect(law.Broken).To(BeEmpty())
		}
	}
}
