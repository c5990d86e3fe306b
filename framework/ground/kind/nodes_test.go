package kind

import (
	"context"
	"errors"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/podproof/podproof/framework/api/apitest"
)

func TestAwaitNodesOutlivesBrokenWatches(t *testing.T) {
	g := NewWithT(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	now := time.Now()
	client := apitest.Watched("nodes",
		nil, // the API server is not up yet
		[]runtime.Object{apitest.Node("gone", apitest.Ready("True", "KubeletReady", now))},
		[]runtime.Object{apitest.Node("a", apitest.Ready("True", "KubeletReady", now)), apitest.Node("b", apitest.Ready("True", "KubeletReady", now))},
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
	client := apitest.Watched("nodes", []runtime.Object{
		apitest.Node("a", apitest.Ready("True", "KubeletReady", now)),
		apitest.Node("b", apitest.Ready("False", "KubeletNotReady", now)),
		apitest.Node("c"),
	})
	_, err := awaitNodes(ctx, client, 3, takesPods(nil), whyNot)
	g.Expect(err).To(MatchError("time is up; 3 of 3 nodes have registered; " +
		"b: Ready is False, KubeletNotReady: in words; c: its kubelet has not reported yet"))
}

func TestAwaitNodesTellsWhatTheAPILastSaid(t *testing.T) {
	g := NewWithT(t)
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("time is up"))
	defer cancel()
	_, err := awaitNodes(ctx, apitest.Watched("nodes", nil), 1, takesPods(nil), whyNot)
	g.Expect(err).To(MatchError(ContainSubstring("time is up (the last answer: connection refused); 0 of 1 nodes")))
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

	old := apitest.Node("a", apitest.Ready("True", "r", at(9)))
	g.Expect(holds(old)).To(BeFalse(), "said before the node stopped")
	g.Expect(whyNot(old)).To(Equal("its kubelet has not reported since the node was started"))
	g.Expect(holds(apitest.Node("a", apitest.Ready("True", "r", at(10))))).To(BeTrue(), "the API knows no parts of a second")
	g.Expect(holds(apitest.Node("a", apitest.Ready("False", "r", at(11))))).To(BeFalse())
	g.Expect(holds(apitest.Node("b", apitest.Ready("True", "r", at(1))))).To(BeTrue(), "a node that was not started again")
	g.Expect(holds(apitest.Node("b"))).To(BeFalse())

	early := apitest.Node("b", apitest.Ready("True", "r", at(1)), tainted("node.kubernetes.io/not-ready"))
	g.Expect(holds(early)).To(BeFalse(), "the scheduler does not know yet")
	g.Expect(whyNot(early)).To(Equal("it is Ready, but has the taint node.kubernetes.io/not-ready"))
	g.Expect(holds(apitest.Node("b", apitest.Ready("True", "r", at(1)), tainted("node-role.kubernetes.io/control-plane")))).To(BeTrue(), "which a control plane keeps")
}
