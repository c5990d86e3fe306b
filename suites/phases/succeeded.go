package phases

import (
	"encoding/json"

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

	It("when its container ends with 0, unless its policy is Always", claim.Proves("PHASE-SUC-01"), func(ctx SpecContext) {
		start := func(name string, policy corev1.RestartPolicy) *journal.Story {
			return spec.Must(ns.Create(ctx, pod.New(name, pod.Restart(policy), ends(ns, "w", 0))))
		}
		always := start("always", corev1.RestartPolicyAlways)
		for _, story := range []*journal.Story{start("on-failure", corev1.RestartPolicyOnFailure), start("never", corev1.RestartPolicyNever)} {
			end := awaitEnd(ctx, story, corev1.PodSucceeded, "w")
			expectAllEnded(end, map[string]int32{"w": 0}, story)
			Expect(story).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning, corev1.PodSucceeded))
		}
		// After its second end the container has to wait for 10 s, so the kubelet reports
		// the state of the Pod meanwhile.
		spec.Must(always.Await(ctx, pod.ContainerTerminated("w")))
		spec.Must(always.AwaitWithin(ctx, settled, awaitsRestart("w", 1)))
		Expect(always).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning))
		Expect(pod.ExitCodes(always, "w")).To(HaveEach(int32(0)), "each instance must have ended with 0\n%s", always)
	})

	It("or Failed, by its exit code, when it is deleted, also under Always", claim.Proves("PHASE-SUC-01"), claim.Proves("PHASE-FAIL-01").Waiting(0), func(ctx SpecContext) {
		start := func(name string, code int) *journal.Story {
			return spec.Must(ns.Create(ctx, pod.New(name, pod.Held(), pod.Restart(corev1.RestartPolicyAlways),
				ns.Witness("w", witness.Run(witness.OnTerm(witness.ExitWith(code)))))))
		}
		cases := []struct {
			story *journal.Story
			code  int32
			phase corev1.PodPhase
		}{
			{start("well", 0), 0, corev1.PodSucceeded},
			{start("badly", 1), 1, corev1.PodFailed},
		}
		for _, c := range cases {
			spec.Must(ns.AwaitStarted(ctx, c.story, "w"))
			spec.Do(ns.Delete(ctx, c.story, -1))
		}
		for _, c := range cases {
			end := awaitEnd(ctx, c.story, c.phase, "w")
			expectAllEnded(end, map[string]int32{"w": c.code}, c.story)
			Expect(c.story).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning, c.phase))
		}
	})

	It("when the last container has ended with 0", claim.Proves("PHASE-SUC-02"), func(ctx SpecContext) {
		story := endOneAfterTheOther(ctx, ns, 0)
		last := awaitEnd(ctx, story, corev1.PodSucceeded, "first", "second")
		expectAllEnded(last, map[string]int32{"first": 0, "second": 0}, story)
		Expect(story).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning, corev1.PodSucceeded))
	})

	It("however its sidecar ends after that", claim.Proves("PHASE-SUC-02").Waiting(0), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("helped", pod.Restart(corev1.RestartPolicyNever),
			pod.Sidecar("sidecar", ns.Cluster.WitnessImage, witness.Run(witness.OnTerm(witness.ExitWith(1)))),
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
		const heard = 8081
		collector := spec.Must(ns.Create(ctx, pod.New("collector", ns.Witness("w", witness.Collect(port, heard), pod.Readiness(pod.HTTPGet(port, "/info"))))))
		ready := spec.Must(collector.Await(ctx, pod.Ready())).Pod
		node := pod.OnNode(ready.Spec.NodeName)
		start := func(name string, policy corev1.RestartPolicy, options ...witness.RunOption) *journal.Story {
			options = append(options, witness.ID(name), witness.BeatTo(ready.Status.PodIP, heard))
			return spec.Must(ns.Create(ctx, pod.New(name, node, pod.Restart(policy), ns.Witness("w", witness.Run(options...)))))
		}
		succeeded := start("succeeded", corev1.RestartPolicyNever, witness.For(short))
		// Only the phase prevents a restart of this one, not the policy.
		failed := start("failed", corev1.RestartPolicyAlways)
		spec.Must(ns.AwaitStarted(ctx, failed, "w"))
		patch(ctx, ns, failed, `{"spec":{"activeDeadlineSeconds":1}}`)
		awaitEnd(ctx, succeeded, corev1.PodSucceeded, "w")
		spec.Must(failed.AwaitWithin(ctx, settled, failedByDeadline))

		By("giving the kubelet a reason to check them again")
		for _, story := range []*journal.Story{succeeded, failed} {
			lookAgain(ctx, ns, story)
		}
		// The kubelet gets these changes before it gets a Pod that is created later.
		// When it has restarted that Pod twice, the second time after a delay of 10 s,
		// it has also cleaned up after Pods several times (every 2 s) and asked the
		// runtime for all containers (every second).
		control := spec.Must(ns.Create(ctx, pod.New("control", node, ends(ns, "w", 1))))
		if _, err := control.Await(ctx, pod.Restarted("w", 2)); err != nil {
			claim.Inconclusive("the Pod created later was not restarted twice in time, so it is unknown whether the kubelet has checked the ended Pods")
			spec.Do(err)
		}

		for _, story := range []*journal.Story{succeeded, failed} {
			Expect(changeAfterEnd(story.Versions())).To(Succeed(), "a Pod that has ended must not change\n%s", story)
			var told record.Series
			spec.Do(json.Unmarshal(spec.Must(ns.Get(ctx, collector, port, "/series", map[string]string{"id": story.Name()})), &told))
			if told.Count("") == 0 {
				claim.Inconclusive("nothing that Pod " + story.Name() + " sent has reached the collector")
			}
			Expect(told.Count(record.Start)).To(Equal(1), "the process in Pod %s must have reported exactly one start to the collector\n%s", story.Name(), story)
		}
	})
})
