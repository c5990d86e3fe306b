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
	"github.com/podproof/podproof/reports"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The grace periods of a first and of a second deletion, in seconds, so far
// from each other that the end of a process tells which of them it was given.
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
		collector.await(ctx, ns, "hastened", record.Start)
		collector.await(ctx, ns, "forced", record.Start)
		asked := time.Now()
		spec.Do(ns.Delete(ctx, hastened, firstGrace))
		spec.Do(ns.Delete(ctx, forced, firstGrace))
		first := spec.Must(hastened.Await(ctx, pod.BeingDeleted())).Pod
		Expect(first.DeletionGracePeriodSeconds).To(HaveValue(BeNumerically("==", firstGrace)), "the first deletion must set the grace period that it asks for\n%s", hastened)

		for _, longer := range []int64{60, -1} {
			now := ns.deleteAgain(ctx, hastened, longer, asked)
			Expect(now.DeletionGracePeriodSeconds).To(Equal(first.DeletionGracePeriodSeconds), "a second deletion that asks for more, or for nothing in particular, must leave the grace period as it is\n%s", hastened)
			Expect(now.DeletionTimestamp).To(Equal(first.DeletionTimestamp), "a second deletion that asks for more, or for nothing in particular, must leave the deletionTimestamp as it is\n%s", hastened)
		}

		By("shortening it once the processes have been told to end")
		collector.await(ctx, ns, "hastened", record.Signal)
		collector.await(ctx, ns, "forced", record.Signal)
		now := ns.deleteAgain(ctx, hastened, secondGrace, asked)
		// deletionTimestamp is in whole seconds. When the shorter grace period is
		// over already, the API server says 1 s and the present moment instead.
		if late := time.Since(asked) > (secondGrace-1)*time.Second; !late || *now.DeletionGracePeriodSeconds != 1 {
			Expect(now.DeletionGracePeriodSeconds).To(HaveValue(BeNumerically("==", secondGrace)), "a second deletion that asks for less must shorten the grace period\n%s", hastened)
			Expect(now.DeletionTimestamp.Time).To(Equal(first.DeletionTimestamp.Add((secondGrace-firstGrace)*time.Second)), "a shorter grace period must bring the deletionTimestamp forward by as much\n%s", hastened)
		}
		spec.Do(law.Exempt(forced, "LAW-TERMINAL-BEFORE-GONE"))
		ns.deleteAgain(ctx, forced, 0, asked)
		ns.expectGone(ctx, forced, "when a forced deletion has been answered, also while it is being deleted gracefully")

		By("looking when the processes end")
		observe(collector.series(ctx, ns, "hastened"), fmt.Sprintf("a deletion with %d s that follows one with %d s", secondGrace, firstGrace), hastened)
		observe(collector.series(ctx, ns, "forced"), fmt.Sprintf("a forced deletion that follows one with %d s", firstGrace), forced)
	})
})

// deleteAgain deletes a Pod that is being deleted since then, and reads what is
// left of it: nothing after a forced deletion. It must come before the first
// grace period is over.
func (s space) deleteAgain(ctx SpecContext, story *journal.Story, seconds int64, since time.Time) *corev1.Pod {
	GinkgoHelper()
	left, err := (*corev1.Pod)(nil), s.Delete(ctx, story, seconds)
	if err == nil && seconds != 0 {
		left, err = s.API.Client.CoreV1().Pods(s.Name()).Get(ctx, story.Name(), metav1.GetOptions{})
	}
	if time.Since(since) >= firstGrace*time.Second {
		claim.Inconclusive(fmt.Sprintf("the machine is too busy: the first grace period of %d s was over before the Pod could be deleted again", firstGrace))
		Fail("the Pod was deleted again too late")
	}
	spec.Do(err)
	return left
}

// observe puts on record when a process really ended, and judges nothing: what a
// node does about a second deletion is documented nowhere, and no kubelet has
// cared for it yet (kubernetes/kubernetes#83916 and #113717).
func observe(s record.Series, after string, victim *journal.Story) {
	GinkgoHelper()
	took := fromTermToEnd(s, victim)
	seconds := took.lasted.Seconds()
	claim.Measure(reports.Measurement{
		Claim: "DELETE-07", What: "SIGTERM to the end of the process with " + after,
		Documented: "nothing", Measured: fmt.Sprintf("%.1f s", seconds), Seconds: &seconds, OK: true,
	})
}
