package cluster

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
)

func TestOneNodeOfMany(t *testing.T) {
	g := NewWithT(t)
	many := &Info{Name: "many", NodeSelector: map[string]string{"pool": "a"}, Nodes: []Node{
		{Name: "control", Role: "control-plane"}, {Name: "control-2", Role: "control-plane"},
		{Name: "n1", Hostname: "h1"}, {Name: "n2", Hostname: "h2"}, {Name: "n3", Hostname: "h3"},
	}}
	names := func(i *Info) (all []string) {
		for _, n := range i.Nodes {
			all = append(all, n.Name)
		}
		return all
	}
	on := many.OnNode("n2", "n1")
	g.Expect(names(on)).To(Equal([]string{"n2", "n1", "control"}), "the node goes first, since specs take two in order")
	g.Expect(on.Only).To(Equal("n2"))
	g.Expect(on.NodeSelector).To(Equal(map[string]string{corev1.LabelHostname: "h2"}))
	g.Expect(on.Name).To(Equal("many"))
	g.Expect(names(many.OnNode("n2", ""))).To(Equal([]string{"n2", "control"}))
	g.Expect(names(many.OnNode("control", "n1"))).To(Equal([]string{"control", "n1"}))
	g.Expect(names(many)).To(HaveLen(5), "the whole cluster stays as it was")
	g.Expect(many.NodeSelector).To(Equal(map[string]string{"pool": "a"}))
}
