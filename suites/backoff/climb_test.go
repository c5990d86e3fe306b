package backoff

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/cluster"
	spaces "github.com/podproof/podproof/framework/namespace"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

func kinds(places ...place) []*climber {
	var all []*climber
	for _, p := range places {
		all = append(all, &climber{lives: crashing(1).in(p)})
	}
	return all
}

func TestEachKindIsJudgedAloneWhenItCanBe(t *testing.T) {
	g := NewWithT(t)
	g.Expect(groups(kinds(app, app))).To(HaveLen(1))
	g.Expect(groups(kinds(app, app, sidecar))).To(HaveExactElements(HaveLen(3)), "one sidecar alone may be delayed by a busy machine")
	g.Expect(groups(kinds(app, sidecar, app, sidecar))).To(HaveExactElements(HaveLen(2), HaveLen(2)))
	g.Expect(ofKind(kinds(sidecar, sidecar))).To(Equal(" of the sidecar"))
	g.Expect(ofKind(kinds(app, sidecar))).To(BeEmpty())
}

func TestInstancesEndInTurn(t *testing.T) {
	g := NewWithT(t)
	l := crashing(1, killed, 0)
	g.Expect([]int{l.code(0), l.code(1), l.code(2), l.code(7)}).To(Equal([]int{1, 137, 0, 0}))
	g.Expect(l.args()).To(ContainElement("--schedule=300ms:1,300ms:KILL,300ms:0"))
	g.Expect(lives{[]time.Duration{short, time.Minute}, []int{1}, app}.args()).To(ContainElement("--schedule=300ms:1,1m0s:1"))
}

func TestTheRecorderRunsBesideEveryKind(t *testing.T) {
	g := NewWithT(t)
	ns := &spec.Space{Space: &spaces.Space{Ground: &spaces.Ground{Cluster: &cluster.Info{WitnessImage: "witness:1"}}}}
	names := func(all []corev1.Container) (names []string) {
		for _, c := range all {
			names = append(names, c.Name)
		}
		return names
	}
	made := func(l lives) corev1.PodSpec { return l.beside(ns, "p", l.args(), pod.Env("A", "B")).Spec }
	g.Expect(names(made(crashing(1)).Containers)).To(Equal([]string{"recorder", "crasher"}))
	g.Expect(made(crashing(1)).ShareProcessNamespace).To(BeNil())
	g.Expect(made(crashing(killed)).ShareProcessNamespace).To(Equal(ptr.To(true)))
	for p, policy := range map[place]*corev1.ContainerRestartPolicy{initContainer: nil, sidecar: ptr.To(corev1.ContainerRestartPolicyAlways)} {
		made := made(crashing(1).in(p))
		g.Expect(names(made.InitContainers)).To(Equal([]string{"recorder", "crasher"}), "it must run before the crasher has succeeded")
		g.Expect(made.InitContainers[1].RestartPolicy).To(Equal(policy))
		g.Expect(made.InitContainers[1].Env).NotTo(BeEmpty())
	}
}
