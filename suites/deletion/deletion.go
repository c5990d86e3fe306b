// Package deletion holds the specs on the deletion of Pods, with and without force.
package deletion

import (
	"fmt"
	"slices"
	"strings"
	"time"

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
)

// grace is the documented default of terminationGracePeriodSeconds.
const grace = 30 * time.Second

// forcedGrace is the time that the kubelet gives the processes of a force-deleted Pod.
// Source: pkg/kubelet/kuberuntime/kuberuntime_manager.go (minimumGracePeriodInSeconds).
const forcedGrace = 2 * time.Second

// mostForced allows 1.5 s for the runtime and the machine. The smallest value of a few
// attempts is that exact even on a busy machine.
const mostForced = forcedGrace + 1500*time.Millisecond

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
		claim.MeasureTime("DELETE-02", "grace period", "30 s", time.Duration(*deleted.DeletionGracePeriodSeconds)*time.Second, true)
	})

	It("kills a process that ignores SIGTERM after the grace period, and not before", claim.Proves("DELETE-03"), func(ctx SpecContext) {
		// The runtime and a busy machine may add up to 4 s.
		const most = grace + 4*time.Second
		collector := startCollector(ctx, ns)
		var victim *journal.Story
		var gone journal.Version
		var took span
		for attempt := 1; ; attempt++ {
			victim = collector.victim(ctx, ns, fmt.Sprintf("stubborn-%d", attempt))
			spec.Do(ns.Delete(ctx, victim, -1))
			gone = spec.Must(victim.AwaitGone(ctx))
			took = fromTermToEnd(collector.series(ctx, ns, victim.Name()), victim)
			// A process that gets SIGTERM late seems to be killed a moment too early, and a
			// busy machine can be late with the kill. A kubelet that is really early or
			// late is so again.
			right := took.reaches(grace) && took.lasted <= most
			never := took.lasted < grace-2*time.Second || took.lasted > most+grace/2
			if right || never || attempt == 2 || claim.TimeLeft() < grace+lookAgain {
				break
			}
		}
		took.expect("DELETE-03", grace, most, victim)

		Expect(pod.Status(gone.Pod, "w").State.Terminated).To(HaveValue(HaveField("ExitCode", int32(137))), "a process killed by SIGKILL must be reported with exit code 137\n%s", victim)
		Expect(gone.Pod.Status.Phase).To(Equal(corev1.PodFailed), "a Pod whose process was killed must end as Failed\n%s", victim)
	})

	It("does not wait for the grace period when the process ends on SIGTERM", claim.Proves("DELETE-03").Waiting(0), func(ctx SpecContext) {
		// A conformant kubelet needs 1 to 3 s. The grace period is so long that the
		// slowest machine stays far below it: one with a load of 40 for each core took
		// 10.7 s.
		const patient, most = 100 * time.Second, 60 * time.Second
		story := spec.Must(ns.Create(ctx, pod.New("obedient", pod.Grace(int64(patient/time.Second)),
			ns.Witness("w", witness.Run(witness.OnTerm(witness.ExitWith(0)))))))
		spec.Must(ns.AwaitStarted(ctx, story, "w"))

		asked := time.Now()
		spec.Do(ns.Delete(ctx, story, -1))
		gone := spec.Must(story.AwaitGone(ctx))
		took := gone.At.Sub(asked)
		claim.MeasureTime("DELETE-03", "request to object gone, for a process that ends on SIGTERM", "less than the grace period of 100 s", took, took < most)
		if took >= most {
			spec.Late(fmt.Sprintf("a Pod whose process ends on SIGTERM must be gone long before its grace period of %s ends, but it took %s\n%s", patient, took, story))
		}
		Expect(pod.Status(gone.Pod, "w").State.Terminated).To(HaveValue(HaveField("ExitCode", int32(0))), "a process that ends on SIGTERM with 0 must be reported with exit code 0, and not be killed\n%s", story)
		Expect(gone.Pod.Status.Phase).To(Equal(corev1.PodSucceeded), "a Pod whose process ended with 0 must end as Succeeded\n%s", story)
	})

	It("by force removes the object at once, and frees its name", claim.Proves("DELETE-05"), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("forced", ns.Witness("w", witness.Run(witness.OnTerm(witness.Ignore))))))
		old := spec.Must(story.Await(ctx, pod.ContainerRunning("w"))).Pod

		asked := time.Now()
		spec.Do(ns.Delete(ctx, story, 0))
		_, err := ns.API.Client.CoreV1().Pods(ns.Name()).Get(ctx, story.Name(), metav1.GetOptions{})
		took := time.Since(asked)
		Expect(apierrors.IsNotFound(err)).To(BeTrue(), "the object must be gone once the forced deletion is answered, but reading it returned: %v", err)
		claim.MeasureTime("DELETE-05", "forced deletion to object gone", "at once", took, true)

		gone := spec.Must(story.AwaitGone(ctx))
		Expect(gone.Pod.Status.Phase).To(Equal(corev1.PodRunning), "a forced deletion must not wait for the containers to end\n%s", story)

		replacement := pod.New(story.Name(), ns.Witness("w", witness.Run()))
		again := spec.Must(ns.Create(ctx, replacement))
		Expect(replacement.UID).NotTo(Equal(old.UID))
		spec.Must(again.Await(ctx, pod.Ready()))
	})

	It("by force is what kubectl delete --force asks for", claim.ProvesPart("DELETE-05", "with kubectl"), func(ctx SpecContext) {
		// The article uses --force alone, the documentation both flags. Without --force,
		// kubectl turns a grace period of 0 into 1.
		cases := []struct {
			pod   string
			flags []string
		}{
			{"forced", []string{"--force"}},
			{"forced-with-zero", []string{"--grace-period=0", "--force"}},
		}
		stories := map[string]*journal.Story{}
		for _, c := range cases {
			stories[c.pod] = spec.Must(ns.Create(ctx, pod.New(c.pod, ns.Witness("w", witness.Run(witness.OnTerm(witness.Ignore))))))
		}
		for _, c := range cases {
			story, flags := stories[c.pod], strings.Join(c.flags, " ")
			spec.Must(story.Await(ctx, pod.ContainerRunning("w")))

			deleted := spec.Must(ns.RunKubectl(ctx, "", slices.Concat([]string{"delete", "pod", c.pod}, c.flags)...))
			Expect(deleted.Code).To(BeZero(), "kubectl delete %s must succeed\n%s", flags, deleted)
			Expect(deleted.Stdout).To(ContainSubstring(`pod "`+c.pod+`" force deleted`), "kubectl delete %s must report the forced deletion on stdout\n%s", flags, deleted)
			Expect(deleted.Stderr).To(ContainSubstring("Immediate deletion does not wait for confirmation"), "kubectl delete %s must warn on stderr that the processes may still run\n%s", flags, deleted)
			gone := spec.Must(story.AwaitGone(ctx))
			Expect(gone.Pod.DeletionGracePeriodSeconds).To(HaveValue(BeZero()), "kubectl delete %s must ask for a grace period of 0\n%s", flags, story)
			Expect(gone.Pod.Status.Phase).To(Equal(corev1.PodRunning), "a forced deletion must not wait for the containers to end\n%s", story)
		}
	})

	It("by force still sends SIGTERM, and SIGKILL 2 s later, when the object is gone", claim.Proves("DELETE-06"), func(ctx SpecContext) {
		collector := startCollector(ctx, ns)
		var victim *journal.Story
		var took span
		// On a busy machine the two seconds can become too blurred to use, or the kill or
		// SIGTERM can be late; then the spec measures again. A kubelet that kills at once
		// does so twice, and one that gives the Pod's own grace period is clear at once.
		const attempts = 3
		atOnce := 0
		for attempt := 1; ; attempt++ {
			victim = collector.victim(ctx, ns, fmt.Sprintf("forced-%d", attempt), pod.Grace(20))
			spec.Do(ns.Delete(ctx, victim, 0))
			ns.expectGone(ctx, victim, "when its forced deletion is answered")
			gone := spec.Must(victim.AwaitGone(ctx))
			Expect(gone.Pod.Status.Phase).To(Equal(corev1.PodRunning), "the object must be gone while the process still runs\n%s", victim)
			var err error
			took, _, err = measure(collector.series(ctx, ns, victim.Name()))
			// A collector that stands still for long enough takes its own pause for the end
			// of the process, even before SIGTERM.
			if err != nil || took.lasted < forcedGrace/4 {
				atOnce++
			}
			if err != nil && atOnce == 2 {
				Fail(fmt.Sprintf("%v\n%s", err, victim))
			}
			sharp := err == nil && (took.sure >= forcedGrace || took.blur <= 3*forcedGrace/8)
			right := took.reaches(forcedGrace) && took.lasted <= mostForced
			never := took.lasted > 2*mostForced
			if atOnce == 2 && !took.reaches(forcedGrace) || never || sharp && (right || attempt == attempts) {
				break
			}
			if attempt == attempts || claim.TimeLeft() < lookAgain {
				claim.Inconclusive(fmt.Sprintf("the machine is too busy: %[2]d attempts did not measure the %[1]s that a process has after a forced deletion", forcedGrace, attempt))
				Fail(fmt.Sprintf("the end of the process is not known exactly enough: it lived for %s after SIGTERM, or up to %s more", took.lasted, took.blur))
			}
		}
		took.expect("DELETE-06", forcedGrace, mostForced, victim)
	})
})

// space is the namespace of a spec, with this subject's own methods.
type space struct{ *spec.Space }
