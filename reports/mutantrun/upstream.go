package mutantrun

import (
	"fmt"
	"slices"
	"strings"

	"github.com/podproof/podproof/reports/internal/terminal"
	"github.com/podproof/podproof/reports/internal/wording"
)

// UpstreamSuite is Kubernetes' own end-to-end suite, run on the same mutants for
// comparison.
type UpstreamSuite struct {
	Version string `json:"version"`
	// Selection says which of its specs were run, and Baseline what they said about the
	// cluster before any mutant.
	Selection string      `json:"selection"`
	Baseline  UpstreamRun `json:"baseline"`
	// LeftOut are specs of the selection that were not run on the mutants.
	LeftOut []UpstreamLeftOut `json:"leftOut"`
	// BoundSeconds is when a run on a mutant was ended.
	BoundSeconds float64 `json:"boundSeconds"`
}

// UpstreamLeftOut is a spec of upstream's, or all whose names begin so.
type UpstreamLeftOut struct {
	Spec string `json:"spec"`
	Why  string `json:"why"`
}

// UpstreamRun is one run of upstream's specs.
type UpstreamRun struct {
	Run    int               `json:"run"` // specs that passed or failed
	Failed []UpstreamFailure `json:"failed,omitempty"`
	// CutOff says that it was ended for its time; specs that ran at that moment failed,
	// and some may not have been run.
	CutOff  bool    `json:"cutOff,omitempty"`
	Seconds float64 `json:"seconds"`
	// Error is why the run says nothing about the cluster.
	Error string `json:"error,omitempty"`
}

// UpstreamFailure is a spec of upstream's that failed.
type UpstreamFailure struct {
	Spec    string `json:"spec"`
	Message string `json:"message"`
}

// noticed counts the mutants with a result of both suites, and how many of them each suite
// noticed.
func (r *Record) noticed() (both, podproof, upstream int) {
	for _, m := range r.Mutants {
		seen := slices.Contains([]Outcome{Killed, KilledInPart, KilledByOthers}, m.Outcome)
		if !seen && m.Outcome != Survived && m.Outcome != Unseen || m.Upstream == nil || m.Upstream.Error != "" {
			continue
		}
		both++
		if seen {
			podproof++
		}
		if len(m.Upstream.Failed) > 0 {
			upstream++
		}
	}
	return both, podproof, upstream
}

// upstreamCounts is the line that puts the two suites beside each other.
func upstreamCounts(r Record) string {
	both, podproof, upstream := r.noticed()
	return fmt.Sprintf("noticed by podproof: %d of %d; by upstream's conformance specs on Pods: %d of %d", podproof, both, upstream, both)
}

// upstreamOn says what upstream's suite found on one mutant.
func upstreamOn(u UpstreamRun) string {
	if u.Error != "" {
		return "upstream: no result: " + u.Error
	}
	var names []string
	for _, f := range u.Failed {
		names = append(names, f.Spec)
	}
	failed := "none"
	if len(names) > 0 {
		failed = fmt.Sprint(len(names))
	}
	text := fmt.Sprintf("upstream: %s of %s failed", failed, wording.Plural(u.Run, "spec"))
	if u.CutOff {
		text += " (stopped at its time limit)"
	}
	if len(names) > 0 {
		text += ": " + strings.Join(names, "; ")
	}
	return text
}

// upstream says how Kubernetes' own suite was run.
func (p *killings) upstream(s UpstreamSuite) {
	p.Line("\n%s", p.Paint(terminal.Bold, "upstream's end-to-end suite "+s.Version))
	const indent = "  "
	p.WriteString(wording.Wrap(s.Selection, indent, terminal.Columns))
	p.WriteString(wording.Wrap(fmt.Sprintf("without a mutant: %s, %d failed, %s; with a mutant it is stopped after %s",
		wording.Plural(s.Baseline.Run, "spec"), len(s.Baseline.Failed), wording.Duration(s.Baseline.Seconds), wording.Duration(s.BoundSeconds)), indent, terminal.Columns))
	for _, l := range s.LeftOut {
		p.WriteString(wording.Wrap("left out: "+l.Spec+": "+wording.Clean(l.Why), indent, terminal.Columns))
	}
}
