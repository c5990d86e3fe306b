package deletion

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
)

var _ = Describe("A plain delete", func() {
	ns := space{spec.Namespace()}

	It("removes a Pod at once that is on no node, has ended, or grants itself no grace", claim.Proves("DELETE-08"), func(ctx SpecContext) {
		// None of them may use its grace period or its hook.
		hook := pod.PreStopSleep(hookSleep)
		stays := ns.Witness("w", witness.Run(witness.OnTerm(witness.Ignore)), hook)
		ends := func(code int) pod.Option {
			return ns.Witness("w", witness.Run(witness.For(0), witness.ExitCode(code)), hook)
		}
		cases := []struct {
			pod  *corev1.Pod
			when journal.State
			last corev1.PodPhase
		}{
			{pod.New("on-no-node", pod.Gated(), pod.Grace(60), stays), pod.InPhase(corev1.PodPending), corev1.PodPending},
			{pod.New("ended", pod.Restart(corev1.RestartPolicyOnFailure), pod.Grace(60), ends(0)), pod.InPhase(corev1.PodSucceeded), corev1.PodSucceeded},
			{pod.New("ended-badly", pod.Restart(corev1.RestartPolicyNever), ends(1)), pod.InPhase(corev1.PodFailed), corev1.PodFailed},
			// No hook may sleep for longer than the grace period.
			{pod.New("without-grace", pod.Grace(0), ns.Witness("w", witness.Run(witness.OnTerm(witness.Ignore)))), pod.ContainerRunning("w"), corev1.PodRunning},
		}
		stories := map[string]*journal.Story{}
		for _, c := range cases {
			stories[c.pod.Name] = spec.Must(ns.Create(ctx, c.pod))
		}
		for _, c := range cases {
			story := stories[c.pod.Name]
			spec.Must(story.Await(ctx, c.when))
			spec.Do(ns.Delete(ctx, story, -1))
			ns.expectGone(ctx, story, "when its plain deletion is answered")
		}
		for _, c := range cases {
			story := stories[c.pod.Name]
			gone := spec.Must(story.AwaitGone(ctx))
			Expect(gone.Pod.Status.Phase).To(Equal(c.last), "the deletion of the Pod %s must not wait for anything\n%s", c.pod.Name, story)
			Expect(gone.Pod.DeletionGracePeriodSeconds).To(HaveValue(BeZero()), "the Pod %s must be deleted with a grace period of 0\n%s", c.pod.Name, story)
			// The kubelet removes an ended Pod with a grace period so soon that only
			// this shows the difference.
			Expect(story).To(pod.NeverBe(grantedGrace), "the Pod %s must not get a grace period first", c.pod.Name)
		}
	})
})

var grantedGrace = journal.State{
	Text: "to have a grace period while being deleted",
	Holds: func(p *corev1.Pod) bool {
		return p.DeletionGracePeriodSeconds != nil && *p.DeletionGracePeriodSeconds > 0
	},
}
