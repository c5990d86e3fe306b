package fleet

import (
	"errors"
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/cluster"
	"github.com/podproof/podproof/framework/options"
)

func node(name string) cluster.Node {
	return cluster.Node{Name: name, Hostname: name, OS: "linux", Ready: true, Schedulable: true}
}

func TestWhatIsAskedFor(t *testing.T) {
	g := NewWithT(t)
	g.Expect(Parse("all", "")).To(Equal(Choice{Of: 1}))
	g.Expect(Parse("b,a", "1/3")).To(Equal(Choice{Names: []string{"a", "b"}, Index: 1, Of: 3}))
	for _, bad := range [][2]string{{"", ""}, {",", ""}, {"a,a", ""}, {"all", "3/3"}, {"all", "-1/3"}, {"all", "1"}, {"all", "0/0"}, {"all", "$(JOB_COMPLETION_INDEX)/2"}} {
		_, err := Parse(bad[0], bad[1])
		var usage *options.UsageError
		g.Expect(errors.As(err, &usage)).To(BeTrue(), "%v", bad)
	}
}

func TestEveryNodeIsInOnePart(t *testing.T) {
	g := NewWithT(t)
	var nodes []cluster.Node
	for n := range 1000 {
		nodes = append(nodes, node(fmt.Sprintf("n%03d", n)))
	}
	nodes[7].Ready = false
	seen := map[string]int{}
	for index := range 30 {
		members, part, err := Choice{Index: index, Of: 30}.Select(nodes)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(part.Nodes).To(And(Equal(len(members)), BeNumerically(">=", 33), BeNumerically("<=", 34)))
		for _, m := range members {
			seen[m.Name]++
		}
	}
	g.Expect(seen).To(HaveLen(1000))
	g.Expect(seen).To(HaveEach(1))

	_, before, _ := Choice{Of: 2}.Select(nodes)
	_, after, _ := Choice{Of: 2}.Select(nodes[1:])
	g.Expect(after.Chosen).NotTo(Equal(before.Chosen), "parts that saw other nodes can be told")
}

func TestNodesThatCannotBeJudged(t *testing.T) {
	g := NewWithT(t)
	dead, cordoned, tainted, windows, unnamed, elsewhere := node("dead"), node("cordoned"), node("tainted"), node("windows"), node("unnamed"), node("elsewhere")
	dead.Ready = false
	cordoned.Cordoned, cordoned.Schedulable = true, false
	tainted.Taints, tainted.Schedulable = []string{"gpu"}, false
	windows.OS = "windows"
	unnamed.Hostname = ""
	elsewhere.Unchosen = true
	twin := node("twin")
	twin.Hostname = "good"
	nodes := []cluster.Node{dead, cordoned, tainted, windows, unnamed, elsewhere, node("fine"), node("good"), twin}

	members, _, err := Choice{Of: 1}.Select(nodes)
	g.Expect(err).NotTo(HaveOccurred())
	why, meant := map[string]string{}, map[string]bool{}
	for _, m := range members {
		why[m.Name], meant[m.Name] = m.Why, m.Meant && m.Why != ""
	}
	g.Expect(why).To(Equal(map[string]string{
		"dead": "not Ready", "cordoned": "cordoned", "tainted": "tainted: gpu", "windows": "it runs windows",
		"unnamed": "it has no label kubernetes.io/hostname, by which pods are held on a node",
		"good":    "2 nodes have its label kubernetes.io/hostname, good",
		"twin":    "2 nodes have its label kubernetes.io/hostname, good", "fine": "",
	}))
	g.Expect(meant).To(Equal(map[string]bool{"dead": true, "cordoned": false, "tainted": false, "windows": false, "unnamed": true, "good": true, "twin": true, "fine": false}))

	members, _, err = Choice{Names: []string{"cordoned"}, Of: 1}.Select(nodes)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(members).To(HaveExactElements(And(HaveField("Why", "cordoned"), HaveField("Meant", true))), "it was asked for by name")
	_, _, err = Choice{Names: []string{"nowhere"}, Of: 1}.Select(nodes)
	g.Expect(err).To(MatchError(And(ContainSubstring("no node nowhere"), ContainSubstring("fine, good"))))
}

func TestPeer(t *testing.T) {
	g := NewWithT(t)
	dead := node("b")
	dead.Ready = false
	nodes := []cluster.Node{node("a"), dead, node("c")}
	g.Expect(Peer(nodes, "a", "")).To(Equal("c"))
	g.Expect(Peer(nodes, "c", "")).To(Equal("a"), "after the last comes the first")
	g.Expect(Peer(nodes, "a", "z")).To(Equal("z"), "a node that was judged well goes before one that nobody knows")
	g.Expect(Peer(nodes, "a", "a")).To(Equal("c"))
	g.Expect(Peer(nodes[:2], "a", "")).To(BeEmpty())
}
