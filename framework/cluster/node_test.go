package cluster

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/podproof/podproof/framework/api/apitest"
)

func TestDescribeNode(t *testing.T) {
	g := NewWithT(t)
	controlPlane := apitest.Node("cp", apitest.Ready("True", "r", time.Now()), func(n *corev1.Node) {
		n.Labels = map[string]string{controlPlaneLabel: ""}
		n.Spec.Taints = []corev1.Taint{{Key: controlPlaneLabel, Effect: corev1.TaintEffectNoSchedule}}
		n.Spec.PodCIDRs = []string{"10.244.0.0/24"}
		n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: "cp"}, {Type: corev1.NodeInternalIP, Address: "172.18.0.2"}}
		n.Status.NodeInfo = corev1.NodeSystemInfo{KubeletVersion: "v1.37.2", ContainerRuntimeVersion: "containerd://2.4.0", OperatingSystem: "linux"}
	})
	g.Expect(NodeOf(controlPlane)).To(Equal(Node{
		Name: "cp", Role: "control-plane", InternalIPs: []string{"172.18.0.2"},
		Kubelet: "v1.37.2", Runtime: "containerd://2.4.0", OS: "linux", Ready: true, Schedulable: false,
		Taints: []string{controlPlaneLabel},
	}))
	g.Expect(NodeOf(apitest.Node("w"))).To(Equal(Node{Name: "w", Role: "worker", Schedulable: true}))
	g.Expect(isSchedulable(apitest.Node("soft", func(n *corev1.Node) {
		n.Spec.Taints = []corev1.Taint{{Effect: corev1.TaintEffectPreferNoSchedule}}
	}))).To(BeTrue())
	g.Expect(isSchedulable(apitest.Node("cordoned", func(n *corev1.Node) { n.Spec.Unschedulable = true }))).To(BeFalse())
}

func TestIsReserved(t *testing.T) {
	g := NewWithT(t)
	labelled := func(n *corev1.Node) { n.Labels = map[string]string{ReservedKey: ReservedValue} }
	tainted := func(n *corev1.Node) {
		n.Spec.Taints = []corev1.Taint{{Key: ReservedKey, Value: ReservedValue, Effect: corev1.TaintEffectNoSchedule}}
	}
	g.Expect(isReserved(apitest.Node("a", labelled, tainted))).To(BeTrue())
	g.Expect(isReserved(apitest.Node("a", labelled))).To(BeFalse(), "other users may have pods there")
	g.Expect(isReserved(apitest.Node("a", tainted))).To(BeFalse())
}
