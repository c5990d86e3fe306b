package kind

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/framework/cluster"
)

func TestWhoseNodesCanBeReachedHasAControl(t *testing.T) {
	g := NewWithT(t)
	far := &cluster.Info{Name: "far"}
	Attach(far)
	g.Expect(far.Control).To(BeNil())
	g.Expect(Of(far)).To(BeNil())
	Attach(nil) // set-up did not get that far

	here := &cluster.Info{Name: "here", Provider: "docker"}
	Attach(here)
	g.Expect(Of(here).Info).To(BeIdenticalTo(here))
	g.Expect(here.Control).To(BeIdenticalTo(Of(here)))
}

func TestCommandOnANode(t *testing.T) {
	g := NewWithT(t)
	c := control(&cluster.Info{Provider: "docker"}, nil)
	args := func(stdin, terminal bool) []string { return c.Command(t.Context(), "n", stdin, terminal, "true").Args }
	g.Expect(args(false, false)).To(Equal([]string{"docker", "exec", "n", "true"}))
	g.Expect(args(true, false)).To(Equal([]string{"docker", "exec", "-i", "n", "true"}))
	g.Expect(args(true, true)).To(Equal([]string{"docker", "exec", "-i", "-t", "n", "true"}))
}
