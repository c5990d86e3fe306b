package upstream

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/onsi/ginkgo/v2/types"
	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/reports/mutantrun"
)

// written is a file with a report, as Ginkgo writes it.
func written(t *testing.T, report types.Report) string {
	t.Helper()
	data, err := json.Marshal([]types.Report{report})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	file := filepath.Join(t.TempDir(), "upstream.json")
	NewWithT(t).Expect(os.WriteFile(file, data, 0o644)).To(Succeed())
	return file
}

func spec(text string, state types.SpecState, message string) types.SpecReport {
	return types.SpecReport{
		ContainerHierarchyTexts: []string{"[sig-node] Pods"}, LeafNodeType: types.NodeTypeIt, LeafNodeText: text,
		State: state, Failure: types.Failure{Message: message},
	}
}

func TestOnlySpecsThatRanAreCounted(t *testing.T) {
	g := NewWithT(t)
	run, err := Read(written(t, types.Report{
		RunTime: 90 * time.Second,
		SpecReports: types.SpecReports{
			{LeafNodeType: types.NodeTypeSynchronizedBeforeSuite, State: types.SpecStatePassed},
			spec("a", types.SpecStatePassed, ""),
			spec("b", types.SpecStateFailed, "\nit was not so:\nexpected 1"),
			spec("c", types.SpecStatePanicked, "nil"),
			spec("d", types.SpecStateSkipped, "another cgroup version"),
			spec("e", types.SpecStatePending, ""),
			{LeafNodeType: types.NodeTypeSynchronizedAfterSuite, State: types.SpecStateFailed},
		},
	}))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(run).To(Equal(mutantrun.UpstreamRun{Run: 3, Seconds: 90, Failed: []mutantrun.UpstreamFailure{
		{Spec: "[sig-node] Pods b", Message: "it was not so:"}, {Spec: "[sig-node] Pods c", Message: "nil"},
	}}))
}

func TestASpecCutOffByTheBoundHasFailed(t *testing.T) {
	g := NewWithT(t)
	run, err := Read(written(t, types.Report{
		SpecialSuiteFailureReasons: []string{"Suite Timeout Elapsed"},
		SpecReports: types.SpecReports{
			spec("a", types.SpecStatePassed, ""), spec("b", types.SpecStateTimedout, "A suite timeout occurred"),
			spec("c", types.SpecStateSkipped, ""),
		},
	}))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(run.CutOff).To(BeTrue())
	g.Expect(run.Run).To(Equal(2), "one was never started")
	g.Expect(run.Failed).To(HaveLen(1))
}

func TestARunThatTellsNothingIsNoResult(t *testing.T) {
	g := NewWithT(t)
	_, err := Read(written(t, types.Report{SpecReports: types.SpecReports{
		{LeafNodeType: types.NodeTypeSynchronizedBeforeSuite, State: types.SpecStateFailed, Failure: types.Failure{Message: "no API"}},
		spec("a", types.SpecStateSkipped, ""),
	}}))
	g.Expect(err).To(MatchError(ContainSubstring("no API")))

	_, err = Read(written(t, types.Report{SpecReports: types.SpecReports{spec("a", types.SpecStateSkipped, "")}}))
	g.Expect(err).To(MatchError(ContainSubstring("ran no spec")))

	_, err = Read(filepath.Join(t.TempDir(), "none.json"))
	g.Expect(err).To(MatchError(ContainSubstring("left no report")))

	cut := filepath.Join(t.TempDir(), "cut.json")
	g.Expect(os.WriteFile(cut, []byte(`[{"SpecReports":[`), 0o644)).To(Succeed())
	_, err = Read(cut)
	g.Expect(err).To(MatchError(ContainSubstring("cannot be read")))
}

func TestWhatIsLeftOutIsSkippedByItsName(t *testing.T) {
	g := NewWithT(t)
	s := &Suite{binary: "/cache/e2e.test", kubeconfig: "/k", context: "kind-c"}
	name := "[sig-node] Probing container should *not* be restarted with a exec \"cat /tmp/health\" liveness probe [Conformance]"
	args := s.Arguments(Run{Dir: "/out", Procs: 12, Seed: 7, Bound: 10 * time.Minute, LeftOut: []mutantrun.UpstreamLeftOut{{Spec: name}}})
	g.Expect(args).To(ContainElements("--procs=12", "--seed=7", "--timeout=10m0s", "--output-dir=/out", "--json-report=upstream.json"))
	pattern := `--skip=` + regexp.QuoteMeta(name)
	g.Expect(args).To(ContainElement(pattern))
	g.Expect(regexp.MustCompile(pattern[len("--skip="):]).MatchString("Kubernetes e2e suite " + name)).To(BeTrue())
	// Ginkgo gives what follows to the suite.
	g.Expect(args).To(ContainElements("/cache/e2e.test", "--", "--kubeconfig=/k", "--context=kind-c"))
}
