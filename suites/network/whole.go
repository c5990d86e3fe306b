package network

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
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
		// Each container alone fits on the largest node, two of them do not.
		part := pod.Requests(corev1.ResourceCPU, fmt.Sprintf("%dm", largestNode(ctx, ns)*6/10))
		a, b := ns.Witness("a", witness.Run(), part), ns.Witness("b", witness.Run(), part)
		tooBig := map[string]*journal.Story{}
		for name, containers := range map[string][]pod.Option{
			"two":      {a, b},
			"last-two": {ns.Witness("small", witness.Run()), a, b},
			"sidecar":  {ns.Sidecar("beside", witness.Run(), part), a},
		} {
			tooBig[name] = spec.Must(ns.Create(ctx, pod.New("too-big-"+name, containers...)))
		}
		fits := spec.Must(ns.Create(ctx, pod.New("fits", ns.Witness("a", witness.Run()), ns.Witness("b", witness.Run()))))

		waits := pod.Condition(corev1.PodScheduled, corev1.ConditionFalse, corev1.PodReasonUnschedulable)
		waits.Never = func(p *corev1.Pod) string {
			if p.Spec.NodeName != "" {
				return fmt.Sprintf("it was put on node %s, although two of its containers request more CPU than any node has", p.Spec.NodeName)
			}
			return ""
		}
		for _, story := range tooBig {
			p := spec.Must(story.Await(ctx, waits)).Pod
			Expect(p.Status.ContainerStatuses).To(BeEmpty(), "no container of a Pod may start while the Pod as a whole has no node\n%s", story)
		}
		p := spec.Must(fits.Await(ctx, pod.All(pod.InPhase(corev1.PodRunning), pod.AllRunning()))).Pod
		Expect(p.Spec.NodeName).NotTo(BeEmpty(), "a Pod whose containers run must be on a node\n%s", fits)

		By("changing the lists of containers of a Pod that waits for a node, and of one that runs")
		for _, story := range []*journal.Story{tooBig["two"], fits} {
			expectFixed(ctx, ns, story)
		}
		Expect(fits).To(pod.BeNow(pod.AllRunning()))
	})
})

// largestNode is the CPU of the node that has most of it, in thousandths.
func largestNode(ctx SpecContext, ns *spec.Space) int64 {
	GinkgoHelper()
	var largest int64
	for _, n := range spec.Must(ns.API.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})).Items {
		largest = max(largest, n.Status.Allocatable.Cpu().MilliValue())
	}
	Expect(largest).NotTo(BeZero(), "no node reports how much CPU it has")
	return largest
}

// expectFixed tries to change which containers the Pod has, a and b.
func expectFixed(ctx SpecContext, ns *spec.Space, story *journal.Story) {
	GinkgoHelper()
	another := fmt.Sprintf(`{"name":"c","image":%q,"securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]}}}`, ns.Cluster.WitnessImage)
	sidecar := strings.Replace(another, "{", `{"restartPolicy":"Always",`, 1)
	for change, patch := range map[string]string{
		"one more container": `[{"op":"add","path":"/spec/containers/-","value":` + another + `}]`,
		"one container less": `[{"op":"remove","path":"/spec/containers/1"}]`,
		"another container":  `[{"op":"replace","path":"/spec/containers/1/name","value":"c"}]`,
		"another order":      `[{"op":"move","from":"/spec/containers/1","path":"/spec/containers/0"}]`,
		"an init container":  `[{"op":"add","path":"/spec/initContainers","value":[` + another + `]}]`,
		"a sidecar":          `[{"op":"add","path":"/spec/initContainers","value":[` + sidecar + `]}]`,
	} {
		_, err := ns.API.Client.CoreV1().Pods(ns.Name()).Patch(ctx, story.Name(), types.JSONPatchType, []byte(patch), metav1.PatchOptions{})
		Expect(apierrors.IsInvalid(err)).To(BeTrue(), "%s in the Pod %s must be refused as invalid, but the API server returned: %v", change, story.Name(), err)
	}
	now := spec.Must(ns.API.Client.CoreV1().Pods(ns.Name()).Get(ctx, story.Name(), metav1.GetOptions{}))
	Expect(now.Spec.InitContainers).To(BeEmpty(), "a refused change must have changed nothing\n%s", story)
	Expect(now.Spec.Containers).To(HaveExactElements(HaveField("Name", "a"), HaveField("Name", "b")), "a refused change must have changed nothing\n%s", story)
}
