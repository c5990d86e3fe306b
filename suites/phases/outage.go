package phases

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// outage is the time from the loss of a node to the end of its Pods.
type outage struct {
	ns   *spec.Space
	node string
	lost time.Time

	// Pods on the node: two that tolerate its loss for 10 s, one of which never started,
	// and one that tolerates it for an hour.
	evicted, starting, patient *journal.Story
	// elsewhere is a Pod on another node, unbound one on none that is deleted later.
	elsewhere, unbound *journal.Story
}

// prepare creates the Pods. Three of them are as full as those that people run: the control
// plane ends a Pod by an update of its status, which the API server must take whatever is
// in the Pod.
func (o *outage) prepare(ctx SpecContext) {
	GinkgoHelper()
	ns := o.ns
	furnished := furnish(ns.Cluster.WitnessImage)
	o.elsewhere = spec.Must(ns.Create(ctx, pod.New("elsewhere", pod.Grace(1), ns.Witness("w", witness.Run(witness.OnTerm(witness.ExitWith(0)))))))
	o.evicted = spec.Must(ns.Create(ctx, onReservedNode("evicted", toleration, ns.Witness("w", witness.Run()), furnished)))
	o.patient = spec.Must(ns.Create(ctx, onReservedNode("patient", time.Hour, ns.Witness("w", witness.Run(witness.Beat(500*time.Millisecond))))))
	o.starting = spec.Must(ns.Create(ctx, onReservedNode("starting", toleration, pod.Container("w", absentImage, witness.Run(), pod.NeverPull()), furnished)))
	for _, story := range []*journal.Story{o.elsewhere, o.evicted, o.patient} {
		spec.Must(story.Await(ctx, pod.Ready()))
	}
	spec.Must(o.starting.Await(ctx, whilePending(pod.ContainerWaiting("w", "ErrImageNeverPull"))))
	o.unbound = spec.Must(ns.Create(ctx, pod.New("unbound", pod.Gated(), pod.Held(), ns.Witness("w", witness.Run()), furnished)))
}

// awaitLost waits until the node counts as lost, and returns when it was tainted for that.
func (o *outage) awaitLost(ctx SpecContext) time.Time {
	GinkgoHelper()
	lastSign := spec.Must(o.ns.API.Client.CoordinationV1().Leases(corev1.NamespaceNodeLease).Get(ctx, o.node, metav1.GetOptions{})).Spec.RenewTime
	givenUp := ready(awaitNode(ctx, o.ns, o.node, unheardOf, "to have condition Ready=Unknown", func(n *corev1.Node) bool {
		return ready(n).Status == corev1.ConditionUnknown
	})).LastTransitionTime
	spec.Observed("node lost to its Ready condition Unknown", "50 s after its last sign of life, that is 40 to 60 s", time.Since(o.lost))
	// The time of the condition is cut to whole seconds.
	spec.Bound{
		What: "last sign of life of the node to its Ready condition Unknown", Documented: "at least 50 s", Least: silence - time.Second,
		Must: "a node must not count as lost before it has been silent for 50 s",
	}.Judge(givenUp.Sub(lastSign.Time), o.evicted)
	tainted := unreachable(awaitNode(ctx, o.ns, o.node, soon, "to have the taint node.kubernetes.io/unreachable:NoExecute", func(n *corev1.Node) bool {
		return unreachable(n) != nil
	})).TimeAdded.Time
	spec.Observed("node lost to taint unreachable:NoExecute", "at once when the node is Unknown", time.Since(o.lost))
	return tainted
}

// expectNotReady expects the Pods that were Ready not to be so any more.
func (o *outage) expectNotReady(ctx SpecContext) {
	GinkgoHelper()
	for _, story := range []*journal.Story{o.evicted, o.patient} {
		notReady := spec.Must(within(ctx, soon, story, unended(pod.Condition(corev1.PodReady, corev1.ConditionFalse, ""))))
		spec.Observed("node lost to Ready of Pod "+story.Name()+" False", "at once when the node is Unknown", notReady.At.Sub(o.lost))
	}
	Expect(o.elsewhere).To(pod.BeNow(pod.Ready()))
}

// expectEvicted expects the Pods with a toleration of 10 s to be deleted after that time.
func (o *outage) expectEvicted(ctx SpecContext, tainted time.Time) {
	GinkgoHelper()
	for _, story := range []*journal.Story{o.evicted, o.starting} {
		deleted := spec.Must(story.AwaitWithin(ctx, toleration+soon, unended(pod.BeingDeleted())))
		spec.Observed("node lost to deletionTimestamp of Pod "+story.Name(), "10 s after the taint", deleted.At.Sub(o.lost))
		asked := deleted.Pod.DeletionTimestamp.Add(-gracePeriod)
		// Both times are cut to whole seconds.
		spec.Bound{
			What: "taint to eviction of Pod " + story.Name(), Documented: "tolerationSeconds: 10 s", Least: toleration - time.Second,
			Must: "the Pod must not be evicted before its tolerationSeconds of 10 s have passed",
		}.Judge(asked.Sub(tainted), story)
		expectDisruption(deleted.Pod, "DeletionByTaintManager", story)
	}
}

// expectKept expects the Pods on the node to be kept, while those that are deleted
// elsewhere end.
func (o *outage) expectKept(ctx SpecContext) {
	GinkgoHelper()
	// The control: on a live node the same deletion, which begins later, completes.
	spec.Do(o.ns.Delete(ctx, o.elsewhere, -1))
	spec.Must(o.elsewhere.AwaitGone(ctx))
	// The garbage collector ends a deleted Pod without a node. In the same round it has
	// already checked the Pods on the lost node.
	spec.Do(o.ns.Delete(ctx, o.unbound, -1))
	spec.Must(o.unbound.AwaitWithin(ctx, collecting+soon, pod.InPhase(corev1.PodFailed)))
	for _, story := range []*journal.Story{o.evicted, o.starting, o.patient} {
		Expect(story.Deleted()).To(BeFalse(), "the object of a Pod on a lost node must stay, because nothing shows that the Pod has ended\n%s", story)
		Expect(story).To(pod.NeverBe(pod.InPhase(corev1.PodFailed)))
	}
	Expect(o.patient).To(pod.NeverBe(pod.BeingDeleted()))
}

// expectCollected expects the Pods on the node to end as Failed after its Node object was
// removed.
func (o *outage) expectCollected(ctx SpecContext, removed time.Time) {
	GinkgoHelper()
	for _, story := range []*journal.Story{o.evicted, o.starting, o.patient} {
		failed := spec.Must(story.AwaitWithin(ctx, collected, pod.InPhase(corev1.PodFailed)))
		took := failed.At.Sub(removed)
		claim.MeasureTime("", "Node object removed to Pod "+story.Name()+" Failed", "40 s of quarantine, and up to twice 20 s between two looks", took, took > quarantine)
		expectDisruption(failed.Pod, "DeletionByPodGC", story)
		gone := spec.Must(goneWithin(ctx, soon, story))
		spec.Observed("Node object removed to Pod "+story.Name()+" gone", "at once when it is Failed", gone.At.Sub(removed))
		Expect(gone.Pod.Status.Phase).To(Equal(corev1.PodFailed), "a Pod whose node was removed must end as Failed\n%s", story)
		Expect(pod.ExitCodes(story, "w")).To(BeEmpty(), "no container of the Pod may be reported as ended, because nothing shows that it has\n%s", story)
	}
}
