package spec

import (
	"testing"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/cluster"
	"github.com/podproof/podproof/framework/pod"
	corev1 "k8s.io/api/core/v1"
)

func TestTwoNodesAreFoundWhereTwoTakePods(t *testing.T) {
	control := cluster.Node{Name: "control", Role: "control-plane", OS: "linux", Ready: true}
	worker := cluster.Node{Name: "worker", Role: "worker", OS: "linux", Ready: true, Schedulable: true}
	second := cluster.Node{Name: "second", Role: "worker", OS: "linux", Ready: true, Schedulable: true}
	reserved := cluster.Node{Name: "reserved", Role: "worker", OS: "linux", Ready: true}
	dead := cluster.Node{Name: "dead", Role: "worker", OS: "linux", Schedulable: true}
	windows := cluster.Node{Name: "windows", Role: "worker", OS: "windows", Ready: true, Schedulable: true}
	untainted := cluster.Node{Name: "untainted", Role: "control-plane", OS: "linux", Ready: true, Schedulable: true}

	elsewhere := cluster.Node{Name: "elsewhere", Role: "worker", OS: "linux", Ready: true, Schedulable: true, Unchosen: true}
	cordoned := cluster.Node{Name: "cordoned", Role: "control-plane", OS: "linux", Ready: true, Cordoned: true}
	full := cluster.Node{Name: "full", Role: "control-plane", OS: "linux", Ready: true, Taints: []string{controlPlaneTaint, "etcd"}}
	control.Taints = []string{controlPlaneTaint}

	for name, c := range map[string]struct {
		nodes []cluster.Node
		want  []string
	}{
		"workers go first":                    {[]cluster.Node{control, worker, second}, []string{"worker", "second"}},
		"a reserved worker is left alone":     {[]cluster.Node{control, reserved, worker}, []string{"worker", "control"}},
		"a dead node and Windows are no help": {[]cluster.Node{dead, windows, worker}, nil},
		"control plane without its taint":     {[]cluster.Node{untainted, worker}, []string{"untainted", "worker"}},
		"a node that is not chosen":           {[]cluster.Node{elsewhere, worker}, nil},
		"a cordoned control plane":            {[]cluster.Node{cordoned, worker}, nil},
		"one with another taint":              {[]cluster.Node{full, control, worker}, []string{"worker", "control"}},
		"one node":                            {[]cluster.Node{untainted}, nil},
		"no node takes any pod":               {[]cluster.Node{control, control}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, n := range twoNodes(c.nodes) {
				got = append(got, n.Name)
			}
			NewWithT(t).Expect(got).To(Equal(c.want))
		})
	}

	g := NewWithT(t)
	p := pod.New("p", onNode(control))
	g.Expect(p.Spec.NodeName).To(Equal("control"))
	g.Expect(p.Spec.Tolerations).To(ConsistOf(corev1.Toleration{Key: "node-role.kubernetes.io/control-plane", Operator: corev1.TolerationOpExists}))
}
