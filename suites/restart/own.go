package restart

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

var _ = Describe("The restart policy of a Pod", func() {
	ns := space{spec.Namespace()}

	It("is Always when none is given", claim.Proves("RESTART-04"), func(ctx SpecContext) {
		p := pod.New("unspoken", pod.Volume(spec.State), ns.Lives("w", witness.ExitAfter(short, 0), witness.Forever))
		Expect(p.Spec.RestartPolicy).To(BeEmpty())
		story := spec.Must(ns.Create(ctx, p))
		Expect(p.Spec.RestartPolicy).To(Equal(corev1.RestartPolicyAlways), "a Pod created without a restart policy must get Always")
		// Only Always restarts a container that ended with 0.
		spec.Must(story.Await(ctx, pod.Restarted("w", 1)))
	})

	It("holds for all its containers but those that have one of their own", claim.Proves("RESTART-01"), func(ctx SpecContext) {
		p := pod.New("with-policy-always", pod.Restart(corev1.RestartPolicyAlways),
			ns.own("own-never", 1, corev1.ContainerRestartPolicyNever),
			ns.ends("one", 1),
			ns.own("own-onfailure", 0, corev1.ContainerRestartPolicyOnFailure),
			ns.ends("other", 1),
		)
		always := spec.Must(ns.Create(ctx, p))
		if p.Spec.Containers[0].RestartPolicy == nil {
			spec.WithoutGate("the API server drops the restart policy of a container")
		}
		never := spec.Must(ns.Create(ctx, pod.New("with-policy-never", pod.Restart(corev1.RestartPolicyNever), pod.Volume(spec.State),
			ns.SidecarLives("sidecar", witness.ExitAfter(short, 1), witness.Forever),
			ns.InitLives("init-own-onfailure", []witness.Life{witness.ExitAfter(short, 1), witness.ExitAfter(short, 0)}, pod.RestartContainer(corev1.ContainerRestartPolicyOnFailure)),
			ns.ends("one", 1),
			ns.own("own-always", 0, corev1.ContainerRestartPolicyAlways),
			ns.own("own-onfailure", 1, corev1.ContainerRestartPolicyOnFailure),
		)))

		expectRestarts(ctx, always, []string{"one", "other"}, map[string]int32{"own-never": 1, "own-onfailure": 0})
		expectRestarts(ctx, never, []string{"own-always", "own-onfailure"}, map[string]int32{"one": 1})
		spec.Must(never.Await(ctx, pod.All(pod.Restarted("sidecar", 1), pod.ContainerRunning("sidecar"))))
		Expect(pod.Status(never.Last(), "init-own-onfailure").RestartCount).To(Equal(int32(1)), "an init container with its own policy OnFailure must be restarted until it ends with 0\n%s", never)
	})

	It("does not keep a Pod alive whose containers all have one that ends them", claim.Proves("RESTART-01").Waiting(0), func(ctx SpecContext) {
		always := pod.Restart(corev1.RestartPolicyAlways)
		p := pod.New("all-own", always,
			ns.own("own-never", 1, corev1.ContainerRestartPolicyNever), ns.own("own-onfailure", 0, corev1.ContainerRestartPolicyOnFailure))
		mixed := spec.Must(ns.Create(ctx, p))
		if p.Spec.Containers[0].RestartPolicy == nil {
			spec.WithoutGate("the API server drops the restart policy of a container")
		}
		initial := spec.Must(ns.Create(ctx, pod.New("init-own-never", always, pod.Volume(spec.State),
			ns.InitLives("own-never", []witness.Life{witness.ExitAfter(short, 1)}, pod.RestartContainer(corev1.ContainerRestartPolicyNever)), ns.ends("w", 0))))

		for _, story := range []*journal.Story{mixed, initial} {
			spec.Must(story.Await(ctx, before(pod.InPhase(corev1.PodFailed), pod.Restarted("own-never", 1))))
			Expect(story).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning, corev1.PodFailed))
		}
		Expect(pod.Status(initial.Last(), "w").ContainerID).To(BeEmpty(), "no container may start after an init container whose own policy is Never has failed\n%s", initial)
	})
})

// own is a container with a restart policy of its own that ends with the code in each of
// its instances.
func (s space) own(name string, code int, policy corev1.ContainerRestartPolicy) pod.Option {
	return s.Witness(name, witness.Run(witness.For(short), witness.ExitCode(code)), pod.RestartContainer(policy))
}

// expectRestarts expects the first containers to be restarted twice, the others to have
// one instance that ended with the code, and the Pod to go on.
func expectRestarts(ctx SpecContext, story *journal.Story, restarted []string, left map[string]int32) {
	GinkgoHelper()
	var twice []journal.State
	for _, container := range restarted {
		twice = append(twice, pod.Restarted(container, 2))
	}
	all := pod.All(twice...)
	for container := range left {
		all = before(all, pod.Restarted(container, 1))
	}
	spec.Must(story.Await(ctx, all))
	for container, code := range left {
		Expect(story).To(pod.NeverBe(pod.Restarted(container, 1)))
		Expect(pod.ExitCodes(story, container)).To(Equal([]int32{code}), "container %s must have had one instance\n%s", container, story)
	}
	Expect(story).To(pod.BeNow(pod.InPhase(corev1.PodRunning)))
}
