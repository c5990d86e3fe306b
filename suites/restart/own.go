package restart

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
)

var _ = Describe("The restart policy", func() {
	ns := space{spec.Namespace()}

	It("is Always when none is given", claim.Proves("RESTART-04"), func(ctx SpecContext) {
		p := pod.New("unspoken", ns.endsOnce(witness.ExitAfter(short, 0)))
		Expect(p.Spec.RestartPolicy).To(BeEmpty())
		story := spec.Must(ns.Create(ctx, p))
		Expect(p.Spec.RestartPolicy).To(Equal(corev1.RestartPolicyAlways), "a Pod created without a restart policy must get Always")
		// Only Always restarts a container that ended with 0.
		spec.Must(story.Await(ctx, pod.Restarted("w", 1)))
	})

	It("is the Pod's for all its containers but those that have one of their own", claim.Proves("RESTART-01"), func(ctx SpecContext) {
		fails := witness.Run(witness.For(short), witness.ExitCode(1))
		p := pod.New("with-policy-always", pod.Restart(corev1.RestartPolicyAlways),
			ns.Witness("own-never", fails, pod.RestartContainer(corev1.ContainerRestartPolicyNever)),
			ns.Witness("own-onfailure", witness.Run(witness.For(short)), pod.RestartContainer(corev1.ContainerRestartPolicyOnFailure)),
			ns.Witness("one", fails),
			ns.Witness("other", fails),
		)
		always := spec.Must(ns.Create(ctx, p))
		if p.Spec.Containers[0].RestartPolicy == nil {
			spec.WithoutGate("the API server drops the restart policy of a container")
		}
		never := spec.Must(ns.Create(ctx, pod.New("with-policy-never", pod.Restart(corev1.RestartPolicyNever),
			ns.Witness("own-always", fails, pod.RestartContainer(corev1.ContainerRestartPolicyAlways)),
			ns.Witness("one", fails),
		)))

		bothTwice := pod.All(pod.Restarted("one", 2), pod.Restarted("other", 2))
		bothTwice.Text = "to have restarted the two containers without their own policy twice each, but neither the container with its own policy Never nor the one with OnFailure, which ended with 0"
		spec.Must(always.Await(ctx, before(before(bothTwice, pod.Restarted("own-never", 1)), pod.Restarted("own-onfailure", 1))))
		for container, code := range map[string]int32{"own-never": 1, "own-onfailure": 0} {
			Expect(always).To(pod.NeverBe(pod.Restarted(container, 1)))
			Expect(pod.ExitCodes(always, container)).To(Equal([]int32{code}), "container %s must have had one instance in a Pod with the policy Always\n%s", container, always)
		}
		Expect(always).To(pod.BeNow(pod.InPhase(corev1.PodRunning)))

		ownTwice := pod.Restarted("own-always", 2)
		ownTwice.Text = "to have restarted the container with its own policy Always twice, but not the one without its own policy"
		spec.Must(never.Await(ctx, before(ownTwice, pod.Restarted("one", 1))))
		Expect(never).To(pod.NeverBe(pod.Restarted("one", 1)))
		Expect(pod.ExitCodes(never, "one")).To(Equal([]int32{1}), "the container without a policy must have had one instance in a Pod with the policy Never\n%s", never)
		Expect(never).To(pod.BeNow(pod.InPhase(corev1.PodRunning)))
	})
})
