package claim

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/onsi/ginkgo/v2/types"
	"github.com/podproof/podproof/framework/law"
	"github.com/podproof/podproof/reports"
)

// Outcomes translates Ginkgo's report of the specs into the record's words.
// Filtered specs are among them, for the count.
func Outcomes(report types.Report) []reports.Spec {
	var specs []reports.Spec
	chosen := chooser(report)
	for _, s := range report.SpecReports {
		if !s.LeafNodeType.Is(types.NodeTypeIt) {
			continue
		}
		out := Outcome(s)
		// Of a spec that was not reached before the run was given up Ginkgo tells no
		// more than of one that was left out.
		if out.State == reports.Filtered && chosen(s.Labels()) {
			out.State, out.Message = reports.Unstarted, "the run ended before it"
		}
		specs = append(specs, out)
	}
	return specs
}

// chooser says by a spec's labels whether it was to be run, where nothing but labels
// decided on that; elsewhere it says so of none.
func chooser(report types.Report) types.LabelFilter {
	c := report.SuiteConfig
	chosen, err := types.ParseLabelFilter(c.LabelFilter)
	otherwise := len(c.FocusStrings)+len(c.SkipStrings)+len(c.FocusFiles)+len(c.SkipFiles) > 0 || c.SemVerFilter != ""
	if err != nil || otherwise || report.SuiteHasProgrammaticFocus {
		return func([]string) bool { return false }
	}
	return chosen
}

// textOf is the whole text of a spec, with those of the containers around it: no other
// spec has the same.
func textOf(s types.SpecReport) string {
	return strings.TrimSpace(strings.Join(append(slices.Clone(s.ContainerHierarchyTexts), s.LeafNodeText), " "))
}

// Outcome translates Ginkgo's report of one spec.
func Outcome(s types.SpecReport) reports.Spec {
	out := reports.Spec{
		Text:        textOf(s),
		Claims:      values(s.Labels(), labelID),
		Part:        strings.Join(values(s.Labels(), labelPart), ", "),
		Started:     s.StartTime,
		Seconds:     s.RunTime.Seconds(),
		WaitSeconds: InherentWait(s.Labels()).Seconds(),
		Measured:    readEntries[reports.Measurement](s, entryMeasured),
		Timelines:   readEntries[reports.Timeline](s, entryTimeline),
		Evidence:    readEntries[string](s, entryEvidence),
		Location:    fmt.Sprintf("%s:%d", filepath.Join(filepath.Base(filepath.Dir(s.LeafNodeLocation.FileName)), filepath.Base(s.LeafNodeLocation.FileName)), s.LeafNodeLocation.LineNumber),
		Process:     s.ParallelProcess,
	}
	for _, n := range readEntries[int](s, entryRequests) {
		out.APIRequests += n
	}
	started := s.NumAttempts > 0
	switch {
	case s.State.Is(types.SpecStatePassed):
		out.State, out.Deviation = passed(s)
	case s.State.Is(types.SpecStateInterrupted), s.State.Is(types.SpecStateTimedout) && strings.HasPrefix(s.Failure.Message, suiteTimeout):
		out.State, out.Message = reports.Interrupted, "the run was stopped before the spec had a result"
	case s.State.Is(types.SpecStateSkipped) && started:
		out.State, out.SkipReason = reports.Skipped, s.Failure.Message
	case s.State.Is(types.SpecStateSkipped) && s.Failure.Message != "":
		// Ginkgo's word on specs whose turn did not come.
		out.State, out.Message = reports.Unstarted, s.Failure.Message
	case s.State.Is(types.SpecStateSkipped):
		out.State = reports.Filtered
	case s.State.Is(types.SpecStatePending):
		out.State, out.Message = reports.Unstarted, "the spec is marked pending"
	case s.State.Is(types.SpecStateFailureStates) && brokeOnlyLaws(s):
		// The spec's own claims hold; Laws carries what does not.
		out.State, out.Deviation = passed(s)
	case s.State.Is(types.SpecStateFailureStates):
		out.State, out.Failure, out.Message = reports.Failed, reports.ClusterFailure, message(s)
		if reasons := inconclusive(s); len(reasons) > 0 {
			out.Failure = reports.SuiteFailure
			out.Message = strings.Join(reasons, "; ") + "\n" + out.Message
		}
	default:
		out.State, out.Message = reports.Unstarted, "the run ended before it"
	}
	return out
}

// suiteTimeout is how Ginkgo's message begins when the time for the whole run is over,
// which says nothing about the spec that ran then.
const suiteTimeout = "A suite timeout occurred"

// passed is the state of a spec whose own steps all passed.
func passed(s types.SpecReport) (reports.State, *reports.Deviation) {
	if found := readEntries[reports.Deviation](s, entryDeviation); len(found) > 0 {
		return reports.Deviated, &found[0]
	}
	return reports.Passed, nil
}

// message is what a failed spec says. Of a spec that ran out of time Ginkgo
// says just that; what it was waiting for is the further failure of the same
// node, below a line of Ginkgo's own. (Those of later nodes, such as a broken law,
// are in AdditionalFailures.)
func message(s types.SpecReport) string {
	further := s.Failure.AdditionalFailure
	if !s.State.Is(types.SpecStateTimedout) || further == nil {
		return s.Failure.Message
	}
	if head, waited, found := strings.Cut(further.Failure.Message, "\n"); found && strings.HasSuffix(head, "before it exited:") {
		return waited
	}
	return further.Failure.Message
}

// inconclusive returns why a failed spec says nothing about the cluster.
func inconclusive(s types.SpecReport) []string {
	reasons := readEntries[string](s, entryInconclusive)
	if s.State.Is(types.SpecStatePanicked) {
		reasons = append(reasons, "podproof's own mistake: "+s.Failure.ForwardedPanic)
	}
	if !s.Failure.FailureNodeType.Is(types.NodeTypeIt) {
		reasons = append(reasons, fmt.Sprintf("setting up or cleaning up for the spec failed (%s)", s.Failure.FailureNodeType))
	}
	return reasons
}

// brokeOnlyLaws tells a spec whose own steps all passed, but on whose pods a
// law was broken: that is found after the spec's body.
func brokeOnlyLaws(s types.SpecReport) bool {
	if s.Failure.FailureNodeType.Is(types.NodeTypeIt) {
		return false
	}
	// Another clean-up may have failed before that; then the message is not of the law.
	for _, t := range readEntries[LawTally](s, entryLaws) {
		for _, broken := range t.Broken {
			if strings.Contains(s.Failure.Message, broken[0].Message) {
				return true
			}
		}
	}
	return false
}

// Laws adds up what the laws found on the pods of all specs.
func Laws(report types.Report) []reports.Law {
	total := newTally()
	for _, s := range report.SpecReports {
		for _, t := range readEntries[LawTally](s, entryLaws) {
			total.Pods += t.Pods
			total.Versions += t.Versions
			for id, broken := range t.Broken {
				total.Broken[id] = append(total.Broken[id], broken...)
			}
			for id, deviated := range t.Deviated {
				total.Deviated[id] = append(total.Deviated[id], deviated...)
			}
			for id, unsure := range t.Unsure {
				total.Unsure[id] = append(total.Unsure[id], unsure...)
			}
			for id, e := range t.Exempt {
				total.Exempt[id] = total.Exempt[id].plus(e)
			}
			for id, e := range t.Apart {
				total.Apart[id] = total.Apart[id].plus(e)
			}
		}
	}
	var laws []reports.Law
	for _, l := range law.All {
		left := total.Exempt[l.ID].plus(total.Apart[l.ID])
		laws = append(laws, reports.Law{
			ID: l.ID, Pods: total.Pods - left.Pods, Versions: total.Versions - left.Versions, Exempt: total.Exempt[l.ID].Pods,
			Broken: total.Broken[l.ID], Deviated: total.Deviated[l.ID], Unsure: total.Unsure[l.ID],
		})
	}
	return laws
}
