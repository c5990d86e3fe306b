package run

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/cluster"
	"github.com/podproof/podproof/framework/fleet"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/framework/progress"
	"github.com/podproof/podproof/framework/setup"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/bynode"
)

// onNodes is a run on a cluster with these nodes.
func onNodes(t *testing.T, nodes ...cluster.Node) *nodesRun {
	t.Helper()
	for i := range nodes {
		nodes[i].OS = "linux"
	}
	console := progress.NewConsole(&strings.Builder{}, progress.Options{})
	stop := NewStopper(console)
	t.Cleanup(func() { stop.Close(); console.Close() })
	env := &setup.Environment{Options: options.Defaults(), Cluster: &cluster.Info{ServerVersion: "v1.37.2", Nodes: nodes}}
	return &nodesRun{stop: stop, console: console, env: env, dir: t.TempDir()}
}

func TestNodesThatCannotBeJudgedAreListed(t *testing.T) {
	g := NewWithT(t)
	tainted := cluster.Node{Name: "tainted", Hostname: "tainted", Ready: true, Taints: []string{"gpu"}}
	dead := cluster.Node{Name: "dead", Hostname: "dead", Schedulable: true}
	fine := cluster.Node{Name: "fine", Hostname: "fine", Ready: true, Schedulable: true}

	r := onNodes(t, tainted, dead)
	g.Expect(r.judgeAll(fleet.Choice{Of: 1})).To(Succeed())
	g.Expect(r.code).To(Equal(reports.ExitCouldNotTest))
	file, err := os.Open(filepath.Join(r.dir, bynode.File))
	g.Expect(err).NotTo(HaveOccurred())
	defer file.Close()
	fleets, err := bynode.Read(file)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(fleets).To(HaveLen(1))
	g.Expect(fleets[0].Nodes).To(HaveExactElements(
		And(HaveField("Name", "dead"), HaveField("Verdict", reports.Inconclusive), HaveField("Reason", "not Ready")),
		And(HaveField("Name", "tainted"), HaveField("Verdict", reports.NotApplicable), HaveField("Reason", "tainted: gpu"))))
	g.Expect(fleets[0].Missing()).To(BeEmpty())

	r = onNodes(t, tainted)
	g.Expect(r.judgeAll(fleet.Choice{Of: 1})).To(Succeed())
	g.Expect(r.code).To(Equal(reports.ExitCouldNotTest), "nothing was judged")
	r = onNodes(t, tainted)
	g.Expect(r.judgeAll(fleet.Choice{Of: 2})).To(Succeed())
	g.Expect(r.code).To(Equal(reports.ExitConformant), "a shard may have no node that takes pods")

	r = onNodes(t, fine)
	r.stop.cancel()
	g.Expect(r.judgeAll(fleet.Choice{Of: 1})).To(Succeed())
	g.Expect(r.code).To(Equal(reports.ExitInterrupted))
	text, err := os.ReadFile(filepath.Join(r.dir, bynode.TextFile))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(text)).To(ContainSubstring("interrupted before its turn"))

	g.Expect(Report(onNodes(t, fine).judgeAll(fleet.Choice{Names: []string{"other"}, Of: 1}))).To(Equal(reports.ExitUsage))
}
