package command

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/files"
)

func TestInClusterUsage(t *testing.T) {
	for _, name := range []string{"KUBECONFIG", "PODPROOF_KUBECONFIG", "KUBERNETES_SERVICE_HOST"} {
		t.Setenv(name, "")
	}
	run := func(command func([]string) int, args ...string) func() int {
		return func() int { return command(args) }
	}
	for name, c := range map[string]struct {
		run  func() int
		want int
	}{
		"a Job":                             {run(commandJob, "--profile=quick", "--focus=NET-01", "--randomize", "--image=i:1"), 0},
		"a Job of an unknown claim":         {run(commandJob, "--focus=FOO-01"), 2},
		"a Job with a flag of kind":         {run(commandJob, "--workers=2"), 2},
		"a Job without an account":          {run(commandJob, "--serviceaccount=x"), 2},
		"a Job with a bad witness":          {run(commandJob, "--witness=W W"), 2},
		"a Job among its own pods":          {run(commandJob, "--namespaces=podproof,b"), 2},
		"a plugin":                          {run(commandSonobuoy, "--focus=NET-01"), 0},
		"a plugin of an unknown profile":    {run(commandSonobuoy, "--profile=fast"), 2},
		"an image without a file":           {run(commandImage), 2},
		"an image where nothing can be":     {run(commandImage, "--out=absent/x"), 2},
		"an image in the place of another":  {run(commandImage, "--out="+os.DevNull), 2},
		"an image called latest":            {run(commandImage, "--out=x", "--tag=podproof"), 2},
		"an image with an unknown kubectl":  {run(commandImage, "--out=x", "--kubectl=1.20"), 2},
		"a Job of shards":                   {run(commandJob, "--nodes=all", "--shards=3", "--image=i:1"), 0},
		"a Job of shards of nothing":        {run(commandJob, "--shards=3"), 2},
		"a Job of no shards":                {run(commandJob, "--nodes=all", "--shards=0"), 2},
		"a Job of nodes in namespaces":      {run(commandJob, "--nodes=all", "--namespaces=a"), 2},
		"a shard of no nodes":               {run(commandRun, "--shard=0/2"), 2},
		"a shard that there is not":         {run(commandRun, "--nodes=all", "--shard=2/2"), 2},
		"nodes again and again":             {run(commandRun, "--nodes=all", "--repeat=2"), 2},
		"a run in no pod":                   {run(commandRun, "--in-cluster", "--focus=NET-01", "--out=/dev/null/never"), 2},
		"a run in a pod with a kubeconfig":  {run(commandRun, "--in-cluster", "--kubeconfig=/k"), 2},
		"a run in a pod with a node image":  {run(commandRun, "--in-cluster", "--node-image=x"), 2},
		"the witness of a run in no pod":    {run(commandRun, "--witness=x:1"), 2},
		"a record from nowhere to nowhere":  {run(commandReport, "-"), 2},
		"what failed, on every version":     {run(commandMatrix, "--failed="+written(t, reports.Passed)), 2},
		"what failed, with mutants":         {run(commandMutants, "--failed="+written(t, reports.Passed)), 2},
		"what failed in a record of no run": {run(commandRun, "--failed=absent"), 2},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(c.run()).To(Equal(c.want))
		})
	}
}

func TestWhatAJobIsToldReachesItsPod(t *testing.T) {
	g := NewWithT(t)
	var f podFlags
	flags := flag.NewFlagSet("podproof job", flag.ContinueOnError)
	f.register(flags)
	_, err := parse(flags, []string{"--randomize", "--focus", "NET-01,VOL-01", "--procs=2"})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(f.args).To(Equal([]string{"--randomize=true", "--focus=NET-01,VOL-01", "--procs=2"}))
	// And podproof there understands it.
	o := options.Defaults()
	there := flag.NewFlagSet("podproof run", flag.ContinueOnError)
	options.Register(there, &o)
	g.Expect(there.Parse(f.args)).To(Succeed())
	o.InCluster = true
	g.Expect(o).To(Equal(f.options))
}

func TestNothingToRunAgain(t *testing.T) {
	NewWithT(t).Expect(commandRun([]string{"--failed=" + written(t, reports.Passed)})).To(Equal(0))
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
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			dir := t.TempDir()
			t.Setenv("SONOBUOY_RESULTS_DIR", dir)
			t.Setenv("PODPROOF_OUT", t.TempDir())
			g.Expect(commandRun([]string{"--sonobuoy", c.arg})).To(Equal(2))
			done, err := os.ReadFile(filepath.Join(dir, "done"))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(exec.Command("tar", "-xzf", string(done), "-C", dir).Run()).To(Succeed())
			junit, err := os.ReadFile(filepath.Join(dir, files.JUnit))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(string(junit)).To(And(ContainSubstring("<error"), ContainSubstring(c.want)))
		})
	}
}
