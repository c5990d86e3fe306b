package deletion

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/law"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// The grace periods of the first and the second deletion, in seconds. They differ so
// much that the end of a process shows which of them it got.
const (
	firstGrace  = 12
	secondGrace = 6
)

var _ = Describe("Deleting a Pod again", func() {
	ns := space{spec.Namespace()}

	It("can only shorten its grace period, and by force removes the object", claim.Proves("DELETE-07"), func(ctx SpecContext) {
		collector := startCollector(ctx, ns)
		hastened := collector.begin(ctx, ns, "hastened")
		forced := collector.begin(ctx, ns, "forced")
		for _, victim := range []*journal.Story{hastened, forced} {
			spec.Must(victim.Await(ctx, pod.ContainerRunning("w")))
		}
		collector.await(ctx, ns, "hastened", record.Start, 1)
		collector.await(ctx, ns, "forced", record.Start, 1)
		asked := time.Now()
		spec.Do(ns.Delete(ctx, hastened, firstGrace))
		spec.Do(ns.Delete(ctx, forced, firstGrace))
		first := spec.Must(hastened.Await(ctx, pod.BeingDeleted())).Pod
		Expect(first.DeletionGracePeriodSeconds).To(HaveValue(BeNumerically("==", firstGrace)), "the first deletion must set the requested grace period\n%s", hastened)

		for _, longer := range []int64{60, -1} {
			now := ns.deleteAgain(ctx, hastened, longer, asked)
			Expect(now.DeletionGracePeriodSeconds).To(Equal(first.DeletionGracePeriodSeconds), "a second deletion with a longer grace period, or with none, must leave the grace period unchanged\n%s", hastened)
			Expect(now.DeletionTimestamp).To(Equal(first.DeletionTimestamp), "a second deletion with a longer grace period, or with none, must leave the deletionTimestamp unchanged\n%s", hastened)
		}

		By("shortening it after the processes got SIGTERM")
		collector.await(ctx, ns, "hastened", record.Signal, 1)
		collector.await(ctx, ns, "forced", record.Signal, 1)
		now := ns.deleteAgain(ctx, hastened, secondGrace, asked)
		// deletionTimestamp is in whole seconds. If the shorter grace period is already
		// over, the API server returns 1 s and the current time instead.
		if late := time.Since(asked) > (secondGrace-1)*time.Second; !late || *now.DeletionGracePeriodSeconds != 1 {
			Expect(now.DeletionGracePeriodSeconds).To(HaveValue(BeNumerically("==", secondGrace)), "a second deletion with a shorter grace period must shorten it\n%s", hastened)
			Expect(now.DeletionTimestamp.Time).To(Equal(first.DeletionTimestamp.Add((secondGrace-firstGrace)*time.Second)), "a shorter grace period must move the deletionTimestamp forward by the difference\n%s", hastened)
		}
		ns.expectNotLengthened(ctx, hastened, now, asked)
		ns.expectNotInThePast(ctx, hastened, now, asked)
		spec.Do(law.Exempt(forced, "LAW-TERMINAL-BEFORE-GONE"))
		ns.deleteAgain(ctx, forced, 0, asked)
		ns.expectGone(ctx, forced, "when a forced deletion is answered, even during a graceful deletion")

		By("watching when the processes end")
		observe(collector.series(ctx, ns, "hastened"), fmt.Sprintf("a deletion with %d s that follows one with %d s", secondGrace, firstGrace), hastened)
		observe(collector.series(ctx, ns, "forced"), fmt.Sprintf("a forced deletion that follows one with %d s", firstGrace), forced)
	})
})

// expectNotLengthened deletes a Pod once more that the second deletion has shortened to
// now.
func (s space) expectNotLengthened(ctx SpecContext, story *journal.Story, now *corev1.Pod, since time.Time) {
	GinkgoHelper()
	for _, longer := range []int64{firstGrace, -1} {
		again := s.deleteAgain(ctx, story, longer, since)
		Expect(again.DeletionGracePeriodSeconds).To(HaveValue(BeNumerically("<=", *now.DeletionGracePeriodSeconds)), "a third deletion, with the first grace period or with none, must not lengthen a grace period that the second deletion has shortened\n%s", story)
		Expect(again.DeletionTimestamp.Time).NotTo(BeTemporally(">", now.DeletionTimestamp.Time), "a third deletion, with the first grace period or with none, must not move the deletionTimestamp back\n%s", story)
	}
}

// expectNotInThePast expects a deletion to end at the time of the request, and to keep a
// grace period of 1 s, if it asks for a shorter one than has already passed. now is what is
// left of the Pod. A dry run answers what would be, so what else is measured of the Pod
// stays as it is.
// Source: BeforeDelete in staging/src/k8s.io/apiserver/pkg/registry/rest/delete.go.
func (s space) expectNotInThePast(ctx SpecContext, story *journal.Story, now *corev1.Pod, since time.Time) {
	GinkgoHelper()
	const passed = time.Second
	began := now.DeletionTimestamp.Add(-time.Duration(*now.DeletionGracePeriodSeconds) * time.Second)
	if *now.DeletionGracePeriodSeconds <= int64(passed/time.Second) {
		spec.TooBusy("the grace period of %d s had passed before it could be shortened to %s", secondGrace, passed)
	}
	before := spec.Must(s.API.ServerTime(ctx))
	for !before.After(began.Add(passed)) {
		// Only the server's clock tells, and nobody can watch it.
		time.Sleep(200 * time.Millisecond)
		before = spec.Must(s.API.ServerTime(ctx))
	}
	var answered corev1.Pod
	err := s.API.Client.CoreV1().RESTClient().Delete().Namespace(s.Name()).Resource("pods").Name(story.Name()).
		Body(&metav1.DeleteOptions{GracePeriodSeconds: ptr.To(int64(passed / time.Second)), DryRun: []string{metav1.DryRunAll}}).
		Do(ctx).Into(&answered)
	after := spec.Must(s.API.ServerTime(ctx))
	if time.Since(since) >= secondGrace*time.Second {
		spec.TooBusy("the second grace period of %d s ended before the Pod could be deleted again", secondGrace)
	}
	spec.Do(err)
	Expect(answered.DeletionGracePeriodSeconds).To(HaveValue(Equal(int64(1))), "a deletion with a grace period that has already passed must keep one of 1 s\n%s", story)
	spec.AsDocumented("DELETE-07", "", story, func() {
		// All these times are cut to whole seconds of the API server's clock.
		Expect(answered.DeletionTimestamp.Time).To(And(BeTemporally(">=", before), BeTemporally("<=", after)), "a deletion with a grace period that has already passed must end when it is asked for (%s to %s)\n%s", before, after, story)
	})
}

// deleteAgain deletes a Pod whose deletion began at since, and reads what is left of
// it: nothing after a forced deletion. It must come before the first grace period ends.
func (s space) deleteAgain(ctx SpecContext, story *journal.Story, seconds int64, since time.Time) *corev1.Pod {
	GinkgoHelper()
	left, err := (*corev1.Pod)(nil), s.Delete(ctx, story, seconds)
	if err == nil && seconds != 0 {
		left, err = s.API.Client.CoreV1().Pods(s.Name()).Get(ctx, story.Name(), metav1.GetOptions{})
	}
	if time.Since(since) >= firstGrace*time.Second {
		spec.TooBusy("the first grace period of %d s ended before the Pod could be deleted again", firstGrace)
	}
	spec.Do(err)
	return left
}

// observe records when a process really ended and judges nothing: no documentation says
// what a node does about a second deletion, and no kubelet has heeded one yet
// (kubernetes/kubernetes#83916 and #113717).
func observe(s record.Series, after string, victim *journal.Story) {
	GinkgoHelper()
	spec.Observed("SIGTERM to the end of the process with "+after, "nothing", fromTermToEnd(s, victim).lasted)
}
