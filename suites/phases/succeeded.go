package phases

import (
	"encoding/json"
	"maps"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
)

var _ = Describe("A Pod becomes Succeeded", func() {
	ns := spec.Namespace()

	It("when its containers end with 0, unless its policy is Always", claim.Proves("PHASE-SUC-01"), func(ctx SpecContext) {
		always := spec.Must(ns.Create(ctx, pod.New("always", pod.Restart(corev1.RestartPolicyAlways), ends(ns, "w", 0))))
		// An instance that failed does not count once its container has ended well.
		onFailure := spec.Must(ns.Create(ctx, pod.New("on-failure", pod.Restart(corev1.RestartPolicyOnFailure), pod.Volume(spec.State),
			ends(ns, "w", 0), ns.Lives("second-try", witness.ExitAfter(short, 1), witness.ExitAfter(short, 0)))))
		never := spec.Must(ns.Create(ctx, pod.New("never", pod.Restart(corev1.RestartPolicyNever),
			ns.InitContainer("init", witness.Run(witness.For(short))),
			ends(ns, "w", 0))))

		for story, containers := range map[*journal.Story][]string{onFailure: {"w"}, never: {"init", "w"}} {
			end := awaitEnd(ctx, story, corev1.PodSucceeded, containers...)
			for _, c := range containers {
				expectAllEnded(end, map[string]int32{c: 0}, story)
			}
			Expect(story).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning, corev1.PodSucceeded))
		}
		last := pod.Status(onFailure.Last(), "second-try")
		Expect(last.RestartCount).To(Equal(int32(1)), "the container that failed once must have been restarted before the Pod succeeded\n%s", onFailure)
		Expect(last.State.Terminated).To(HaveValue(HaveField("ExitCode", BeZero())), "the second instance must have ended with 0 when the Pod is Succeeded\n%s", onFailure)

		// After its second end the container has to wait for 10 s, so the kubelet reports
		// the state of the Pod meanwhile.
		spec.Must(always.Await(ctx, pod.ContainerTerminated("w")))
		spec.Must(always.AwaitWithin(ctx, settled, awaitsRestart("w", 1)))
		Expect(always).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning))
		Expect(pod.ExitCodes(always, "w")).To(HaveEach(int32(0)), "each instance must have ended with 0\n%s", always)
	})

	It("or Failed, by the exit codes of all its containers, when it is deleted, also under Always", claim.Proves("PHASE-SUC-01"), claim.Proves("PHASE-FAIL-01").Waiting(0), func(ctx SpecContext) {
		start := func(name string, codes map[string]int32) *journal.Story {
			options := []pod.Option{pod.Held(), pod.Restart(corev1.RestartPolicyAlways)}
			for _, container := range slices.Sorted(maps.Keys(codes)) {
				options = append(options, ns.Witness(container, witness.Run(witness.OnTerm(witness.ExitWith(int(codes[container]))))))
			}
			return spec.Must(ns.Create(ctx, pod.New(name, options...)))
		}
		type deleted struct {
			story *journal.Story
			codes map[string]int32
			phase corev1.PodPhase
		}
		well, badly := map[string]int32{"first": 0}, map[string]int32{"first": 0, "middle": 1, "third": 0}
		cases := []deleted{{start("well", well), well, corev1.PodSucceeded}, {start("badly", badly), badly, corev1.PodFailed}}
		for _, c := range cases {
			for container := range c.codes {
				spec.Must(ns.AwaitStarted(ctx, c.story, container))
			}
			spec.Do(ns.Delete(ctx, c.story, -1))
		}
		for _, c := range cases {
			end := awaitEnd(ctx, c.story, c.phase, slices.Collect(maps.Keys(c.codes))...)
			expectAllEnded(end, c.codes, c.story)
			Expect(c.story).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning, c.phase))
		}
	})

	It("when the last of its containers to run has ended with 0", claim.Proves("PHASE-SUC-02"), func(ctx SpecContext) {
		story := endOneAfterTheOther(ctx, ns, 0, true)
		last := awaitEnd(ctx, story, corev1.PodSucceeded, "soon", "late")
		expectAllEnded(last, map[string]int32{"soon": 0, "late": 0}, story)
		Expect(story).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning, corev1.PodSucceeded))
	})

	It("however its sidecar ends after its containers", claim.Proves("PHASE-SUC-02").Waiting(0), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("helped", pod.Restart(corev1.RestartPolicyNever),
			ns.Sidecar("sidecar", witness.Run(witness.OnTerm(witness.LingerThen(short, 1)))),
			ends(ns, "w", 0),
		)))
		end := awaitEnd(ctx, story, corev1.PodSucceeded, "w")
		expectAllEnded(end, map[string]int32{"w": 0}, story)
		// If SIGTERM comes before the process handles it, the code differs, but the end is
		// still bad.
		Expect(pod.Status(end, "sidecar").State.Terminated).To(HaveValue(HaveField("ExitCode", Not(BeZero()))), "the sidecar must have stopped and ended badly when the Pod is Succeeded\n%s", story)
		Expect(story).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning, corev1.PodSucceeded))
	})
})

var _ = Describe("A Pod that is Succeeded or Failed", func() {
	ns := spec.Namespace()

	It("stays so, and none of its containers is started again", claim.Proves("PHASE-SUC-03"), func(ctx SpecContext) {
		// The kubelet drops a status in which a container runs again that must not be
		// restarted. So the containers themselves report their starts to a collector.
		collector := startCollector(ctx, ns)
		succeeded := spec.Must(ns.Create(ctx, pod.New("succeeded", collector.node, pod.Restart(corev1.RestartPolicyNever),
			ns.Sidecar("sidecar", collector.tells("succeeded-sidecar")),
			ns.Witness("w", collector.tells("succeeded-w", witness.For(short))))))
		// Only the phase prevents a restart of this one, not the policy.
		failed := spec.Must(ns.Create(ctx, pod.New("failed", collector.node, pod.Restart(corev1.RestartPolicyAlways), ns.Witness("w", collector.tells("failed-w")))))
		spec.Must(ns.AwaitStarted(ctx, failed, "w"))
		passDeadline(ctx, ns, failed)
		awaitEnd(ctx, succeeded, corev1.PodSucceeded, "w")
		spec.Must(failed.AwaitWithin(ctx, settled, failedByDeadline("w")))

		By("giving the kubelet a reason to check them again")
		for _, story := range []*journal.Story{succeeded, failed} {
			lookAgain(ctx, ns, story)
		}
		// The kubelet gets these changes before it gets a Pod that is created later.
		// When it has restarted that Pod twice, the second time after a delay of 10 s,
		// it has also cleaned up after Pods several times (every 2 s) and asked the
		// runtime for all containers (every second).
		control := spec.Must(ns.Create(ctx, pod.New("control", collector.node, ends(ns, "w", 1))))
		if _, err := control.Await(ctx, pod.Restarted("w", 2)); err != nil {
			claim.Inconclusive("the Pod created later was not restarted twice in time, so it is unknown whether the kubelet has checked the ended Pods")
			spec.Do(err)
		}

		for _, story := range []*journal.Story{succeeded, failed} {
			Expect(changeAfterEnd(story.Versions())).To(Succeed(), "a Pod that has ended must not change\n%s", story)
			for _, container := range allContainers(story.Last()) {
				collector.expectOneStart(ctx, ns, story, container.Name)
			}
		}
	})
})

// collector is a Pod that hears of the starts of processes on its node.
type collector struct {
	story *journal.Story
	ip    string
	node  pod.Option
}

// heard is the collector's UDP port.
const heard = 8081

func startCollector(ctx SpecContext, ns *spec.Space) collector {
	GinkgoHelper()
	story := spec.Must(ns.Create(ctx, pod.New("collector", ns.Witness("w", witness.Collect(port, heard), pod.Readiness(pod.HTTPGet(port, "/info"))))))
	ready := spec.Must(story.Await(ctx, pod.Ready())).Pod
	return collector{story, ready.Status.PodIP, pod.OnNode(ready.Spec.NodeName)}
}

// tells is a process that reports all that it does under that name.
func (c collector) tells(id string, options ...witness.RunOption) []string {
	return witness.Run(append(options, witness.ID(id), witness.BeatTo(c.ip, heard))...)
}

// expectOneStart expects a process to have reported exactly one start.
func (c collector) expectOneStart(ctx SpecContext, ns *spec.Space, story *journal.Story, container string) {
	GinkgoHelper()
	var told record.Series
	spec.Do(json.Unmarshal(spec.Must(ns.Get(ctx, c.story, port, "/series", map[string]string{"id": story.Name() + "-" + container})), &told))
	if told.Count("") == 0 {
		spec.Inconclusive("nothing that container %s of Pod %s sent has reached the collector", container, story.Name())
	}
	Expect(told.Count(record.Start)).To(Equal(1), "the process of container %s in Pod %s must have reported exactly one start to the collector\n%s", container, story.Name(), story)
}
