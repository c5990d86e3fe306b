package command

import (
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/bynode"
)

func TestShardsAreJoined(t *testing.T) {
	g := NewWithT(t)
	var dirs []string
	for index, name := range []string{"a", "b"} {
		shard := bynode.New(reports.Run{Profile: "quick"}, nil, bynode.Shard{Index: index, Of: 2, Nodes: 1, Chosen: "c"})
		dir := t.TempDir()
		g.Expect(bynode.Write(dir, shard.With(bynode.Result{Node: reports.Node{Name: name}, Verdict: reports.Conformant, Claims: map[string]bynode.Claim{"NET-01": {Verdict: reports.Conformant}}}))).To(Succeed())
		dirs = append(dirs, dir)
	}
	out := t.TempDir()
	g.Expect(podproof(append(append([]string{"fleet"}, dirs...), "--out="+out)...)).To(Equal(0))
	g.Expect(filepath.Join(out, bynode.File)).To(BeAnExistingFile())
	g.Expect(podproof("fleet", dirs[0])).To(Equal(reports.ExitCouldNotTest), "a shard is missing")
	g.Expect(podproof("fleet", dirs[0], dirs[0])).To(Equal(reports.ExitUsage))
	g.Expect(podproof("fleet")).To(Equal(reports.ExitUsage))
	g.Expect(podproof("fleet", "absent")).To(Equal(reports.ExitUsage))
}
