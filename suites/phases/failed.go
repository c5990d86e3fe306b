package phases

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
	"k8s.io/apimachinery/pkg/api/resource"
)

const (
	// memoryLimit in bytes is far more than the runtime and the witness need. demanded in
	// MiB is far more than memoryLimit.
	memoryLimit = 64 << 20
	demanded    = 256
	// lingers is how long a process goes on after SIGTERM: long enough to be asked
	// whether it lives.
	lingers = 4 * time.Second
)

var _ = Describe("A Pod becomes Failed", func() {
	ns := spec.Namespace()

	It("when it has been active for too long, whatever its policy and however its containers end", claim.Proves("PHASE-FAIL-01").Waiting(0), func(ctx SpecContext) {
		inTime := spec.Must(ns.Create(ctx, pod.New("in-time", pod.Deadline(3600), ns.Witness("w", witness.Run()))))
		tooLong := spec.Must(ns.Create(ctx, pod.New("too-long", pod.Restart(corev1.RestartPolicyAlways), ns.Witness("w", witness.Run(witness.OnTerm(witness.ExitWith(0)))))))
		// Its init container ignores SIGTERM, so that the Pod is still Pending when the
		// process is killed.
		pending := spec.Must(ns.Create(ctx, pod.New("pending-too-long", pod.Restart(corev1.RestartPolicyOnFailure), pod.Grace(1),
			ns.InitContainer("init", witness.Run(witness.OnTerm(witness.Ignore))), ns.Witness("w", witness.Run()))))
		spec.Must(inTime.Await(ctx, pod.AllRunning()))
		// The kubelet stops a Pod past its deadline when it checks the Pod.
		lookAgain(ctx, ns, inTime)

		// The time counts from when the kubelet first saw the Pod, so the deadline is set
		// only when the container runs.
		spec.Must(ns.AwaitStarted(ctx, tooLong, "w"))
		passDeadline(ctx, ns, tooLong)
		spec.Must(ns.AwaitStarted(ctx, pending, "init"))
		passDeadline(ctx, ns, pending)

		end := spec.Must(tooLong.AwaitWithin(ctx, settled, failedByDeadline("w"))).Pod
		// The exit code does not make the Pod Failed.
		expectAllEnded(end, map[string]int32{"w": 0}, tooLong)
		Expect(tooLong).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning, corev1.PodFailed))
		showReason("reason of the Pod that was active for too long", end.Status.Reason, "DeadlineExceeded")

		end = spec.Must(pending.AwaitWithin(ctx, settled, failedByDeadline("init"))).Pod
		Expect(pod.Status(end, "w").ContainerID).To(BeEmpty(), "no container may start in a Pod that was Pending for longer than its deadline\n%s", pending)
		Expect(pending).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodFailed))

		Expect(inTime).To(pod.NeverBe(pod.InPhase(corev1.PodFailed)), "a Pod must not be stopped long before its deadline")
		Expect(inTime).To(pod.BeNow(pod.AllRunning()))
	})

	It("after its deadline only when all its processes have ended", claim.Proves("PHASE-FAIL-04"), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("slow-to-end", pod.Restart(corev1.RestartPolicyOnFailure),
			ns.Witness("slow", witness.Serve(witness.HTTP(port), witness.OnTerm(witness.LingerThen(lingers, 0)))),
			ns.Witness("obeys", witness.Run(witness.OnTerm(witness.ExitWith(0)))),
		)))
		spec.Must(ns.AwaitStarted(ctx, story, "obeys"))
		spec.Must(ns.AwaitListening(ctx, story, "slow", 1))
		passDeadline(ctx, ns, story)
		failed := spec.Must(story.AwaitWithin(ctx, settled, pod.InPhase(corev1.PodFailed)))
		if lives := stillAnswers(ctx, ns, story, failed.Pod, "slow"); lives != "" {
			Fail(fmt.Sprintf("a Pod must not be Failed while one of its processes lives, but %s\n%s", lives, story))
		}
		end := spec.Must(story.AwaitWithin(ctx, settled, failedByDeadline("slow", "obeys"))).Pod
		expectAllEnded(end, map[string]int32{"slow": 0, "obeys": 0}, story)
		Expect(story).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning, corev1.PodFailed))
	})

	It("when a signal ended its process, whoever sent it", claim.Proves("PHASE-FAIL-03"), func(ctx SpecContext) {
		start := func(name string, options ...pod.Option) *journal.Story {
			return spec.Must(ns.Create(ctx, pod.New(name, append(options, pod.Restart(corev1.RestartPolicyNever))...)))
		}
		bySignal := func(signal string) []string { return witness.Run(witness.For(short), witness.KillSelf(signal)) }
		// The kernel protects the first process of a namespace from its own signals, so
		// the witness must not be that process. It does not protect it from lack of memory.
		killed := start("killed", pod.ShareProcesses(), ns.InitContainer("w", bySignal("KILL")), ns.Witness("other", witness.Run()))
		terminated := start("terminated", pod.ShareProcesses(), ends(ns, "other", 0), ns.Witness("w", bySignal("TERM")))
		greedy := start("greedy", ns.Witness("w", witness.TakeMemory(demanded), limitMemory))

		for _, c := range []struct {
			story *journal.Story
			code  int32
		}{{killed, 128 + 9}, {terminated, 128 + 15}, {greedy, 128 + 9}} {
			end := awaitEnd(ctx, c.story, corev1.PodFailed, "w")
			expectAllEnded(end, map[string]int32{"w": c.code}, c.story)
			Expect(c.story).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning, corev1.PodFailed))
		}
		expectNoMemory(ctx, ns, greedy)
	})
})

// expectNoMemory expects the Pod's process to have ended for lack of memory.
func expectNoMemory(ctx SpecContext, ns *spec.Space, story *journal.Story) {
	GinkgoHelper()
	// The reason cannot prove the lack of memory: it stays Error if the runtime learns of
	// it only after the end of the process.
	took := witness.Select(spec.Must(ns.Log(ctx, story, "w", false)), record.Took)
	Expect(took).To(And(Not(BeEmpty()), HaveEach(HaveField("Bytes", HaveValue(BeNumerically("<", memoryLimit))))),
		"a process must be killed before it has taken the whole memory limit of its container\n%s", story)
	reason := pod.Status(story.Last(), "w").State.Terminated.Reason
	showReason("reason of the container that took too much memory", reason, "OOMKilled", "Error")
}

// passDeadline makes the kubelet end the story's Pod now.
func passDeadline(ctx SpecContext, ns *spec.Space, story *journal.Story) {
	GinkgoHelper()
	patch(ctx, ns, story, `{"spec":{"activeDeadlineSeconds":1}}`)
}

// failedByDeadline holds when the Pod is Failed and its containers have ended. A busy
// kubelet can show the phase before the end of the containers: the deadline alone sets
// the phase. The kubelet withholds it until nothing runs any more, and may then publish
// it with an older status of a container.
// Source: pkg/kubelet/status/status_manager.go (mergePodStatus).
func failedByDeadline(containers ...string) journal.State {
	states := []journal.State{pod.InPhase(corev1.PodFailed)}
	for _, c := range containers {
		states = append(states, pod.ContainerTerminated(c))
	}
	return pod.All(states...)
}

// stillAnswers says that the process of a container, which serves, lives although the Pod
// has ended; it is "" when the process has ended. The container's state alone does not
// tell, see failedByDeadline.
func stillAnswers(ctx context.Context, ns *spec.Space, story *journal.Story, p *corev1.Pod, container string) string {
	if s := pod.Status(p, container); s == nil || s.State.Running == nil {
		return ""
	}
	if _, err := ns.Get(ctx, story, port, "/info", nil); err != nil {
		return ""
	}
	return fmt.Sprintf("container %s was running when the Pod became %s, and its process still answered after that", container, p.Status.Phase)
}

// showReason records a reason beside those of all supported versions. Another reason
// breaks no promise, but then it is not clear that the Pod ended for the intended cause.
func showReason(what, reason string, usual ...string) {
	spec.Measured(what, strings.Join(usual, " or "), reason, slices.Contains(usual, reason))
}

// limitMemory limits a container's memory; the request becomes the same.
func limitMemory(c *corev1.Container) {
	c.Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: *resource.NewQuantity(memoryLimit, resource.BinarySI)}
}
