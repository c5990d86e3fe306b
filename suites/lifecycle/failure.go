package lifecycle

import (
	"fmt"
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
)

// unreachableImage is in a registry on the node itself, on a port where nothing
// listens. A pull is refused at once and needs no name lookup.
const unreachableImage = "127.0.0.1:1/podproof/absent:v1"

// pullFailed are the kubelet's reasons for a container whose image it has just
// failed to pull. Some runtimes report that the registry cannot be reached.
// Source: pkg/kubelet/images/types.go.
var pullFailed = []string{"ErrImagePull", "RegistryUnavailable"}

var _ = Describe("A Pod that fails", func() {
	ns := spec.Namespace()

	It("to start stays Pending, under the policy Never and with a failed container, too, and can still start", claim.Proves("LC-03"), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("without-image", pod.Restart(corev1.RestartPolicyNever),
			ns.Witness("ended", witness.Run(witness.For(short), witness.ExitCode(1))), pod.Container("w", unreachableImage, witness.Run(witness.For(short))))))
		// The kubelet tries to pull the image twice. By the second failure it has
		// reacted to the first one.
		first := spec.Must(story.Await(ctx, pendingFor(pullFailed...)))
		delayed := spec.Must(story.AwaitAfter(ctx, first, pendingFor("ImagePullBackOff")))
		spec.Must(story.AwaitAfter(ctx, delayed, pendingFor(pullFailed...)))
		Expect(story).To(pod.AlwaysBe(pod.InPhase(corev1.PodPending)))

		By("giving the container an existing image")
		spec.Must(ns.SetImage(ctx, story, "w", ns.Cluster.WitnessImage))
		spec.Must(story.Await(ctx, pod.InPhase(corev1.PodFailed)))
		Expect(pod.ExitCodes(story, "w")).To(Equal([]int32{0}), "the container must have run once, after it got an image\n%s", story)
		Expect(story).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning, corev1.PodFailed))
	})

	It("in its init container becomes Failed, or stays Pending where that is restarted", claim.Proves("LC-03").Waiting(0), func(ctx SpecContext) {
		start := func(name string, policy corev1.RestartPolicy) *journal.Story {
			return spec.Must(ns.Create(ctx, pod.New(name, pod.Restart(policy),
				ns.Sidecar("sidecar", witness.Run()),
				ns.InitContainer("init", witness.Run(witness.For(short), witness.ExitCode(1))),
				ns.Witness("w", witness.Run()))))
		}
		never, always := start("init-to-be-left", corev1.RestartPolicyNever), start("init-to-be-restarted", corev1.RestartPolicyAlways)
		left := spec.Must(never.Await(ctx, pod.InPhase(corev1.PodFailed))).Pod
		Expect(pod.ExitCodes(never, "init")).To(Equal([]int32{1}), "the init container must have ended once, with exit code 1\n%s", never)
		Expect(pod.Status(left, "w").ContainerID).To(BeEmpty(), "no container may start after a failed init container\n%s", never)
		Expect(never).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodFailed))

		spec.Must(always.Await(ctx, pod.Restarted("init", 1)))
		Expect(always).To(pod.AlwaysBe(pod.InPhase(corev1.PodPending)), "a Pod must be Pending while its init container fails and restarts")
	})

	It("after its start becomes Failed only when it is not to be restarted", claim.Proves("LC-03").Waiting(10*time.Second), func(ctx SpecContext) {
		fails := ns.Witness("w", witness.Run(witness.For(short), witness.ExitCode(1)))
		always := spec.Must(ns.Create(ctx, pod.New("to-be-restarted", pod.Restart(corev1.RestartPolicyAlways), fails)))
		never := spec.Must(ns.Create(ctx, pod.New("to-be-left", pod.Restart(corev1.RestartPolicyNever), fails)))

		failed, restarted := pod.InPhase(corev1.PodFailed), pod.Restarted("w", 1)
		failed.Never = func(p *corev1.Pod) string {
			if restarted.Holds(p) {
				return "its container was restarted under the policy Never"
			}
			return ""
		}
		spec.Must(never.Await(ctx, failed))
		Expect(pod.ExitCodes(never, "w")).To(Equal([]int32{1}), "the container must have ended once, with exit code 1\n%s", never)

		spec.Must(always.Await(ctx, pod.Restarted("w", 2)))
		Expect(always).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning))
		Expect(always).To(pod.BeNow(pod.InPhase(corev1.PodRunning)))
		Expect(pod.ExitCodes(always, "w")).To(HaveEach(int32(1)), "every instance must have failed\n%s", always)
	})
})

// pendingFor holds while the Pod is Pending and its container waits with one of the
// reasons.
func pendingFor(reasons ...string) journal.State {
	state := pod.All(pod.InPhase(corev1.PodPending), pod.ContainerWaiting("w", reasons...))
	state.Text = fmt.Sprintf("to stay Pending while its image cannot be pulled, with its container waiting with reason %s", strings.Join(reasons, " or "))
	return state
}
