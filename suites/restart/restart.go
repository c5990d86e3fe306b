// Package restart holds the specs on restart policies.
package restart

import (
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
	"k8s.io/apimachinery/pkg/types"
)

const (
	// short is how long a container lives before it ends: long enough for the kubelet to
	// see it run.
	short = 300 * time.Millisecond
	// port is the port of a witness that serves.
	port = 8080
)

var policies = []corev1.RestartPolicy{corev1.RestartPolicyAlways, corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever}

var _ = Describe("The restart policy", func() {
	ns := space{spec.Namespace()}

	It("is Always, OnFailure or Never in exactly this spelling, and is not changed later", claim.Proves("RESTART-02"), func(ctx SpecContext) {
		for _, policy := range policies {
			p := pod.New("with-"+strings.ToLower(string(policy)), pod.Restart(policy), ns.Witness("w", witness.Run()))
			spec.Must(ns.Create(ctx, p))
			Expect(p.Spec.RestartPolicy).To(Equal(policy))

			others := slices.DeleteFunc(slices.Clone(policies), func(other corev1.RestartPolicy) bool { return other == policy })
			for _, other := range append(others, "Sometimes") {
				change := fmt.Appendf(nil, `{"spec":{"restartPolicy":%q}}`, other)
				_, err := ns.API.Client.CoreV1().Pods(ns.Name()).Patch(ctx, p.Name, types.MergePatchType, change, metav1.PatchOptions{})
				Expect(apierrors.IsInvalid(err)).To(BeTrue(), "a change of the restartPolicy of the live Pod %s to %s must be refused as invalid, but the API server returned: %v", p.Name, other, err)
			}
		}
		for _, policy := range []corev1.RestartPolicy{"Onfailure", "onFailure", "always", "NEVER", "Sometimes", " "} {
			_, err := ns.Create(ctx, pod.New("misspelt", pod.Restart(policy), ns.Witness("w", witness.Run())))
			Expect(apierrors.IsInvalid(err)).To(BeTrue(), "restartPolicy %q must be refused as invalid, but the API server returned: %v", policy, err)
			Expect(err).To(MatchError(And(ContainSubstring("spec.restartPolicy: Unsupported value"), ContainSubstring("OnFailure"))))
		}
	})

	It("Always restarts a container however it ended, and again when it ends again", claim.Proves("RESTART-03"), func(ctx SpecContext) {
		always := pod.Restart(corev1.RestartPolicyAlways)
		ends := spec.Must(ns.Create(ctx, pod.New("ends", always, pod.Volume(spec.State),
			ns.Lives("with-0", witness.ExitAfter(short, 0), witness.ExitAfter(short, 0), witness.Forever),
			ns.Lives("with-1", witness.ExitAfter(short, 1), witness.ExitAfter(short, 255), witness.Forever))))
		killed := spec.Must(ns.Create(ctx, pod.New("killed", always, pod.ShareProcesses(), pod.Volume(spec.State),
			ns.Lives("by-kill", witness.KillAfter(short, "KILL"), witness.Forever),
			ns.Lives("by-term", witness.KillAfter(short, "TERM"), witness.Forever))))
		ns.expectRestartInPlace(ctx, killed, "by-kill", 128+9)
		ns.expectRestartInPlace(ctx, killed, "by-term", 128+15)

		all := []string{"with-0", "with-1"}
		for _, container := range all {
			spec.Must(ends.Await(ctx, pod.All(pod.Restarted(container, 2), pod.ContainerRunning(container))))
		}
		for _, container := range all {
			Expect(ends).To(pod.NeverBe(pod.Restarted(container, 3)), "two ends must cause two restarts")
		}
		Expect(ends).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning))
	})

	It("OnFailure restarts a container that failed", claim.Proves("RESTART-05"), func(ctx SpecContext) {
		onFailure := pod.Restart(corev1.RestartPolicyOnFailure)
		alone := spec.Must(ns.Create(ctx, pod.New("alone", onFailure, pod.Volume(spec.State), ns.Lives("w", witness.ExitAfter(short, 1), witness.Forever))))
		killed := spec.Must(ns.Create(ctx, pod.New("killed", onFailure, pod.ShareProcesses(), pod.Volume(spec.State), ns.Lives("w", witness.KillAfter(short, "KILL"), witness.Forever))))
		several := spec.Must(ns.Create(ctx, pod.New("several", onFailure, pod.Volume(spec.State),
			ns.Lives("first", witness.ExitAfter(short, 2), witness.Forever),
			ns.Lives("last", witness.ExitAfter(short, 127), witness.Forever))))
		for _, c := range []struct {
			story     *journal.Story
			container string
			code      int32
		}{{alone, "w", 1}, {killed, "w", 128 + 9}, {several, "first", 2}, {several, "last", 127}} {
			ns.expectRestartInPlace(ctx, c.story, c.container, c.code)
			Expect(c.story).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning))
		}
	})

	It("OnFailure does not restart a container that ended with 0", claim.Proves("RESTART-06").Waiting(0), func(ctx SpecContext) {
		good := spec.Must(ns.Create(ctx, pod.New("good", pod.Restart(corev1.RestartPolicyOnFailure), ns.ends("w", 0))))
		better := spec.Must(ns.Create(ctx, pod.New("bad-then-good", pod.Restart(corev1.RestartPolicyOnFailure), pod.Volume(spec.State),
			ns.Lives("w", witness.ExitAfter(short, 1), witness.ExitAfter(short, 0)))))

		spec.Must(good.Await(ctx, before(pod.InPhase(corev1.PodSucceeded), pod.Restarted("w", 1))))
		Expect(good).To(pod.NeverBe(pod.Restarted("w", 1)))

		end := spec.Must(better.Await(ctx, before(pod.InPhase(corev1.PodSucceeded), pod.Restarted("w", 2)))).Pod
		Expect(pod.Status(end, "w").RestartCount).To(Equal(int32(1)), "a container that failed once and then ended with 0 must have been restarted once\n%s", better)
		// A busy kubelet may not have reported how the first instance ended; the schedule
		// makes it end with 1.
		Expect(pod.Status(end, "w").State.Terminated).To(HaveValue(HaveField("ExitCode", int32(0))), "the second instance must have ended with 0\n%s", better)
	})

	It("OnFailure leaves containers that ended with 0 alone while another one is restarted", claim.Proves("RESTART-06"), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("mixed", pod.Restart(corev1.RestartPolicyOnFailure),
			ns.InitContainer("init", witness.Run(witness.For(short))),
			ns.ends("first", 0), ns.ends("bad", 1), ns.ends("last", 0),
		)))
		good := []string{"init", "first", "last"}
		twice := pod.Restarted("bad", 2)
		for _, container := range good {
			twice = before(twice, pod.Restarted(container, 1))
		}
		spec.Must(story.Await(ctx, twice))
		Expect(story).To(pod.BeNow(pod.InPhase(corev1.PodRunning)))
		for _, container := range good {
			Expect(story).To(pod.NeverBe(pod.Restarted(container, 1)))
			Expect(pod.ExitCodes(story, container)).To(Equal([]int32{0}), "container %s, which ended with 0, must have had one instance\n%s", container, story)
		}
	})

	It("Never does not restart a container that has ended", claim.Proves("RESTART-07"), func(ctx SpecContext) {
		never := pod.Restart(corev1.RestartPolicyNever)
		good := spec.Must(ns.Create(ctx, pod.New("good", never, ns.ends("w", 0))))
		bad := spec.Must(ns.Create(ctx, pod.New("bad", never, ns.ends("w", 1))))
		survived := spec.Must(ns.Create(ctx, pod.New("survived", never, pod.ShareProcesses(), ns.ends("w", 1),
			ns.Witness("goes-on", witness.Serve(witness.HTTP(port)), pod.Readiness(pod.HTTPGet(port, "/"))),
			ns.Witness("killed", witness.Run(witness.For(short), witness.KillSelf("KILL"))))))
		unhealthy := spec.Must(ns.Create(ctx, pod.New("unhealthy", never,
			ns.Witness("w", witness.Serve(witness.HTTP(port), witness.OnTerm(witness.ExitWith(3))),
				// A process that does not listen yet may not heed SIGTERM yet either.
				pod.Startup(pod.HTTPGet(port, "/info"), pod.Threshold(60)), pod.Liveness(pod.HTTPGet(port, witness.StatusPath(500, "")), pod.Threshold(1))))))
		ns.endSurvivor(ctx, survived)

		for _, c := range []struct {
			story     *journal.Story
			phase     corev1.PodPhase
			container string
			code      int32
		}{
			{good, corev1.PodSucceeded, "w", 0},
			{bad, corev1.PodFailed, "w", 1},
			{survived, corev1.PodFailed, "w", 1},
			{survived, corev1.PodFailed, "killed", 128 + 9},
			{unhealthy, corev1.PodFailed, "w", 3},
		} {
			spec.Must(c.story.Await(ctx, before(pod.InPhase(c.phase), pod.Restarted(c.container, 1))))
			Expect(c.story).To(pod.NeverBe(pod.Restarted(c.container, 1)))
			Expect(pod.ExitCodes(c.story, c.container)).To(Equal([]int32{c.code}), "container %s must have had one instance, with this exit code\n%s", c.container, c.story)
		}
	})
})

// space is the namespace of a spec, with this subject's own containers.
type space struct{ *spec.Space }

// ends is a container that lives for a short time and then ends with the code, in each of
// its instances.
func (s space) ends(name string, code int) pod.Option {
	return s.Witness(name, witness.Run(witness.For(short), witness.ExitCode(code)))
}

// endSurvivor waits until the container that serves is the only one that runs, gives the
// kubelet the time to restart the others, which needs no delay, and ends it with 0.
func (s space) endSurvivor(ctx SpecContext, story *journal.Story) {
	GinkgoHelper()
	alone := pod.ContainerRunning("goes-on")
	for _, container := range []string{"w", "killed"} {
		alone = before(pod.All(alone, pod.ContainerTerminated(container)), pod.Restarted(container, 1))
	}
	spec.Must(story.Await(ctx, alone))
	probes := len(witness.Probes(spec.Must(s.Log(ctx, story, "goes-on", false)), "/"))
	spec.Must(s.FollowLog(ctx, story, "goes-on", "three more probes", func(lines []record.Line) bool {
		return len(witness.Probes(lines, "/")) >= probes+3
	}))
	spec.Must(s.Get(ctx, story, port, "/exit", map[string]string{"code": "0"}))
}

// expectRestartInPlace waits until the container has ended with the code and runs again. It
// checks that only the container is new.
func (s space) expectRestartInPlace(ctx SpecContext, story *journal.Story, container string, code int32) {
	GinkgoHelper()
	story, again, err := s.AwaitLastState(ctx, story, container, pod.All(pod.Restarted(container, 1), pod.ContainerRunning(container)))
	spec.Do(err)
	status := pod.Status(again, container)
	last := status.LastTerminationState.Terminated
	Expect(last).NotTo(BeNil(), "the restarted container %s must show how the previous instance ended\n%s", container, story)
	Expect(last.ExitCode).To(Equal(code), "exit code of the first instance of container %s\n%s", container, story)
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
