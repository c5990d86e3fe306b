package command

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/files"
	"github.com/podproof/podproof/suites"
	"github.com/spf13/cobra"
)

func TestInClusterUsage(t *testing.T) {
	for _, name := range []string{"KUBECONFIG", "PODPROOF_KUBECONFIG", "KUBERNETES_SERVICE_HOST"} {
		t.Setenv(name, "")
	}
	run := func(args ...string) func() int {
		return func() int { return podproof(args...) }
	}
	for name, c := range map[string]struct {
		run  func() int
		want int
	}{
		"a Job":                             {run("job", "--profile=quick", "--focus=NET-01", "--randomize", "--image=i:1"), 0},
		"a Job of an unknown claim":         {run("job", "--focus=FOO-01"), 2},
		"a Job with a flag of kind":         {run("job", "--workers=2"), 2},
		"a Job without an account":          {run("job", "--serviceaccount=x"), 2},
		"a Job with a bad witness":          {run("job", "--witness=W W"), 2},
		"a Job among its own pods":          {run("job", "--namespaces=podproof,b"), 2},
		"a plugin":                          {run("sonobuoy", "--focus=NET-01"), 0},
		"a plugin of an unknown profile":    {run("sonobuoy", "--profile=fast"), 2},
		"an image without a file":           {run("image"), 2},
		"an image where nothing can be":     {run("image", "--out=absent/x"), 2},
		"an image where a device is":        {run("image", "--out="+os.DevNull), 2},
		"an image called latest":            {run("image", "--out=x", "--tag=podproof"), 2},
		"an image with an unknown kubectl":  {run("image", "--out=x", "--kubectl=1.20"), 2},
		"a Job of shards":                   {run("job", "--nodes=all", "--shards=3", "--image=i:1"), 0},
		"a Job of shards of nothing":        {run("job", "--shards=3"), 2},
		"a Job of no shards":                {run("job", "--nodes=all", "--shards=0"), 2},
		"a Job of nodes in namespaces":      {run("job", "--nodes=all", "--namespaces=a"), 2},
		"a shard of no nodes":               {run("run", "--shard=0/2"), 2},
		"a shard that there is not":         {run("run", "--nodes=all", "--shard=2/2"), 2},
		"nodes again and again":             {run("run", "--nodes=all", "--repeat=2"), 2},
		"a run in no pod":                   {run("run", "--in-cluster", "--focus=NET-01", "--out=/dev/null/never"), 2},
		"a run in a pod with a kubeconfig":  {run("run", "--in-cluster", "--kubeconfig=/k"), 2},
		"a run in a pod with a node image":  {run("run", "--in-cluster", "--node-image=x"), 2},
		"the witness of a run in no pod":    {run("run", "--witness=x:1"), 2},
		"a record from nowhere to nowhere":  {run("report", "-"), 2},
		"what failed, on every version":     {run("matrix", "--failed="+written(t, reports.Passed)), 2},
		"what failed, with mutants":         {run("mutants", "--failed="+written(t, reports.Passed)), 2},
		"what failed in a record of no run": {run("run", "--failed=absent"), 2},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(c.run()).To(Equal(c.want))
		})
	}
}

func TestWhatAJobIsToldReachesItsPod(t *testing.T) {
	g := NewWithT(t)
	cmd := &cobra.Command{}
	f := newPodFlags(cmd)
	g.Expect(cmd.ParseFlags([]string{"--randomize", "--focus", "NET-01,VOL-01", "--procs=2", "--image=i:1"})).To(Succeed())
	g.Expect(f.args()).To(Equal([]string{"--randomize=true", "--focus=NET-01,VOL-01", "--procs=2"}))
	// And podproof there understands it.
	run := &cobra.Command{}
	there := everyOption(run)
	g.Expect(run.ParseFlags(f.args())).To(Succeed())
	o, err := options.Source{Given: there.given}.Over(options.Defaults())
	g.Expect(err).NotTo(HaveOccurred())
	o.InCluster = true
	g.Expect(f.check(suites.Pods{})).To(Equal(o))
}

func TestNothingToRunAgain(t *testing.T) {
	NewWithT(t).Expect(podproof("run", "--failed="+written(t, reports.Passed))).To(Equal(0))
}

// Sonobuoy waits for minutes, and then knows no reason, when nobody tells it that there is
// nothing to come.
func TestSonobuoyIsToldOfARunThatCannotBe(t *testing.T) {
	t.Setenv("KUBECONFIG", "")
	for name, c := range map[string]struct{ arg, want string }{
		"an unknown claim":     {"--focus=FOO-01", "FOO-01"},
		"what failed":          {"--failed=" + written(t, reports.Failed), "a plugin has no record of an earlier run"},
		"what failed, nothing": {"--failed=" + written(t, reports.Passed), "a plugin has no record of an earlier run"},
		"several runs":         {"--repeat=2", "Sonobuoy takes the results of one run"},
		"a flag of nothing":    {"--frobnicate", "unknown flag: --frobnicate"},
		"an argument":          {"quick", "unexpected argument"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			dir := t.TempDir()
			t.Setenv("SONOBUOY_RESULTS_DIR", dir)
			t.Setenv("PODPROOF_OUT", t.TempDir())
			g.Expect(podproof("run", "--sonobuoy", c.arg)).To(Equal(2))
			done, err := os.ReadFile(filepath.Join(dir, "done"))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(exec.Command("tar", "-xzf", string(done), "-C", dir).Run()).To(Succeed())
			junit, err := os.ReadFile(filepath.Join(dir, files.JUnit))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(string(junit)).To(And(ContainSubstring("<error"), ContainSubstring(c.want)))
		})
	}
}
