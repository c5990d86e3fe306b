package network

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

var _ = Describe("A Pod as a unit", func() {
	ns := spec.Namespace()

	It("is placed as a whole or not at all", claim.Proves("DEF-01"), func(ctx SpecContext) {
		// Each container alone fits on the largest node, both together do not.
		nodes := spec.Must(ns.API.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{}))
		var largest int64
		for _, n := range nodes.Items {
			largest = max(largest, n.Status.Allocatable.Cpu().MilliValue())
		}
		Expect(largest).NotTo(BeZero(), "no node reports how much CPU it has")
		part := pod.Requests(corev1.ResourceCPU, fmt.Sprintf("%dm", largest*6/10))
		tooBig := spec.Must(ns.Create(ctx, pod.New("too-big", ns.Witness("a", witness.Run(), part), ns.Witness("b", witness.Run(), part))))
		fits := spec.Must(ns.Create(ctx, pod.New("fits", ns.Witness("a", witness.Run()), ns.Witness("b", witness.Run()))))

		waits := pod.Condition(corev1.PodScheduled, corev1.ConditionFalse, corev1.PodReasonUnschedulable)
		waits.Never = func(p *corev1.Pod) string {
			if p.Spec.NodeName != "" {
				return fmt.Sprintf("it was put on node %s, although its two containers request more CPU than any node has", p.Spec.NodeName)
			}
			return ""
		}
		p := spec.Must(tooBig.Await(ctx, waits)).Pod
		Expect(p.Status.ContainerStatuses).To(BeEmpty(), "no container of a Pod may start while the Pod as a whole has no node\n%s", tooBig)

		p = spec.Must(fits.Await(ctx, pod.All(pod.InPhase(corev1.PodRunning), pod.AllRunning()))).Pod
		Expect(p.Spec.NodeName).NotTo(BeEmpty(), "a Pod whose containers run must be on a node\n%s", fits)

		By("changing the list of containers of the existing Pod")
		for change, patch := range map[string]string{
			"one more container": fmt.Sprintf(`[{"op":"add","path":"/spec/containers/-","value":{"name":"c","image":%q,"securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]}}}}]`, ns.Cluster.WitnessImage),
			"one container less": `[{"op":"remove","path":"/spec/containers/1"}]`,
			"an init container":  fmt.Sprintf(`[{"op":"add","path":"/spec/initContainers","value":[{"name":"c","image":%q,"securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]}}}]}]`, ns.Cluster.WitnessImage),
		} {
			_, err := ns.API.Client.CoreV1().Pods(ns.Name()).Patch(ctx, fits.Name(), types.JSONPatchType, []byte(patch), metav1.PatchOptions{})
			Expect(apierrors.IsInvalid(err)).To(BeTrue(), "%s in a live Pod must be refused as invalid, but the API server returned: %v", change, err)
		}
		now := spec.Must(ns.API.Client.CoreV1().Pods(ns.Name()).Get(ctx, fits.Name(), metav1.GetOptions{}))
		Expect(now.Spec.InitContainers).To(BeEmpty(), "a refused change must have changed nothing\n%s", fits)
		Expect(now.Spec.Containers).To(HaveExactElements(HaveField("Name", "a"), HaveField("Name", "b")), "a refused change must have changed nothing\n%s", fits)
		Expect(fits).To(pod.BeNow(pod.AllRunning()))
	})
})
