// Package restart holds the specs on restart policies.
package restart

import (
	"fmt"
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
	"k8s.io/apimachinery/pkg/types"
)

// short is how long a container lives before it ends: long enough for the kubelet to see
// it run.
const short = 300 * time.Millisecond

var _ = Describe("The restart policy", func() {
	ns := space{spec.Namespace()}

	It("is Always, OnFailure or Never in exactly this spelling, and is not changed later", claim.Proves("RESTART-02"), func(ctx SpecContext) {
		for _, policy := range []corev1.RestartPolicy{corev1.RestartPolicyAlways, corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever} {
			p := pod.New("with-"+map[corev1.RestartPolicy]string{corev1.RestartPolicyAlways: "always", corev1.RestartPolicyOnFailure: "onfailure", corev1.RestartPolicyNever: "never"}[policy],
				pod.Restart(policy), ns.Witness("w", witness.Run()))
			spec.Must(ns.Create(ctx, p))
			Expect(p.Spec.RestartPolicy).To(Equal(policy))
		}
		for _, policy := range []corev1.RestartPolicy{"Onfailure", "always", "Sometimes"} {
			_, err := ns.Create(ctx, pod.New("misspelt", pod.Restart(policy), ns.Witness("w", witness.Run())))
			Expect(apierrors.IsInvalid(err)).To(BeTrue(), "restartPolicy %s must be refused as invalid, but the API server returned: %v", policy, err)
			Expect(err).To(MatchError(And(ContainSubstring("spec.restartPolicy: Unsupported value"), ContainSubstring("OnFailure"))))
		}
		for name, policy := range map[string]corev1.RestartPolicy{"always": corev1.RestartPolicyNever, "onfailure": corev1.RestartPolicyAlways, "never": corev1.RestartPolicyOnFailure} {
			change := fmt.Appendf(nil, `{"spec":{"restartPolicy":%q}}`, policy)
			_, err := ns.API.Client.CoreV1().Pods(ns.Name()).Patch(ctx, "with-"+name, types.MergePatchType, change, metav1.PatchOptions{})
			Expect(apierrors.IsInvalid(err)).To(BeTrue(), "a change of the restartPolicy of the live Pod %s to %s must be refused as invalid, but the API server returned: %v", "with-"+name, policy, err)
		}
	})

	It("Always restarts a container however it ended", claim.Proves("RESTART-03"), func(ctx SpecContext) {
		stories := map[int32]*journal.Story{
			0:   spec.Must(ns.Create(ctx, pod.New("ends-with-0", pod.Restart(corev1.RestartPolicyAlways), ns.endsOnce(witness.ExitAfter(short, 0))))),
			1:   spec.Must(ns.Create(ctx, pod.New("ends-with-1", pod.Restart(corev1.RestartPolicyAlways), ns.endsOnce(witness.ExitAfter(short, 1))))),
			137: spec.Must(ns.Create(ctx, pod.New("is-killed", pod.Restart(corev1.RestartPolicyAlways), pod.ShareProcesses(), ns.endsOnce(witness.KillAfter(short, "KILL"))))),
		}
		for code, story := range stories {
			ns.expectRestartInPlace(ctx, story, code)
		}
	})

	It("OnFailure restarts a container that failed", claim.Proves("RESTART-05"), func(ctx SpecContext) {
		stories := map[int32]*journal.Story{}
		for _, code := range []int32{1, 2, 127} {
			stories[code] = spec.Must(ns.Create(ctx, pod.New(fmt.Sprintf("ends-with-%d", code), pod.Restart(corev1.RestartPolicyOnFailure), ns.endsOnce(witness.ExitAfter(short, int(code))))))
		}
		stories[137] = spec.Must(ns.Create(ctx, pod.New("is-killed", pod.Restart(corev1.RestartPolicyOnFailure), pod.ShareProcesses(), ns.endsOnce(witness.KillAfter(short, "KILL")))))
		for code, story := range stories {
			ns.expectRestartInPlace(ctx, story, code)
			Expect(story).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning))
		}
	})

	It("OnFailure does not restart a container that ended with 0", claim.Proves("RESTART-06").Waiting(0), func(ctx SpecContext) {
		good := spec.Must(ns.Create(ctx, pod.New("good", pod.Restart(corev1.RestartPolicyOnFailure), ns.ends(0))))
		better := spec.Must(ns.Create(ctx, pod.New("bad-then-good", pod.Restart(corev1.RestartPolicyOnFailure), pod.Volume("state"),
			ns.Witness("w", witness.Run(witness.Schedule("/state/n", witness.ExitAfter(short, 1), witness.ExitAfter(short, 0))), pod.Mount("state", "/state")))))

		spec.Must(good.Await(ctx, before(pod.InPhase(corev1.PodSucceeded), pod.Restarted("w", 1))))
		Expect(good).To(pod.NeverBe(pod.Restarted("w", 1)))

		end := spec.Must(better.Await(ctx, before(pod.InPhase(corev1.PodSucceeded), pod.Restarted("w", 2)))).Pod
		Expect(pod.Status(end, "w").RestartCount).To(Equal(int32(1)), "a container that failed once and then ended with 0 must have been restarted once\n%s", better)
		// A busy kubelet may not have reported how the first instance ended; the schedule
		// makes it end with 1.
		Expect(pod.Status(end, "w").State.Terminated).To(HaveValue(HaveField("ExitCode", int32(0))), "the second instance must have ended with 0\n%s", better)
	})

	It("OnFailure leaves a container that ended with 0 alone while another one is restarted", claim.Proves("RESTART-06"), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("mixed", pod.Restart(corev1.RestartPolicyOnFailure),
			ns.Witness("good", witness.Run(witness.For(short))),
			ns.Witness("bad", witness.Run(witness.For(short), witness.ExitCode(1))),
		)))
		spec.Must(story.Await(ctx, before(pod.Restarted("bad", 2), pod.Restarted("good", 1))))
		Expect(story).To(pod.NeverBe(pod.Restarted("good", 1)))
		Expect(story).To(pod.BeNow(pod.InPhase(corev1.PodRunning)))
		Expect(pod.ExitCodes(story, "good")).To(Equal([]int32{0}), "the container that ended with 0 must have had one instance\n%s", story)
	})

	It("Never does not restart a container that has ended", claim.Proves("RESTART-07"), func(ctx SpecContext) {
		const port = 8080
		good := spec.Must(ns.Create(ctx, pod.New("good", pod.Restart(corev1.RestartPolicyNever), ns.ends(0))))
		bad := spec.Must(ns.Create(ctx, pod.New("bad", pod.Restart(corev1.RestartPolicyNever), ns.ends(1))))
		survived := spec.Must(ns.Create(ctx, pod.New("survived", pod.Restart(corev1.RestartPolicyNever), ns.ends(1),
			ns.Witness("goes-on", witness.Serve(witness.HTTP(port)), pod.Readiness(pod.HTTPGet(port, "/"))))))
		unhealthy := spec.Must(ns.Create(ctx, pod.New("unhealthy", pod.Restart(corev1.RestartPolicyNever),
			ns.Witness("w", witness.Serve(witness.HTTP(port), witness.OnTerm(witness.ExitWith(3))),
				// A process that does not listen yet may not heed SIGTERM yet either.
				pod.Startup(pod.HTTPGet(port, "/info"), pod.Threshold(60)), pod.Liveness(pod.HTTPGet(port, witness.StatusPath(500, "")), pod.Threshold(1))))))

		// While the other container keeps running, its Pod has not ended. The kubelet has the
		// time of three probes to restart the ended container, which needs no delay.
		spec.Must(survived.Await(ctx, before(pod.All(pod.ContainerTerminated("w"), pod.ContainerRunning("goes-on")), pod.Restarted("w", 1))))
		probes := len(witness.Probes(spec.Must(ns.Log(ctx, survived, "goes-on", false)), "/"))
		spec.Must(ns.FollowLog(ctx, survived, "goes-on", "three more probes", func(lines []record.Line) bool {
			return len(witness.Probes(lines, "/")) >= probes+3
		}))
		spec.Must(ns.Get(ctx, survived, port, "/exit", map[string]string{"code": "0"}))

		for _, c := range []struct {
			story *journal.Story
			phase corev1.PodPhase
			codes []int32
		}{
			{good, corev1.PodSucceeded, []int32{0}},
			{bad, corev1.PodFailed, []int32{1}},
			{survived, corev1.PodFailed, []int32{1}},
			{unhealthy, corev1.PodFailed, []int32{3}},
		} {
			spec.Must(c.story.Await(ctx, before(pod.InPhase(c.phase), pod.Restarted("w", 1))))
			Expect(c.story).To(pod.NeverBe(pod.Restarted("w", 1)))
			Expect(pod.ExitCodes(c.story, "w")).To(Equal(c.codes), "the container must have had one instance, with this exit code\n%s", c.story)
		}
	})
})

// space is the namespace of a spec, with this subject's own container.
type space struct{ *spec.Space }

// ends is a container that lives for a short time and then ends with the code, in each of
// its instances.
func (s space) ends(code int) pod.Option {
	return s.Witness("w", witness.Run(witness.For(short), witness.ExitCode(code)))
}

// endsOnce is a container whose first instance ends as given. The second one stays, so that
// there is time to check it.
func (s space) endsOnce(first witness.Life) pod.Option {
	const volume = "state"
	container := s.Witness("w", witness.Run(witness.Schedule("/state/n", first, witness.Forever)), pod.Mount(volume, "/state"))
	return func(p *corev1.Pod) {
		pod.Volume(volume)(p)
		container(p)
	}
}

// expectRestartInPlace waits until the container has ended with the code and runs again. It
// checks that only the container is new.
func (s space) expectRestartInPlace(ctx SpecContext, story *journal.Story, code int32) {
	GinkgoHelper()
	story, again, err := s.AwaitLastState(ctx, story, "w", pod.All(pod.Restarted("w", 1), pod.ContainerRunning("w")))
	spec.Do(err)
	status := pod.Status(again, "w")
	last := status.LastTerminationState.Terminated
	Expect(last).NotTo(BeNil(), "the restarted container must show how the previous instance ended\n%s", story)
	Expect(last.ExitCode).To(Equal(code), "exit code of the first instance\n%s", story)
	Expect(last.ContainerID).NotTo(Or(BeEmpty(), Equal(status.ContainerID)), "a restart must create a new container\n%s", story)
	Expect(status.RestartCount).To(Equal(int32(1)), "one end must cause one restart\n%s", story)

	first := spec.Must(story.Await(ctx, pod.HasIP())).Pod
	Expect(again.UID).To(Equal(first.UID))
	Expect(again.Spec.NodeName).To(And(Not(BeEmpty()), Equal(first.Spec.NodeName)), "a restart must keep the Pod on its node\n%s", story)
	Expect(again.Status.PodIP).To(Equal(first.Status.PodIP), "a restart must keep the Pod's IP\n%s", story)
}

// before is the wanted state. It fails as soon as the other state comes instead.
func before(want, other journal.State) journal.State {
	never := want.Never
	want.Never = func(p *corev1.Pod) string {
		if other.Holds(p) {
			return "it was first seen " + other.Text
		}
		return never(p)
	}
	return want
}
