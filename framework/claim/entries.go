package claim

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/law"
	"github.com/podproof/podproof/reports"
)

// Names of the report entries through which a spec's process tells process 1
// what the record needs.
const (
	entryMeasured     = "measured"
	entryInconclusive = "inconclusive"
	entryLaws         = "laws"
	entryEvidence     = "evidence"
	entryRequests     = "requests"
	entryDeviation    = "deviation"
	entryTimeline     = "timeline"
)

// Measure puts a measured value beside the documented one. It asserts
// nothing: the spec does. A measurement without a claim is of the one that the spec
// proves.
func Measure(m reports.Measurement) {
	if m.Claim == "" {
		proven := Of(ginkgo.CurrentSpecReport().Labels())
		if len(proven) != 1 {
			ginkgo.Fail(fmt.Sprintf("podproof's own mistake: the measurement %q names no claim, and the spec proves %d", m.What, len(proven)))
		}
		m.Claim = proven[0].ID
	}
	addEntry(entryMeasured, m)
}

// MeasureTime is Measure for a time, in seconds with one or two decimals.
func MeasureTime(id, what, documented string, measured time.Duration, ok bool) {
	Measure(timeMeasured(id, what, documented, measured, ok))
}

// MeasureStep is MeasureTime for a step of a ladder of delays.
func MeasureStep(id, what, documented string, measured time.Duration, ok bool, step reports.Step) {
	m := timeMeasured(id, what, documented, measured, ok)
	m.Step = &step
	Measure(m)
}

func timeMeasured(id, what, documented string, measured time.Duration, ok bool) reports.Measurement {
	seconds := measured.Seconds()
	text := fmt.Sprintf("%.1f s", seconds)
	if measured < time.Second {
		text = fmt.Sprintf("%.2f s", seconds)
	}
	return reports.Measurement{Claim: id, What: what, Documented: documented, Measured: text, Seconds: &seconds, OK: ok}
}

// Inconclusive says that the spec cannot judge the cluster, and why: what
// failed is on our side. It does not end the spec; the failure does.
func Inconclusive(reason string) { addEntry(entryInconclusive, reason) }

// Evidence names a file kept of the spec, relative to the record.
func Evidence(path string) { addEntry(entryEvidence, path) }

// Requests says how many API requests the spec made.
func Requests(n int) { addEntry(entryRequests, n) }

// Deviated says that the spec found a known deviation, as it had to.
func Deviated(d reports.Deviation) { addEntry(entryDeviation, d) }

// Timeline keeps the story of one of the spec's pods.
func Timeline(t reports.Timeline) { addEntry(entryTimeline, t) }

// LawTally is what the laws found on the pods of one spec.
type LawTally struct {
	Pods     int                            `json:"pods"`
	Versions int                            `json:"versions"`
	Broken   map[string][]reports.BrokenLaw `json:"broken,omitempty"` // by law
	// Deviated is, by law, what known bugs of this version broke.
	Deviated map[string][]reports.DeviatedLaw `json:"deviated,omitempty"`
	// Unsure is, by law, what is broken in the way of a known bug, where nobody can tell
	// whether this version has it.
	Unsure map[string][]reports.BrokenLaw `json:"unsure,omitempty"`
	// Exempt is, by law, what of Pods and Versions it was not checked on.
	Exempt map[string]Exemption `json:"exempt,omitempty"`
	// Apart is, by law, what of the others it is not about (law.Law.About).
	Apart map[string]Exemption `json:"apart,omitempty"`
}

// Exemption counts pods that a spec took out of a law, for what it did to them
// itself, and the versions of these pods.
type Exemption struct {
	Pods     int `json:"pods"`
	Versions int `json:"versions"`
}

func (e Exemption) plus(other Exemption) Exemption {
	return Exemption{e.Pods + other.Pods, e.Versions + other.Versions}
}

// deviationOf finds the known deviation from a law in the version of Kubernetes that treats
// the pod: nil if it has none, an error if that cannot be told.
type deviationOf = func(id string, story *journal.Story) (*reports.Deviation, error)

func newTally() LawTally {
	return LawTally{
		Broken: map[string][]reports.BrokenLaw{}, Deviated: map[string][]reports.DeviatedLaw{}, Unsure: map[string][]reports.BrokenLaw{},
		Exempt: map[string]Exemption{}, Apart: map[string]Exemption{},
	}
}

// CheckLaws checks every law on every pod of the journal, notes the result for the
// record, and returns an error that tells all that is broken, but not what a known
// deviation broke.
func CheckLaws(j *journal.Journal, known deviationOf) error {
	tally := newTally()
	spec := textOf(ginkgo.CurrentSpecReport())
	var problems []error
	for _, story := range j.Stories() {
		problems = append(problems, tally.add(story, spec, known)...)
	}
	addEntry(entryLaws, tally)
	return errors.Join(problems...)
}

// add checks every law on one pod of the spec, and returns what is broken.
func (t *LawTally) add(story *journal.Story, spec string, known deviationOf) []error {
	versions := story.Versions()
	if len(versions) == 0 {
		return nil
	}
	t.Pods++
	t.Versions += len(versions)
	pod := versions[0].Pod.Namespace + "/" + story.Name()
	exempt := story.Exempted()
	for _, id := range exempt {
		t.Exempt[id] = t.Exempt[id].plus(Exemption{1, len(versions)})
	}
	for _, l := range law.All {
		if l.About != nil && !l.About(versions) && !slices.Contains(exempt, l.ID) {
			t.Apart[l.ID] = t.Apart[l.ID].plus(Exemption{1, len(versions)})
		}
	}
	var problems []error
	for _, b := range law.Check(versions, exempt...) {
		one := reports.BrokenLaw{Pod: pod, Spec: spec, Message: b.Message}
		if b.Known {
			deviation, err := known(b.Law, story)
			switch {
			case err != nil:
				one.Message += "\n" + err.Error()
				t.Unsure[b.Law] = append(t.Unsure[b.Law], one)
				continue
			case deviation != nil:
				deviation.Found = b.Message
				t.Deviated[b.Law] = append(t.Deviated[b.Law], reports.DeviatedLaw{Pod: pod, Spec: spec, Deviation: *deviation})
				continue
			}
		}
		t.Broken[b.Law] = append(t.Broken[b.Law], one)
		problems = append(problems, fmt.Errorf("pod %s breaks the law %s: %s\n%s", pod, b.Law, b.Message, story))
	}
	return problems
}

// addEntry writes JSON, since only the text of an entry crosses processes.
func addEntry(name string, value any) {
	data, err := json.Marshal(value)
	if err != nil {
		ginkgo.Fail(fmt.Sprintf("podproof's own mistake: report entry %s: %v", name, err))
	}
	ginkgo.AddReportEntry(name, string(data), types.ReportEntryVisibilityNever)
}

// readEntries decodes all entries of that name.
func readEntries[T any](spec types.SpecReport, name string) []T {
	var all []T
	for _, e := range spec.ReportEntries {
		if e.Name != name {
			continue
		}
		// The value itself is there for specs of this process; of others there
		// is what crossed, which is its JSON.
		text, here := e.GetRawValue().(string)
		if !here && json.Unmarshal([]byte(e.Value.AsJSON), &text) != nil {
			continue
		}
		var value T
		if json.Unmarshal([]byte(text), &value) == nil {
			all = append(all, value)
		}
	}
	return all
}
