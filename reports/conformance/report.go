// Package conformance is the report that an implementation publishes of a run.
package conformance

import (
	"errors"
	"fmt"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/podproof/podproof/reports"
)

// Schema names the layout of a Report. Its JSON Schema is
// reports/conformance.schema.json.
const Schema = "podproof.conformance/v1"

// Report is what an implementation publishes of a run: names and numbers,
// without anything of the machine that it ran on.
type Report struct {
	Schema         string         `json:"schema"`
	Implementation Implementation `json:"implementation"`
	// Date is when the run began.
	Date     time.Time `json:"date"`
	Podproof string    `json:"podproof"` // its version
	Versions Versions  `json:"versions"`
	Profile  string    `json:"profile"`
	// WholeProfile says that every claim of the profile was selected and none was left
	// without a verdict: no filter, no interrupt.
	WholeProfile bool     `json:"wholeProfile"`
	Filters      []string `json:"filters,omitempty"`
	// Result is that of the run: conformant, nonconformant, inconclusive or not run.
	Result   reports.Verdict `json:"result"`
	Seconds  float64         `json:"seconds"` // wall time of all specs
	Summary  Sum             `json:"summary"`
	Verdicts ClaimsByVerdict `json:"verdicts"`
}

// Implementation is who publishes the report, and of what.
type Implementation struct {
	Organization string   `json:"organization,omitempty"`
	Project      string   `json:"project"`
	URL          string   `json:"url,omitempty"`
	Version      string   `json:"version"`
	Contact      []string `json:"contact,omitempty"`
}

// Versions are the versions under test, each named once.
type Versions struct {
	Kubernetes string   `json:"kubernetes"` // of the API server
	Kubelets   []string `json:"kubelets"`
	Runtimes   []string `json:"runtimes"`
	OS         []string `json:"os,omitempty"`
	Cgroup     string   `json:"cgroup,omitempty"`
}

// Sum counts the claims by verdict.
type Sum struct {
	Claims         int `json:"claims"`
	Conformant     int `json:"conformant"`
	Nonconformant  int `json:"nonconformant"`
	KnownDeviation int `json:"knownDeviation"`
	Inconclusive   int `json:"inconclusive"`
	NotApplicable  int `json:"notApplicable"`
	NotRun         int `json:"notRun"`
	NotSelected    int `json:"notSelected"`
}

// ClaimsByVerdict names every claim once, in the order of the catalogue.
type ClaimsByVerdict struct {
	Conformant     []Claim `json:"conformant"`
	Nonconformant  []Claim `json:"nonconformant"`
	KnownDeviation []Claim `json:"knownDeviation"`
	Inconclusive   []Claim `json:"inconclusive"`
	NotApplicable  []Claim `json:"notApplicable"`
	NotRun         []Claim `json:"notRun"`
	NotSelected    []Claim `json:"notSelected"`
}

// Claim is one claim of a report.
type Claim struct {
	ID      string  `json:"id"`
	Seconds float64 `json:"seconds,omitempty"` // of its longest spec
	// Reason says why it has its verdict. For a conformant claim it says what was left out.
	Reason string `json:"reason,omitempty"`
}

// ErrUnpublishable is wrapped by Of for a record from which no report can be made.
var ErrUnpublishable = errors.New("no conformance report can be made")

// Of makes the report of a record. Without a project and a version the
// implementation of podproof's own kind clusters is kind with that Kubernetes.
func Of(r reports.Record, of Implementation) (Report, error) {
	c := r.Cluster
	if c == nil {
		return Report{}, fmt.Errorf("%w: the record names no cluster, because set-up failed", ErrUnpublishable)
	}
	if of.Project == "" && c.Kind {
		of.Project = "kind"
	}
	if of.Project == "" {
		return Report{}, fmt.Errorf("%w: name the implementation with --project; the record does not know it", ErrUnpublishable)
	}
	if of.Version == "" {
		of.Version = c.ServerVersion
	}
	report := Report{
		Schema: Schema, Implementation: of, Date: r.Run.Started.UTC().Truncate(time.Second), Podproof: r.Run.Version,
		Versions: Versions{Kubernetes: c.ServerVersion, Kubelets: []string{}, Runtimes: []string{}, Cgroup: c.Cgroup},
		Profile:  r.Run.Profile, Filters: r.Run.Filters, Result: r.Verdict, Seconds: tenths(r.Run.SpecsSeconds),
		Verdicts: noClaims(),
	}
	for _, n := range c.Nodes {
		v := &report.Versions
		v.Kubelets, v.Runtimes, v.OS = once(v.Kubelets, n.Kubelet), once(v.Runtimes, n.Runtime), once(v.OS, n.OS)
	}
	for _, result := range r.Claims {
		list := report.Verdicts.list(result.Verdict)
		claim := Claim{ID: result.ID, Seconds: tenths(result.Seconds), Reason: firstLineOrNone(result.Reason)}
		switch {
		case !result.Selected:
			list, claim.Reason = &report.Verdicts.NotSelected, ""
		case list == nil:
			return report, fmt.Errorf("%w: claim %s has the unknown verdict %q", ErrUnpublishable, result.ID, result.Verdict)
		}
		*list = append(*list, claim)
	}
	report.Summary = report.Verdicts.count()
	report.WholeProfile = len(report.partial()) == 0 && !r.Run.Interrupted
	// What cannot be right must not get out.
	if problems := report.Check(); len(problems) > 0 {
		return report, fmt.Errorf("%w: the record contradicts itself: %w", ErrUnpublishable, errors.Join(problems...))
	}
	return report, nil
}

// YAML writes the report.
func (c Report) YAML() ([]byte, error) {
	data, err := yaml.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("write the conformance report: %w", err)
	}
	return data, nil
}

// Parse reads a report. An unknown field is an error.
func Parse(data []byte) (Report, error) {
	var c Report
	var kind struct {
		Schema string `json:"schema"`
	}
	if err := yaml.Unmarshal(data, &kind); err != nil {
		return c, fmt.Errorf("it is not YAML: %w", err)
	}
	if kind.Schema != Schema {
		return c, fmt.Errorf("it has the schema %q; this podproof reads conformance reports with the schema %s", kind.Schema, Schema)
	}
	if err := yaml.UnmarshalStrict(data, &c); err != nil {
		return c, fmt.Errorf("it does not match its schema: %w", err)
	}
	return c, nil
}

func noClaims() ClaimsByVerdict {
	none := func() []Claim { return []Claim{} }
	return ClaimsByVerdict{none(), none(), none(), none(), none(), none(), none()}
}

// list is where claims with that verdict belong.
func (c *ClaimsByVerdict) list(v reports.Verdict) *[]Claim {
	switch v {
	case reports.Conformant:
		return &c.Conformant
	case reports.Nonconformant:
		return &c.Nonconformant
	case reports.KnownDeviation:
		return &c.KnownDeviation
	case reports.Inconclusive:
		return &c.Inconclusive
	case reports.NotApplicable:
		return &c.NotApplicable
	case reports.NotRun:
		return &c.NotRun
	default:
		return nil
	}
}

func (c ClaimsByVerdict) count() Sum {
	s := Sum{
		Conformant: len(c.Conformant), Nonconformant: len(c.Nonconformant), KnownDeviation: len(c.KnownDeviation),
		Inconclusive: len(c.Inconclusive), NotApplicable: len(c.NotApplicable), NotRun: len(c.NotRun), NotSelected: len(c.NotSelected),
	}
	s.Claims = s.Conformant + s.Nonconformant + s.KnownDeviation + s.Inconclusive + s.NotApplicable + s.NotRun + s.NotSelected
	return s
}
