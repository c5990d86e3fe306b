// Package reports turns the outcome of a run into verdicts and a record
// (JSON, with a schema version). The packages below it make everything else from the record.
//
// The record is plain data. It knows neither Ginkgo nor Kubernetes' types, so that
// any tool can read and write it.
package reports

import (
	"fmt"
	"strings"
	"time"

	"github.com/podproof/podproof/fixtures/claims"
)

// Schema names the layout of a Record; a change that breaks readers changes it. The JSON
// Schema (draft 2020-12) is in record.schema.json. A test makes it from the types of this
// package, so that the two cannot differ:
//
//	go test ./reports -run TestSchemaFiles -update
//
// Fields may be added to a record without a new schema name, so that the schema allows
// fields which it does not know.
const Schema = "podproof.record/v1"

// Record is everything that a run found out.
type Record struct {
	Schema  string   `json:"schema"`
	Run     Run      `json:"run"`
	Cluster *Cluster `json:"cluster,omitempty"` // nil when set-up did not get that far

	// Setup lists the set-up steps in order, with the seconds that each took. At a step
	// with an error set-up failed, or the trial raised the doubt in Cluster.
	Setup []Timing `json:"setup,omitempty"`

	Claims []ClaimResult `json:"claims"`
	// Specs lists the specs that ran, should have run, or were skipped for a reason, in
	// the order of the catalogue. Specs that a filter or the profile left out are only
	// counted, in Summary.
	Specs []Spec `json:"specs"`
	Laws  []Law  `json:"laws"`

	Summary  Counts  `json:"summary"`
	Verdict  Verdict `json:"verdict"`
	Reason   string  `json:"reason"`
	ExitCode int     `json:"exitCode"`
}

// Timing is what one finished step of set-up took.
type Timing struct {
	Step    string  `json:"step"`
	Seconds float64 `json:"seconds"`
	Note    string  `json:"note,omitempty"`
	// Error is why the step failed; empty for one that did not.
	Error string `json:"error,omitempty"`
}

// Run is how and when the run was made.
type Run struct {
	ID       string    `json:"id"`
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished"`
	Version  string    `json:"version"` // of podproof
	Profile  string    `json:"profile"`
	Filters  []string  `json:"filters,omitempty"`
	// Options are the options that differ from their defaults, by name.
	Options     map[string]string `json:"options,omitempty"`
	Procs       int               `json:"procs"`
	Seed        int64             `json:"seed"`
	Interrupted bool              `json:"interrupted,omitempty"`
	// SpecsSeconds is the wall time from the start of the first spec to the end of the
	// last one, without set-up and clean-up.
	SpecsSeconds float64 `json:"specsSeconds,omitempty"`
	// SetupError is why the specs could not be started at all.
	SetupError string `json:"setupError,omitempty"`
}

// Cluster is what was tested, as the cluster itself says.
type Cluster struct {
	Name          string   `json:"name"`
	Context       string   `json:"context,omitempty"`
	ServerVersion string   `json:"serverVersion"`
	Kind          bool     `json:"kind"`
	Reused        bool     `json:"reused,omitempty"`
	Provider      string   `json:"provider,omitempty"` // the container engine under a kind cluster
	NodeImage     string   `json:"nodeImage,omitempty"`
	Cgroup        string   `json:"cgroup,omitempty"`
	WitnessImage  string   `json:"witnessImage,omitempty"`
	Capabilities  []string `json:"capabilities,omitempty"` // of claims.Need…, found on this cluster
	// Sources says how each capability was found, or why it is missing.
	Sources map[string]string `json:"sources,omitempty"`
	// Gates says whether the feature gates that claims name are "on" or "off", or why
	// that is not known.
	Gates map[string]string `json:"gates,omitempty"`
	// Doubt is something that the nodes reported about pods before the specs began and
	// that cannot be true. An example is a running container that no container runtime has
	// started.
	Doubt string `json:"doubt,omitempty"`
	Nodes []Node `json:"nodes,omitempty"`
}

// Node is one node of the cluster.
type Node struct {
	Name    string `json:"name"`
	Role    string `json:"role"`
	Kubelet string `json:"kubelet"`
	Runtime string `json:"runtime"`
	OS      string `json:"os,omitempty"`
}

// State is how one spec ended.
type State string

// The states of a spec.
const (
	Passed State = "passed"
	Failed State = "failed"
	// Skipped is a spec that does not apply here; SkipReason says why.
	Skipped State = "skipped"
	// Deviated is a spec that found the known bug in Deviation, as expected.
	Deviated State = "known deviation"
	// Interrupted is a spec that ran when the run was stopped.
	Interrupted State = "interrupted"
	// Unstarted is a selected spec whose turn never came, because the run ended first.
	Unstarted State = "not started"
	// Filtered is a spec that the profile or a filter left out.
	Filtered State = "filtered"
)

// FailureKind says whose failure a failed spec is.
type FailureKind string

const (
	// ClusterFailure is behaviour that differs from what is documented.
	ClusterFailure FailureKind = "cluster"
	// SuiteFailure is a failure to test: an image is missing, the API does not answer,
	// the history has a hole, or the suite has a bug.
	SuiteFailure FailureKind = "suite"
)

// Spec is the outcome of one spec.
type Spec struct {
	Text   string   `json:"text"`
	Claims []string `json:"claims"`
	// Part names the part of its claims that the spec proves, "" the claims themselves
	// (claims.Claim.Parts).
	Part        string        `json:"part,omitempty"`
	State       State         `json:"state"`
	Failure     FailureKind   `json:"failure,omitempty"` // of a failed spec; "" counts as the suite's
	Message     string        `json:"message,omitempty"`
	SkipReason  string        `json:"skipReason,omitempty"`
	Deviation   *Deviation    `json:"deviation,omitempty"`
	Started     time.Time     `json:"started,omitzero"`
	Seconds     float64       `json:"seconds"`
	WaitSeconds float64       `json:"waitSeconds"` // the inherent part of Seconds
	Measured    []Measurement `json:"measured,omitempty"`
	// Timelines are the stories of the spec's pods, in the order in which they came.
	Timelines []Timeline `json:"timelines,omitempty"`
	// Evidence lists files, relative to the record, that were kept of the spec.
	Evidence    []string `json:"evidence,omitempty"`
	Location    string   `json:"location,omitempty"` // file:line
	Process     int      `json:"process,omitempty"`
	APIRequests int      `json:"apiRequests,omitempty"`
}

// Deviation is a known upstream bug, found on the cluster under test: a released version
// does not do what a claim says.
type Deviation struct {
	Claim     string `json:"claim"`
	Issue     string `json:"issue"`     // URL
	Short     string `json:"short"`     // kubernetes/kubernetes#1
	Summary   string `json:"summary"`   // what happens instead
	Component string `json:"component"` // kubelet
	Version   string `json:"version"`   // of the component here
	// Found is what the spec saw, in the words of its failed assertion.
	Found string `json:"found"`
}

// String is how reports name it.
func (d Deviation) String() string {
	return fmt.Sprintf("known deviation %s of %s %s: %s", d.Short, d.Component, d.Version, d.Summary)
}

// Measurement is one measured value beside the documented one.
type Measurement struct {
	Claim      string   `json:"claim"`
	What       string   `json:"what"`       // "delay before the 3rd restart"
	Documented string   `json:"documented"` // "20 s"
	Measured   string   `json:"measured"`   // "20.4 s"
	Seconds    *float64 `json:"seconds,omitempty"`
	OK         bool     `json:"ok"`
	// Step is set where the value is a step of a ladder of delays.
	Step *Step `json:"step,omitempty"`
}

// Law is what the check of one law on every pod of the run found.
type Law struct {
	ID       string `json:"id"` // the claim, for instance LAW-PHASE-KNOWN
	Pods     int    `json:"pods"`
	Versions int    `json:"versions"` // of these pods, all together
	// Exempt counts further pods that the law does not apply to, because of what a spec
	// did to them.
	Exempt int         `json:"exempt,omitempty"`
	Broken []BrokenLaw `json:"broken,omitempty"`
	// Deviated are pods on which a known bug of this version broke the law, Unsure those on
	// which nobody can tell whether the version has the bug.
	Deviated []DeviatedLaw `json:"deviated,omitempty"`
	Unsure   []BrokenLaw   `json:"unsure,omitempty"`
}

// DeviatedLaw is one pod on which a known bug broke a law.
type DeviatedLaw struct {
	Pod       string    `json:"pod"` // namespace/name
	Spec      string    `json:"spec,omitempty"`
	Deviation Deviation `json:"deviation"`
}

// BrokenLaw is one pod on which a law did not hold.
type BrokenLaw struct {
	Pod     string `json:"pod"` // namespace/name
	Spec    string `json:"spec,omitempty"`
	Message string `json:"message"`
}

// By says whether the law was broken on a pod of the spec. Records of older builds name
// it without the texts around it.
func (b BrokenLaw) By(s Spec) bool { return strings.HasSuffix(s.Text, b.Spec) }

// Verdict is what a run says about a claim, or about the cluster as a whole.
type Verdict string

// The verdicts on a claim or a cluster.
const (
	Conformant    Verdict = "conformant"
	Nonconformant Verdict = "nonconformant"
	// KnownDeviation is a claim that this version breaks through a known bug.
	KnownDeviation Verdict = "known deviation"
	NotApplicable  Verdict = "not applicable"
	NotRun         Verdict = "not run"
	Inconclusive   Verdict = "inconclusive"
)

// Rank orders the verdicts that say how far a claim holds, the best one highest. The
// others, such as of a claim that does not apply, have no rank.
func (v Verdict) Rank() (rank int, ranked bool) {
	switch v {
	case Conformant:
		return 3, true
	case KnownDeviation:
		return 2, true
	case Inconclusive, NotRun:
		return 1, true
	case Nonconformant:
		return 0, true
	}
	return 0, false
}

// ClaimResult is the verdict on one claim of the catalogue.
type ClaimResult struct {
	ID       string `json:"id"`
	Subject  string `json:"subject"`
	Sentence string `json:"sentence"`
	Strength string `json:"strength"`
	Source   string `json:"source"` // URL of the first place that documents it
	// Sources are all of these places. The article's statement, whether it is right, and
	// why not, come from the catalogue.
	Sources        []claims.Source `json:"sources,omitempty"`
	Article        string          `json:"article,omitempty"`
	ArticleVerdict string          `json:"articleVerdict,omitempty"`
	ArticleWhy     string          `json:"articleWhy,omitempty"`
	// Mutants are the IDs, in fixtures/mutants, of the wrong components that must turn the
	// claim red.
	Mutants []string `json:"mutants,omitempty"`

	Verdict Verdict `json:"verdict"`
	// Reason says why. For a conformant claim it says what was left out, if anything.
	Reason string `json:"reason,omitempty"`
	// Selected is false for a claim that the profile or a filter left out, and for a law
	// that applied to no pod of the run.
	Selected bool          `json:"selected"`
	Measured []Measurement `json:"measured,omitempty"`
	Specs    []string      `json:"specs,omitempty"` // texts of the specs that spoke
	Seconds  float64       `json:"seconds"`         // of the longest of them
}

// Counts counts what the record lists, and what it does not list.
type Counts struct {
	Claims         int `json:"claims"` // all of the catalogue
	Conformant     int `json:"conformant"`
	Nonconformant  int `json:"nonconformant"`
	Inconclusive   int `json:"inconclusive"`
	KnownDeviation int `json:"knownDeviation"`
	NotApplicable  int `json:"notApplicable"`
	NotRun         int `json:"notRun"`      // selected, but not run
	NotSelected    int `json:"notSelected"` // left out, or a law that no pod came to

	Specs         int `json:"specs"` // selected ones
	SpecsPassed   int `json:"specsPassed"`
	SpecsFailed   int `json:"specsFailed"`
	SpecsDeviated int `json:"specsDeviated"` // that found a known deviation
	SpecsSkipped  int `json:"specsSkipped"`
	SpecsNotRun   int `json:"specsNotRun"` // interrupted or not started
	SpecsFiltered int `json:"specsFiltered"`

	LawPods     int `json:"lawPods"` // the most pods that one law was checked on
	LawVersions int `json:"lawVersions"`
	LawsBroken  int `json:"lawsBroken"` // laws, not pods
}

// Exit codes of a run, the same for every way to start one.
const (
	ExitConformant    = 0
	ExitNonconformant = 1
	ExitUsage         = 2
	ExitCouldNotTest  = 3
	ExitInterrupted   = 4
)

// WorseExit returns the more important of two exit codes: first an interrupt, then a
// nonconformant cluster, bad usage, and a run that could not test.
func WorseExit(a, b int) int {
	for _, code := range []int{ExitInterrupted, ExitNonconformant, ExitUsage, ExitCouldNotTest} {
		if a == code || b == code {
			return code
		}
	}
	return ExitConformant
}
