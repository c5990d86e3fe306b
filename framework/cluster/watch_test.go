package cluster

import (
	"context"
	"errors"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// watched is a client whose watches of a resource show one list of objects
// after the other, each as if it had just been opened; a nil list is an open
// that fails, and every watch but the last one breaks.
func watched(resource string, lists ...[]runtime.Object) *fake.Clientset {
	client := fake.NewClientset()
	opened := 0
	client.PrependWatchReactor(resource, func(clienttesting.Action) (bool, watch.Interface, error) {
		list := lists[min(opened, len(lists)-1)]
		opened++
		if list == nil {
			return true, nil, errors.New("connection refused")
		}
		w := watch.NewFakeWithChanSize(len(list), false)
		for _, object := range list {
			w.Add(object)
		}
		if opened < len(lists) {
			w.Stop()
		}
		return true, w, nil
	})
	return client
}

func node(name string, change ...func(*corev1.Node)) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	for _, c := range change {
		c(n)
	}
	return n
}

func ready(status corev1.ConditionStatus, reason string, at time.Time) func(*corev1.Node) {
	return func(n *corev1.Node) {
		n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{
			Type: corev1.NodeReady, Status: status, Reason: reason, Message: "in words", LastHeartbeatTime: metav1.NewTime(at),
		})
	}
}

func TestAwaitNodesOutlivesBrokenWatches(t *testing.T) {
	g := NewWithT(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	now := time.Now()
	client := watched("nodes",
		nil, // the API server is not up yet
		[]runtime.Object{node("gone", ready("True", "KubeletReady", now))},
		[]runtime.Object{node("a", ready("True", "KubeletReady", now)), node("b", ready("True", "KubeletReady", now))},
	)
	nodes, err := awaitNodes(ctx, client, 2, takesPods(nil), whyNot)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(nodes).To(And(HaveLen(2), HaveKey("a"), HaveKey("b")), "a node that a later watch does not show any more is not there")
}

func TestAwaitNodesSaysWhatIsMissing(t *testing.T) {
	g := NewWithT(t)
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("time is up"))
	defer cancel()
	now := time.Now()
	client := watched("nodes", []runtime.Object{
		node("a", ready("True", "KubeletReady", now)),
		node("b", ready("False", "KubeletNotReady", now)),
		node("c"),
	})
	_, err := awaitNodes(ctx, client, 3, takesPods(nil), whyNot)
	g.Expect(err).To(MatchError("time is up; 3 of 3 nodes have registered; " +
		"b: Ready is False, KubeletNotReady: in words; c: its kubelet has not reported yet"))
}

func TestAwaitNodesTellsWhatTheAPILastSaid(t *testing.T) {
	g := NewWithT(t)
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("time is up"))
	defer cancel()
	_, err := awaitNodes(ctx, watched("nodes", nil), 1, takesPods(nil), whyNot)
	g.Expect(err).To(MatchError(ContainSubstring("time is up (the last answer: connection refused); 0 of 1 nodes")))
}

func TestAwaitServiceAccount(t *testing.T) {
	g := NewWithT(t)
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default", Namespace: "n"}}
	g.Expect(awaitServiceAccount(t.Context(), watched("serviceaccounts", []runtime.Object{account}), "n")).To(Succeed())

	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("time is up"))
	defer cancel()
	err := awaitServiceAccount(ctx, watched("serviceaccounts", []runtime.Object{}), "n")
	g.Expect(err).To(MatchError("namespace n has no ServiceAccount default: time is up"))
}

func TestTakesPods(t *testing.T) {
	g := NewWithT(t)
	started := time.Date(2026, 5, 1, 12, 0, 10, 700_000_000, time.UTC)
	holds := takesPods(map[string]time.Time{"a": started})
	at := func(seconds int) time.Time { return time.Date(2026, 5, 1, 12, 0, seconds, 0, time.UTC) }
	tainted := func(key string) func(*corev1.Node) {
		return func(n *corev1.Node) {
			n.Spec.Taints = []corev1.Taint{{Key: key, Effect: corev1.TaintEffectNoSchedule}}
		}
	}

	old := node("a", ready("True", "r", at(9)))
	g.Expect(holds(old)).To(BeFalse(), "said before the node stopped")
	g.Expect(whyNot(old)).To(Equal("its kubelet has not reported since the node was started"))
	g.Expect(holds(node("a", ready("True", "r", at(10))))).To(BeTrue(), "the API knows no parts of a second")
	g.Expect(holds(node("a", ready("False", "r", at(11))))).To(BeFalse())
	g.Expect(holds(node("b", ready("True", "r", at(1))))).To(BeTrue(), "a node that was not started again")
	g.Expect(holds(node("b"))).To(BeFalse())

	early := node("b", ready("True", "r", at(1)), tainted("node.kubernetes.io/not-ready"))
	g.Expect(holds(early)).To(BeFalse(), "the scheduler does not know yet")
	g.Expect(whyNot(early)).To(Equal("it is Ready, but has the taint node.kubernetes.io/not-ready"))
	g.Expect(holds(node("b", ready("True", "r", at(1)), tainted(controlPlaneLabel)))).To(BeTrue(), "which a control plane keeps")
}

func TestDescribeNode(t *testing.T) {
	g := NewWithT(t)
	controlPlane := node("cp", ready("True", "r", time.Now()), func(n *corev1.Node) {
		n.Labels = map[string]string{controlPlaneLabel: ""}
		n.Spec.Taints = []corev1.Taint{{Key: controlPlaneLabel, Effect: corev1.TaintEffectNoSchedule}}
		n.Spec.PodCIDRs = []string{"10.244.0.0/24"}
		n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: "cp"}, {Type: corev1.NodeInternalIP, Address: "172.18.0.2"}}
		n.Status.NodeInfo = corev1.NodeSystemInfo{KubeletVersion: "v1.37.2", ContainerRuntimeVersion: "containerd://2.4.0", OperatingSystem: "linux"}
	})
	g.Expect(describeNode(controlPlane)).To(Equal(Node{
		Name: "cp", Role: "control-plane", InternalIPs: []string{"172.18.0.2"},
		Kubelet: "v1.37.2", Runtime: "containerd://2.4.0", OS: "linux", Ready: true, Schedulable: false,
		Taints: []string{controlPlaneLabel},
	}))
	g.Expect(describeNode(node("w"))).To(Equal(Node{Name: "w", Role: "worker", Schedulable: true}))
	g.Expect(isSchedulable(node("soft", func(n *corev1.Node) {
		n.Spec.Taints = []corev1.Taint{{Effect: corev1.TaintEffectPreferNoSchedule}}
	}))).To(BeTrue())
	g.Expect(isSchedulable(node("cordoned", func(n *corev1.Node) { n.Spec.Unschedulable = true }))).To(BeFalse())
}
