package mutantrun

import (
	"testing"

	. "github.com/onsi/gomega"
)

func TestTheTwoSuitesAreCountedOnTheSameMutants(t *testing.T) {
	g := NewWithT(t)
	none, one := &UpstreamRun{Run: 70}, &UpstreamRun{Run: 70, Failed: []UpstreamFailure{{Spec: "[sig-node] Pods a", Message: "no"}}}
	r := Record{
		Upstream: &UpstreamSuite{
			Version: "v1.37.2", Selection: "some", Baseline: UpstreamRun{Run: 71, Seconds: 300}, BoundSeconds: 600,
			LeftOut: []UpstreamLeftOut{{Spec: "[sig-node] Lease", Why: "makes no Pod"}},
		},
		Mutants: []Result{
			{ID: "both", Outcome: Killed, Upstream: one},
			{ID: "only-ours", Outcome: KilledByOthers, Upstream: none},
			{ID: "only-theirs", Outcome: Survived, Upstream: &UpstreamRun{Run: 70, CutOff: true, Failed: one.Failed}},
			{ID: "neither", Outcome: Unseen, Upstream: none},
			{ID: "not-theirs", Outcome: Killed, Upstream: &UpstreamRun{Error: "kubelet ended on node w"}},
			{ID: "not-run", Outcome: Killed},
			{ID: "not-built", Outcome: Broken},
		},
	}
	text := Text(r, false)
	g.Expect(text).To(ContainSubstring("noticed by podproof: 2 of 4; by upstream's conformance specs on Pods: 2 of 4"))
	g.Expect(text).To(ContainSubstring("upstream: 1 of 70 specs failed: [sig-node] Pods a"))
	g.Expect(text).To(ContainSubstring("upstream: none of 70 specs failed"))
	g.Expect(text).To(ContainSubstring("1 of 70 specs failed (stopped at its time limit)"))
	g.Expect(text).To(ContainSubstring("upstream: no result: kubelet ended on node w"))
	g.Expect(text).To(ContainSubstring("left out: [sig-node] Lease: makes no Pod"))

	r.Upstream = nil
	g.Expect(Text(r, false)).NotTo(ContainSubstring("noticed by"))
}
