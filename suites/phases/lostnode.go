package phases

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/cluster"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// What the control plane does by default about a node that no longer reports, and how
// long it may take on a conformant cluster.
const (
	// silence is how long the node controller waits for a sign of life
	// (--node-monitor-grace-period). The kubelet sends one every 10 s, and the
	// controller checks every 5 s, so a calm machine needs 60 s at most.
	silence, unheardOf = 50 * time.Second, 90 * time.Second
	// toleration is how long the Pod may stay on an unreachable node.
	toleration = 10 * time.Second
	// longToleration is enough time for a node to come back.
	longToleration = cluster.RecoverTimeout
	// gracePeriod of the Pods on the node.
	gracePeriod = time.Second
	// The garbage collector of Pods notices within 20 s that a node is gone,
	// waits 40 s for its return, and checks again every 20 s.
	// Source: pkg/controller/podgc/gc_controller.go (quarantineTime, gcCheckPeriod).
	quarantine, collected = 40 * time.Second, 120 * time.Second
	// collecting is the longest time until the next round of that garbage collector.
	collecting = 20 * time.Second
	// soon is the limit for what a controller does at once.
	soon = 30 * time.Second
)

// The specs take away the only node that they may, so they run one after the other. Each
// has its own outage, so that what breaks one claim says nothing about the other.
var _ = Describe("A Pod whose node is lost", Ordered, ContinueOnFailure, func() {
	ns := spec.Namespace()

	It("stays Running, also while it is evicted, and never becomes Unknown", claim.Proves("PHASE-UNK-01"), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, onReservedNode("lost", toleration, ns.Witness("w", witness.Run(witness.Beat(500*time.Millisecond))))))
		spec.Must(story.Await(ctx, pod.Ready()))
		node, _ := loseNode(ctx, ns, story)

		// The actions of the control plane on the Pod show that it has handled the outage.
		// Another claim covers that it acts, and when.
		for _, step := range []struct {
			state  journal.State
			most   time.Duration
			status string
		}{
			{pod.Condition(corev1.PodReady, corev1.ConditionFalse, ""), unheardOf + soon, "Running"},
			{pod.BeingDeleted(), toleration + soon, "Terminating"},
		} {
			_, err := within(ctx, step.most, story, whileRunning(step.state))
			if errors.Is(err, context.DeadlineExceeded) {
				spec.Inconclusive("the control plane did not handle the Pods on a lost node, see PHASE-UNK-02")
			}
			spec.Do(err)
			cells, shown, err := ns.Row(ctx, story.Name())
			spec.Do(err)
			Expect(shown.Status.Phase).To(Equal(corev1.PodRunning), "the phase of a Pod on a lost node must stay Running\n%s", story)
			Expect(cells["Status"]).To(Equal(step.status), "kubectl must show the Pod on the lost node as %s\n%s", step.status, story)
		}
		expectLives(ctx, ns, node, story)
		Expect(story).To(pod.NeverBe(pod.InPhase(corev1.PodUnknown)))
		Expect(story).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning))
	})

	It("is not evicted when its node is back before its toleration is over", claim.Proves("PHASE-UNK-02").Waiting(silence+longToleration+soon/2), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, onReservedNode("spared", longToleration, ns.Witness("w", witness.Run()))))
		spec.Must(story.Await(ctx, pod.Ready()))
		o := &outage{ns: ns, evicted: story}
		o.node, o.lost = loseNode(ctx, ns)
		tainted := o.awaitLost(ctx)

		By("bringing the node back")
		spec.Do(ns.Cluster.Control.Recover(ctx))
		awaitNode(ctx, ns, o.node, soon, "to have no taint node.kubernetes.io/unreachable:NoExecute", func(n *corev1.Node) bool { return unreachable(n) == nil })
		rest := time.Until(tainted.Add(longToleration))
		if rest <= 0 {
			spec.TooBusy("the node was back only after the Pod's toleration of %s", longToleration)
		}
		_, err := story.AwaitWithin(ctx, rest+soon/2, pod.BeingDeleted())
		Expect(err).To(MatchError(context.DeadlineExceeded), "a Pod whose node came back before the toleration was over must not be evicted when that is over\n%s", story)
		Expect(story).To(pod.BeNow(pod.Ready()))
	})

	It("is not Ready, is evicted after its toleration, and ends when its node is removed", claim.Proves("PHASE-UNK-02"), func(ctx SpecContext) {
		o := &outage{ns: ns}
		o.prepare(ctx)
		o.node, o.lost = loseNode(ctx, ns, o.evicted, o.patient)

		By("waiting until the node counts as lost")
		tainted := o.awaitLost(ctx)
		o.expectNotReady(ctx)

		By("waiting for the eviction of the Pods with a toleration of 10 s")
		o.expectEvicted(ctx, tainted)
		o.expectKept(ctx)

		By("removing the Node object")
		removed := time.Now()
		spec.Do(ns.API.Client.CoreV1().Nodes().Delete(ctx, o.node, metav1.DeleteOptions{}))
		o.expectCollected(ctx, removed)
		spec.Observed("life so far of a process whose Pod is gone", "goes on", expectLives(ctx, ns, o.node, o.patient))
	})
})

// loseNode takes the node away and returns its name and the time. After the spec, passed or
// not, it brings the node back. If the spec passed, the rest of the Pods on the node must
// end, and a new Pod must work there.
func loseNode(ctx context.Context, ns *spec.Space, pods ...*journal.Story) (node string, when time.Time) {
	GinkgoHelper()
	node = ns.Cluster.ReservedNode().Name
	DeferCleanup(func(ctx SpecContext) {
		spec.Do(ns.Cluster.Control.Recover(ctx))
		if !CurrentSpecReport().Failed() {
			expectWhole(ctx, ns, node, pods)
		}
	}, NodeTimeout(cluster.RecoverTimeout+time.Minute))
	awaitLease(ctx, ns, node)
	By("cutting node " + node + " off and stopping its kubelet")
	when = time.Now()
	spec.Do(ns.Cluster.Control.Lose(ctx))
	return node, when
}

// awaitLease waits until the kubelet of the node has given a sign of life through a Lease.
// It may do so only some seconds after its node has become Ready.
func awaitLease(ctx context.Context, ns *spec.Space, node string) {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	leases := cache.NewListWatchFromClient(ns.API.Client.CoordinationV1().RESTClient(), "leases", corev1.NamespaceNodeLease, fields.OneTermEqualSelector("metadata.name", node))
	_, err := watchtools.UntilWithSync(ctx, leases, &coordinationv1.Lease{}, nil, func(e watch.Event) (bool, error) {
		lease, ok := e.Object.(*coordinationv1.Lease)
		return ok && e.Type != watch.Deleted && lease.Spec.RenewTime != nil, nil
	})
	if err != nil {
		claim.Inconclusive(fmt.Sprintf("node %s has no Lease, which is its last sign of life: %v", node, err))
		spec.Do(err)
	}
}

// onReservedNode is a Pod on the node that will be lost. It tolerates an unreachable node
// for that long.
func onReservedNode(name string, tolerates time.Duration, options ...pod.Option) *corev1.Pod {
	seconds := int64(tolerates / time.Second)
	return pod.New(name, append(options, pod.Grace(int64(gracePeriod/time.Second)), pod.NodeSelector(cluster.ReservedKey, cluster.ReservedValue), func(p *corev1.Pod) {
		p.Spec.Tolerations = append(p.Spec.Tolerations,
			corev1.Toleration{Key: cluster.ReservedKey, Operator: corev1.TolerationOpExists},
			corev1.Toleration{Key: corev1.TaintNodeUnreachable, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &seconds})
	})...)
}

// awaitNode waits until the node is in the wanted state.
func awaitNode(ctx context.Context, ns *spec.Space, name string, most time.Duration, want string, holds func(*corev1.Node) bool) *corev1.Node {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	nodes := cache.NewListWatchFromClient(ns.API.Client.CoreV1().RESTClient(), "nodes", metav1.NamespaceNone, fields.OneTermEqualSelector("metadata.name", name))
	var last *corev1.Node
	_, err := watchtools.UntilWithSync(ctx, nodes, &corev1.Node{}, nil, func(e watch.Event) (bool, error) {
		node, ok := e.Object.(*corev1.Node)
		if !ok || e.Type == watch.Deleted {
			return false, fmt.Errorf("the Node object is gone (%s)", e.Type)
		}
		last = node
		return holds(node), nil
	})
	if err != nil {
		got := "the node was never seen"
		if last != nil {
			got = fmt.Sprintf("its condition Ready is %s, its taints are %v", ready(last).Status, last.Spec.Taints)
		}
		Fail(fmt.Sprintf("expected node %s %s within %s\ngot: %s; %v", name, want, most, got, err))
	}
	return last
}

// ready is the node's condition Ready, empty if it has none.
func ready(n *corev1.Node) corev1.NodeCondition {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c
		}
	}
	return corev1.NodeCondition{}
}

// unreachable is the taint of an unreachable node, nil if the node has none.
func unreachable(n *corev1.Node) *corev1.Taint {
	for i, t := range n.Spec.Taints {
		if t.Key == corev1.TaintNodeUnreachable && t.Effect == corev1.TaintEffectNoExecute && t.TimeAdded != nil {
			return &n.Spec.Taints[i]
		}
	}
	return nil
}

// within is Await for an action of the control plane on a Pod that was Ready, with a much
// shorter time limit than the spec's.
func within(ctx context.Context, most time.Duration, story *journal.Story, state journal.State) (journal.Version, error) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	was, err := story.Await(ctx, pod.Ready())
	if err != nil {
		return was, err
	}
	return story.AwaitAfter(ctx, was, state)
}

func goneWithin(ctx context.Context, most time.Duration, story *journal.Story) (journal.Version, error) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	return story.AwaitGone(ctx)
}

// whileRunning is the state of a Pod that is Running. It can no longer come once the Pod
// has left that phase.
func whileRunning(state journal.State) journal.State {
	return during("still Running", state, func(phase corev1.PodPhase) bool { return phase == corev1.PodRunning })
}

// unended is the state of a Pod that has not ended.
func unended(state journal.State) journal.State {
	return during("not yet ended", state, func(phase corev1.PodPhase) bool {
		return phase != corev1.PodFailed && phase != corev1.PodSucceeded
	})
}

// during is the state of a Pod whose phase nothing has a reason to change while its node
// is lost.
func during(said string, state journal.State, still func(corev1.PodPhase) bool) journal.State {
	return journal.State{
		Text:  fmt.Sprintf("on a lost node, %s, %s", said, state.Text),
		Holds: func(p *corev1.Pod) bool { return still(p.Status.Phase) && state.Holds(p) },
		Never: func(p *corev1.Pod) string {
			if still(p.Status.Phase) {
				return ""
			}
			return fmt.Sprintf("its phase has become %s, although its state cannot be known", p.Status.Phase)
		},
	}
}

// expectDisruption expects the condition with which the control plane says why it ends a
// Pod.
func expectDisruption(p *corev1.Pod, reason string, story *journal.Story) {
	GinkgoHelper()
	Expect(p.Status.Conditions).To(ContainElement(And(
		HaveField("Type", corev1.DisruptionTarget),
		HaveField("Status", corev1.ConditionTrue),
		HaveField("Reason", reason),
	)), "the Pod must have condition DisruptionTarget with reason %s\n%s", reason, story)
}

// expectLives reads the log of a Pod's process on the lost node itself, and returns how
// long the process has lived.
func expectLives(ctx context.Context, ns *spec.Space, node string, story *journal.Story) time.Duration {
	GinkgoHelper()
	file := fmt.Sprintf("/var/log/pods/%s_%s_%s/w/0.log", ns.Name(), story.Name(), story.UID())
	// Waits for two more beats; one comes every half second.
	more, err := ns.Cluster.Control.Run(ctx, node, "timeout", "20", "sh", "-c", "tail --follow --lines=0 "+file+" | head --lines=2")
	Expect(err).NotTo(HaveOccurred(), "the process of a Pod must live on when its node is lost, but it has stopped logging\n%s", story)
	Expect(more).NotTo(BeEmpty(), "the process of a Pod must live on when its node is lost, but it has stopped logging\n%s", story)
	all := spec.Must(ns.Cluster.Control.Run(ctx, node, "cat", file))
	lines := spec.Must(witness.ReadLog(strings.NewReader(withoutPrefixes(all))))
	instances := witness.Instances(lines)
	Expect(instances).To(HaveLen(1), "the process of a Pod must not start again while its node is lost\n%s", story)
	Expect(witness.Count(lines, record.Signal)).To(BeZero(), "the process of a Pod must get no signal while its node is lost\n%s", story)
	Expect(witness.Count(lines, record.Beat)).To(BeNumerically(">", 2), "the process must have logged its heartbeats\n%s", story)
	return lines[len(lines)-1].Since(lines[0])
}

// withoutPrefixes removes the time, the stream and the tag that the runtime puts before
// each line of a log.
// https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
func withoutPrefixes(log string) string {
	var plain strings.Builder
	for line := range strings.Lines(log) {
		if parts := strings.SplitN(line, " ", 4); len(parts) == 4 {
			plain.WriteString(parts[3])
		}
	}
	return plain.String()
}

// expectWhole expects the node to work as before: its kubelet ends the rest of the Pods
// that were evicted or are gone, and a new Pod there can be reached from another node, the
// API server's.
func expectWhole(ctx context.Context, ns *spec.Space, node string, pods []*journal.Story) {
	GinkgoHelper()
	for _, story := range pods {
		spec.Do(ns.Cluster.Control.AwaitEnded(ctx, node, pod.Status(story.Last(), "w").ContainerID, soon))
	}
	after := spec.Must(ns.Create(ctx, onReservedNode("after", toleration, ns.Witness("w", witness.Serve(witness.HTTP(8080)), pod.Readiness(pod.HTTPGet(8080, "/"))))))
	spec.Must(after.Await(ctx, pod.Ready()))
	// The network plugins of other nodes may notice the node only after a while.
	Eventually(ctx, func() error {
		_, err := ns.Get(ctx, after, 8080, "/", nil)
		return err
	}).WithTimeout(soon).WithPolling(500*time.Millisecond).Should(Succeed(), "a Pod on the node that was lost must be reachable from another node again\n%s", after)
}
