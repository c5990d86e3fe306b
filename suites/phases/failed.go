package phases

import (
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	"github.com/podproof/podproof/reports"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

const (
	// memoryLimit in bytes is far more than the runtime and the witness need. demanded in
	// MiB is far more than memoryLimit.
	memoryLimit = 64 << 20
	demanded    = 256
)

var _ = Describe("A Pod becomes Failed", func() {
	ns := spec.Namespace()

	It("when it has been active for too long, also under Always", claim.Proves("PHASE-FAIL-01").Waiting(0), func(ctx SpecContext) {
		inTime := spec.Must(ns.Create(ctx, pod.New("in-time", pod.Deadline(3600), ns.Witness("w", witness.Run()))))
		spec.Must(inTime.Await(ctx, pod.AllRunning()))
		// The kubelet stops a Pod past its deadline when it checks the Pod.
		lookAgain(ctx, ns, inTime)

		story := spec.Must(ns.Create(ctx, pod.New("too-long", pod.Restart(corev1.RestartPolicyAlways), ns.Witness("w", witness.Run(witness.OnTerm(witness.ExitWith(0)))))))
		spec.Must(ns.AwaitStarted(ctx, story, "w"))

		// The time counts from when the kubelet first saw the Pod, so the deadline is set
		// only when the container runs.
		patch(ctx, ns, story, `{"spec":{"activeDeadlineSeconds":1}}`)
		end := spec.Must(story.AwaitWithin(ctx, settled, failedByDeadline)).Pod
		// The exit code does not make the Pod Failed.
		expectAllEnded(end, map[string]int32{"w": 0}, story)
		Expect(story).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning, corev1.PodFailed))
		showReason("PHASE-FAIL-01", "reason of the Pod that was active for too long", end.Status.Reason, "DeadlineExceeded")
		Expect(inTime).To(pod.NeverBe(pod.InPhase(corev1.PodFailed)), "a Pod must not be stopped long before its deadline")
		Expect(inTime).To(pod.BeNow(pod.AllRunning()))
	})

	It("when a signal ended its process, whoever sent it", claim.Proves("PHASE-FAIL-03"), func(ctx SpecContext) {
		start := func(name string, options ...pod.Option) *journal.Story {
			return spec.Must(ns.Create(ctx, pod.New(name, append(options, pod.Restart(corev1.RestartPolicyNever))...)))
		}
		// The kernel protects the first process of a namespace from its own signals, so
		// the witness must not be that process. It does not protect it from lack of memory.
		killed := start("killed", pod.ShareProcesses(), ns.Witness("w", witness.Run(witness.For(short), witness.KillSelf("KILL"))))
		terminated := start("terminated", pod.ShareProcesses(), ns.Witness("w", witness.Run(witness.For(short), witness.KillSelf("TERM"))))
		greedy := start("greedy", ns.Witness("w", witness.TakeMemory(demanded), limitMemory))

		for _, c := range []struct {
			story *journal.Story
			code  int32
		}{{killed, 128 + 9}, {terminated, 128 + 15}, {greedy, 128 + 9}} {
			end := awaitEnd(ctx, c.story, corev1.PodFailed, "w")
			expectAllEnded(end, map[string]int32{"w": c.code}, c.story)
			Expect(c.story).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning, corev1.PodFailed))
		}

		// The reason cannot prove the lack of memory: it stays Error if the runtime learns
		// of it only after the end of the process.
		took := witness.Select(spec.Must(ns.Log(ctx, greedy, "w", false)), record.Took)
		Expect(took).To(And(Not(BeEmpty()), HaveEach(HaveField("Bytes", HaveValue(BeNumerically("<", memoryLimit))))),
			"a process must be killed before it has taken the whole memory limit of its container\n%s", greedy)
		reason := pod.Status(greedy.Last(), "w").State.Terminated.Reason
		showReason("PHASE-FAIL-03", "reason of the container that took too much memory", reason, "OOMKilled", "Error")
	})
})

// failedByDeadline holds when the Pod is Failed and its container w has ended. A busy
// kubelet can show the phase before the end of the container: the deadline alone sets
// the phase. The kubelet withholds it until nothing runs any more, and may then publish
// it with the container's older status.
// Source: pkg/kubelet/status/status_manager.go (mergePodStatus).
var failedByDeadline = pod.All(pod.InPhase(corev1.PodFailed), pod.ContainerTerminated("w"))

// showReason records a reason beside those of all supported versions. Another reason
// breaks no promise, but then it is not clear that the Pod ended for the intended cause.
func showReason(id, what, reason string, usual ...string) {
	claim.Measure(reports.Measurement{Claim: id, What: what, Documented: strings.Join(usual, " or "), Measured: reason, OK: slices.Contains(usual, reason)})
}

// limitMemory limits a container's memory; the request becomes the same.
func limitMemory(c *corev1.Container) {
	c.Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: *resource.NewQuantity(memoryLimit, resource.BinarySI)}
}
