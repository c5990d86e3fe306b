// Package deletion holds the specs on the deletion of Pods, with and without force.
package deletion

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// grace is the documented default of terminationGracePeriodSeconds.
const grace = 30 * time.Second

// forcedGrace is the time that the kubelet gives the processes of a force-deleted Pod.
// Source: pkg/kubelet/kuberuntime/kuberuntime_manager.go (minimumGracePeriodInSeconds).
const forcedGrace = 2 * time.Second

const (
	// mostPlain allows 4 s for the runtime and a busy machine.
	mostPlain = grace + 4*time.Second
	// shorterGrace and longerGrace are grace periods of requests, far from those of their
	// Pods, so that lateEnd does not hide the use of the wrong one.
	shorterGrace = 3 * time.Second
	longerGrace  = 7 * time.Second
	// lateEnd is how late a busy machine may be where only a kubelet that does something
	// else takes longer.
	lateEnd = 20 * time.Second
	// linger is how long a slow process goes on after SIGTERM.
	linger = 3 * time.Second
	// hookSleep is how long hooks sleep for which no deletion here has the time.
	hookSleep = 30
)

// mostForced allows 1.5 s for the runtime and the machine. The smallest value of a few
// attempts is that exact even on a busy machine.
const mostForced = forcedGrace + 1500*time.Millisecond

// forcedEnds is by when the process of a force-deleted Pod has ended and its kubelet has
// looked at it: a hook gets 1 s, the process 2 s after SIGTERM.
const forcedEnds = 5 * time.Second

// lookAgain is enough time to start one more victim and see its end.
const lookAgain = 45 * time.Second

var _ = Describe("Deleting a Pod", func() {
	ns := space{spec.Namespace()}

	It("grants it 30 s when nobody says otherwise", claim.Proves("DELETE-02"), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("plain", ns.Witness("w", witness.Run()))))
		spec.Must(story.Await(ctx, pod.ContainerRunning("w")))

		before := spec.Must(ns.API.ServerTime(ctx))
		spec.Do(ns.Delete(ctx, story, -1))
		after := spec.Must(ns.API.ServerTime(ctx))
		deleted := spec.Must(story.Await(ctx, pod.BeingDeleted())).Pod

		Expect(deleted.DeletionGracePeriodSeconds).To(HaveValue(Equal(int64(grace/time.Second))), "a plain delete must set the default grace period of 30 s\n%s", story)
		// Both times are cut to whole seconds of the API server's clock.
		Expect(deleted.DeletionTimestamp.Time).To(And(
			BeTemporally(">=", before.Add(grace)),
			BeTemporally("<=", after.Add(grace+time.Second)),
		), "the deletionTimestamp must be the time of the request (%s to %s) plus the grace period of 30 s\n%s", before, after, story)
		spec.Observed("grace period", "30 s", time.Duration(*deleted.DeletionGracePeriodSeconds)*time.Second)
	})

	It("grants 30 s also to a Pod that is deleted together with one that gets none", claim.Proves("DELETE-02"), func(ctx SpecContext) {
		// The API server deletes a collection in alphabetical order. A Pod on no node has no
		// use for a grace period.
		together := pod.Label("deleted", "together")
		first := spec.Must(ns.Create(ctx, pod.New("a-on-no-node", together, pod.Gated(), ns.Witness("w", witness.Run()))))
		second := spec.Must(ns.Create(ctx, pod.New("b-running", together, ns.Witness("w", witness.Run(witness.OnTerm(witness.Ignore))))))
		spec.Must(second.Await(ctx, pod.ContainerRunning("w")))
		spec.Do(ns.API.Client.CoreV1().Pods(ns.Name()).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "deleted=together"}))
		ns.expectGone(ctx, first, "when the deletion of the collection is answered")
		Expect(second).To(pod.BeNow(pod.BeingDeleted()))
		Expect(second.Last().DeletionGracePeriodSeconds).To(HaveValue(Equal(int64(grace/time.Second))), "each Pod of a deleted collection must get its own grace period, and this one the default of 30 s\n%s", second)
	})

	It("kills processes that ignore SIGTERM when the grace period ends, and not before", claim.Proves("DELETE-03"), func(ctx SpecContext) {
		collector := startCollector(ctx, ns)
		// The grace period of the request counts, in place of the Pod's own.
		shorter := collector.begin(ctx, ns, "shorter", pod.Grace(100))
		restarted := collector.place(ctx, ns, pod.New("restarted", pod.Grace(1), pod.Volume("state"), ns.Witness("w",
			collector.stubborn("restarted", witness.Schedule("/state/instances", witness.ExitAfter(300*time.Millisecond, 1), witness.Forever)),
			pod.Mount("state", "/state"))), "w", "restarted")
		collector.await(ctx, ns, "shorter", record.Start, 1)
		collector.await(ctx, ns, "restarted", record.Start, 2)
		spec.Do(ns.Delete(ctx, shorter, int64(shorterGrace/time.Second)))
		spec.Do(ns.Delete(ctx, restarted, int64(longerGrace/time.Second)))

		plain := ns.outlast(ctx, collector)
		plain.first.judge("a process that ignores SIGTERM", grace, mostPlain, plain.victim)
		plain.second.judge("the process in the Pod's second container, which ignores SIGTERM too", grace, mostPlain, plain.victim)
		spec.Bound{
			What: "request to the end of both processes that ignore SIGTERM", Documented: inSeconds(grace), Most: grace + lateEnd,
			Must: "all containers of a Pod must be stopped at the same time",
		}.Judge(plain.both, plain.victim)
		Expect(pod.Status(plain.gone, "w").State.Terminated).To(HaveValue(HaveField("ExitCode", int32(137))), "a process killed by SIGKILL must be reported with exit code 137\n%s", plain.victim)
		Expect(plain.gone.Status.Phase).To(Equal(corev1.PodFailed), "a Pod whose process was killed must end as Failed\n%s", plain.victim)

		fromTermToEnd(collector.series(ctx, ns, "shorter"), shorter).
			judge("a process deleted with less than its Pod's grace period", shorterGrace, shorterGrace+lateEnd, shorter)
		fromTermToEnd(ofLastInstance(collector.series(ctx, ns, "restarted")), restarted).
			judge("a restarted process deleted with more than its Pod's grace period", longerGrace, longerGrace+lateEnd, restarted)
	})

	It("does not wait for the grace period when the processes end on SIGTERM, each in its own time", claim.Proves("DELETE-03").Waiting(linger), func(ctx SpecContext) {
		// A conformant kubelet needs 1 to 3 s more than the processes. The grace period is
		// so long that the slowest machine stays far below it: one with a load of 40 for
		// each core took 10.7 s.
		const patient, most = 100 * time.Second, 60 * time.Second
		story := spec.Must(ns.Create(ctx, pod.New("obedient", pod.Grace(int64(patient/time.Second)),
			ns.Sidecar("sidecar", witness.Run(witness.OnTerm(witness.ExitWith(9)))),
			ns.Witness("quick", witness.Run(witness.OnTerm(witness.ExitWith(0)))),
			ns.Witness("slow", witness.Run(witness.OnTerm(witness.LingerThen(linger, 0)))))))
		for _, container := range []string{"sidecar", "quick", "slow"} {
			spec.Must(ns.AwaitStarted(ctx, story, container))
		}

		asked := time.Now()
		spec.Do(ns.Delete(ctx, story, -1))
		gone := spec.Must(story.AwaitGone(ctx))
		ended := spec.Must(story.Await(ctx, pod.All(pod.ContainerTerminated("sidecar"), pod.ContainerTerminated("quick"), pod.ContainerTerminated("slow"))))
		spec.Bound{
			What: "request to object gone, for processes that end on SIGTERM", Documented: "less than the grace period of 100 s", Most: most,
			Must: fmt.Sprintf("a Pod whose processes end on SIGTERM must be gone long before its grace period of %s ends", patient),
		}.Judge(gone.At.Sub(asked), story)
		spec.Bound{
			What: "last container seen ended to object gone", Documented: "soon", Most: lateEnd,
			Must: "a Pod must be gone soon after its last container has ended",
		}.Judge(gone.At.Sub(ended.At), story)
		for container, code := range map[string]int32{"quick": 0, "slow": 0, "sidecar": 9} {
			Expect(pod.Status(gone.Pod, container).State.Terminated).To(HaveValue(HaveField("ExitCode", code)), "container %s ends on SIGTERM inside the grace period, so it must keep its own exit code and not be killed\n%s", container, story)
		}
		Expect(gone.Pod.Status.Phase).To(Equal(corev1.PodSucceeded), "a Pod whose containers ended with 0 must end as Succeeded\n%s", story)
	})

	It("by force removes the object at once, and frees its name", claim.Proves("DELETE-05"), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("forced", ns.Witness("w", witness.Run(witness.OnTerm(witness.Ignore)), pod.PreStopSleep(hookSleep)))))
		old := spec.Must(story.Await(ctx, pod.ContainerRunning("w"))).Pod

		asked := time.Now()
		spec.Do(ns.Delete(ctx, story, 0))
		_, err := ns.API.Client.CoreV1().Pods(ns.Name()).Get(ctx, story.Name(), metav1.GetOptions{})
		took := time.Since(asked)
		Expect(apierrors.IsNotFound(err)).To(BeTrue(), "the object must be gone once the forced deletion is answered, but reading it returned: %v", err)
		spec.Observed("forced deletion to object gone", "at once", took)

		gone := spec.Must(story.AwaitGone(ctx))
		Expect(gone.Pod.Status.Phase).To(Equal(corev1.PodRunning), "a forced deletion must wait neither for the containers to end nor for a hook\n%s", story)

		replacement := pod.New(story.Name(), pod.OnNode(old.Spec.NodeName), ns.Witness("w", witness.Run()))
		again := spec.Must(ns.Create(ctx, replacement))
		Expect(replacement.UID).NotTo(Equal(old.UID))
		spec.Must(again.Await(ctx, pod.Ready()))
		_, err = again.AwaitWithin(ctx, time.Until(asked.Add(forcedEnds)), hasContainer(pod.Status(old, "w").ContainerID))
		Expect(err).To(MatchError(context.DeadlineExceeded), "the status of the deleted Pod must not be written into the new one with its name\n%s", again)
		ns.expectGoneByVersion(ctx, again)
	})

	It("by force is what kubectl delete --force asks for", claim.ProvesPart("DELETE-05", "with kubectl"), func(ctx SpecContext) {
		// The article uses --force alone, the documentation both flags. Without --force,
		// kubectl turns a grace period of 0 into 1.
		stays := witness.Run(witness.OnTerm(witness.Ignore))
		cases := []struct {
			pod   *corev1.Pod
			when  journal.State
			last  corev1.PodPhase
			flags []string
		}{
			{pod.New("forced", ns.Witness("w", stays)), pod.ContainerRunning("w"), corev1.PodRunning, []string{"--force"}},
			{pod.New("forced-with-zero", ns.InitContainer("init", stays), ns.Witness("w", stays)), pod.ContainerRunning("init"), corev1.PodPending, []string{"--grace-period=0", "--force"}},
		}
		stories := map[string]*journal.Story{}
		for _, c := range cases {
			stories[c.pod.Name] = spec.Must(ns.Create(ctx, c.pod))
		}
		for _, c := range cases {
			story, flags := stories[c.pod.Name], strings.Join(c.flags, " ")
			spec.Must(story.Await(ctx, c.when))

			deleted := spec.Must(ns.RunKubectl(ctx, "", slices.Concat([]string{"delete", "pod", c.pod.Name}, c.flags)...))
			Expect(deleted.Code).To(BeZero(), "kubectl delete %s must succeed\n%s", flags, deleted)
			Expect(deleted.Stdout).To(ContainSubstring(`pod "`+c.pod.Name+`" force deleted`), "kubectl delete %s must report the forced deletion on stdout\n%s", flags, deleted)
			Expect(deleted.Stderr).To(ContainSubstring("Immediate deletion does not wait for confirmation"), "kubectl delete %s must warn on stderr that the processes may still run\n%s", flags, deleted)
			gone := spec.Must(story.AwaitGone(ctx))
			Expect(gone.Pod.DeletionGracePeriodSeconds).To(HaveValue(BeZero()), "kubectl delete %s must ask for a grace period of 0\n%s", flags, story)
			Expect(gone.Pod.Status.Phase).To(Equal(c.last), "a forced deletion must not wait for the containers to end\n%s", story)
		}
	})

	It("by force still sends SIGTERM, and SIGKILL 2 s later, when the object is gone", claim.Proves("DELETE-06"), func(ctx SpecContext) {
		collector := startCollector(ctx, ns)
		var victim *journal.Story
		// A hook of a force-deleted Pod gets 1 s; then its container is stopped like others.
		ends := []*forcedEnd{{whose: "a process that ignores SIGTERM"}, {whose: "a process with a preStop hook of 30 s that ignores SIGTERM", suffix: "-hooked"}}
		for attempt := range spec.Attempts(attempts, lookAgain) {
			name := fmt.Sprintf("forced-%d", attempt)
			victim = collector.victim(ctx, ns, name, pod.Grace(hookSleep), ns.Witness("hooked", collector.stubborn(name+"-hooked"), pod.PreStopSleep(hookSleep)))
			collector.await(ctx, ns, name+"-hooked", record.Start, 1)
			spec.Do(ns.Delete(ctx, victim, 0))
			ns.expectGone(ctx, victim, "when its forced deletion is answered")
			gone := spec.Must(victim.AwaitGone(ctx))
			Expect(gone.Pod.Status.Phase).To(Equal(corev1.PodRunning), "the object must be gone while the process still runs\n%s", victim)
			for _, end := range ends {
				end.see(collector.series(ctx, ns, name+end.suffix), attempt)
			}
			if !slices.ContainsFunc(ends, func(e *forcedEnd) bool { return !e.known }) {
				break
			}
		}
		for _, end := range ends {
			end.judge(victim)
		}
	})
})

// hasContainer is the state of a Pod whose status shows the container of another one.
func hasContainer(id string) journal.State {
	return journal.State{
		Text: "to show container " + id + ", which is not its own",
		Holds: func(p *corev1.Pod) bool {
			status := pod.Status(p, "w")
			return status != nil && (status.ContainerID == id || status.LastTerminationState.Terminated != nil && status.LastTerminationState.Terminated.ContainerID == id)
		},
	}
}

// space is the namespace of a spec, with this subject's own methods.
type space struct{ *spec.Space }

// expectGoneByVersion deletes a Pod by force on the condition that it is still the version
// that was read, as clients do that must not delete what they have not seen.
func (s space) expectGoneByVersion(ctx SpecContext, story *journal.Story) {
	GinkgoHelper()
	pods := s.API.Client.CoreV1().Pods(s.Name())
	var refused error
	for range spec.Attempts(3, 0) { // its status may change in between
		now, err := pods.Get(ctx, story.Name(), metav1.GetOptions{})
		if apierrors.IsNotFound(err) || err == nil && now.DeletionTimestamp != nil {
			Fail(fmt.Sprintf("a forced deletion that names the Pod's version was refused, and yet the Pod is being deleted: %v\n%s", refused, story))
		}
		spec.Do(err)
		refused = pods.Delete(ctx, story.Name(), metav1.DeleteOptions{
			GracePeriodSeconds: ptr.To(int64(0)),
			Preconditions:      &metav1.Preconditions{UID: &now.UID, ResourceVersion: &now.ResourceVersion},
		})
		if !apierrors.IsConflict(refused) {
			break
		}
	}
	Expect(refused).NotTo(HaveOccurred(), "a forced deletion that names the Pod's current version must be answered like one that names none")
	s.expectGone(ctx, story, "when a forced deletion that names its version is answered")
}
