package phases

import (
	"slices"
	"strconv"
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
)

var _ = Describe("A Pod is Running", func() {
	ns := spec.Namespace()

	It("only on a node", claim.Proves("PHASE-RUN-01"), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("gated", pod.Gated(), ns.Witness("w", witness.Run()))))
		waits := spec.Must(story.Await(ctx, notScheduled(corev1.PodReasonSchedulingGated)))
		Expect(waits.Pod.Status.Phase).To(Equal(corev1.PodPending), "a Pod that may not be scheduled yet must be Pending\n%s", story)
		Expect(waits.Pod.Spec.NodeName).To(BeEmpty(), "a Pod that may not be scheduled yet must be on no node\n%s", story)

		By("removing the scheduling gate")
		patch(ctx, ns, story, `{"spec":{"schedulingGates":null}}`)
		running := spec.Must(story.AwaitAfter(ctx, waits, pod.InPhase(corev1.PodRunning))).Pod
		Expect(running.Spec.NodeName).NotTo(BeEmpty(), "a Running Pod must be on a node\n%s", story)
		Expect(running).To(haveCondition(corev1.PodScheduled, corev1.ConditionTrue), "a Running Pod must have condition PodScheduled=True\n%s", story)
		spec.Must(story.Await(ctx, pod.Ready()))
		Expect(story).To(pod.NeverBe(runningNowhere))
	})

	It("while none of its containers runs and a failed one waits to be restarted, as often as that happens", claim.Proves("PHASE-RUN-03"), claim.Proves("PHASE-FAIL-01").Waiting(10*time.Second), claim.Proves("LC-03").Waiting(10*time.Second), func(ctx SpecContext) {
		var stories []*journal.Story
		for _, policy := range []corev1.RestartPolicy{corev1.RestartPolicyAlways, corev1.RestartPolicyOnFailure} {
			stories = append(stories, spec.Must(ns.Create(ctx, pod.New("restarted-"+strings.ToLower(string(policy)), pod.Restart(policy), ends(ns, "w", 1), ends(ns, "good", 0)))))
		}
		for _, story := range stories {
			// The second restart comes after a delay of 10 s, and each later one
			// after twice the previous delay. No container runs during these
			// delays. A kubelet that is too slow to report one delay reports a
			// longer one. Under OnFailure the good container has ended for good.
			spec.Must(story.Await(ctx, pod.ContainerTerminated("w")))
			waits := spec.Must(story.AwaitWithin(ctx, settled, pod.All(awaitsRestart("w", 1), awaitsRestart("good", 0)))).Pod
			Expect(waits.Status.Phase).To(Equal(corev1.PodRunning), "a Pod of which no container runs while one waits for its restart must be Running\n%s", story)
			restarts := pod.Status(waits, "w").RestartCount
			spec.Must(story.Await(ctx, pod.Restarted("w", restarts+1)))
			Expect(story).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning))
		}
	})

	It("while one container runs, however another one has ended", claim.Proves("PHASE-RUN-04"), claim.Proves("PHASE-FAIL-02"), func(ctx SpecContext) {
		// Neither the init container nor the sidecar, which end well, change how the
		// containers count.
		lastBadly := spec.Must(ns.Create(ctx, pod.New("last-badly", pod.Restart(corev1.RestartPolicyNever),
			ns.InitContainer("init", witness.Run(witness.For(0))),
			ns.Sidecar("sidecar", witness.Run(witness.OnTerm(witness.ExitWith(0)))),
			ends(ns, "first", 0), ends(ns, "second", 1))))
		story := endOneAfterTheOther(ctx, ns, 1, false)
		last := awaitEnd(ctx, story, corev1.PodFailed, "soon", "late")
		expectAllEnded(last, map[string]int32{"soon": 1, "late": 0}, story)
		Expect(story).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning, corev1.PodFailed))

		By("checking a Pod whose first container ended well")
		last = awaitEnd(ctx, lastBadly, corev1.PodFailed, "first", "second")
		expectAllEnded(last, map[string]int32{"first": 0, "second": 1}, lastBadly)
		Expect(lastBadly).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning, corev1.PodFailed))
	})
})

// runningNowhere is a state that no Pod may ever have.
var runningNowhere = journal.State{
	Text: "to be Running without a node or without the condition PodScheduled",
	Holds: func(p *corev1.Pod) bool {
		scheduled := pod.Condition(corev1.PodScheduled, corev1.ConditionTrue, "")
		return p.Status.Phase == corev1.PodRunning && (p.Spec.NodeName == "" || !scheduled.Holds(p))
	},
}

// awaitsRestart holds while a container does not run that has been restarted at least
// that often.
func awaitsRestart(container string, restarts int32) journal.State {
	return journal.State{
		Text: "to have container " + container + " not running after restart " + strconv.Itoa(int(restarts)) + " or a later one",
		Holds: func(p *corev1.Pod) bool {
			s := pod.Status(p, container)
			return s != nil && s.RestartCount >= restarts && s.State.Running == nil
		},
		Never: func(p *corev1.Pod) string {
			if ended(p) {
				return "phase " + string(p.Status.Phase) + " is final"
			}
			return ""
		},
	}
}

// endOneAfterTheOther runs two containers that are never restarted, in this order or the
// other way round. It waits until one of them, "soon", ends with the code while the other
// one, "late", keeps running, checks that the phase is Running, and then makes the other
// one end with 0.
func endOneAfterTheOther(ctx SpecContext, ns *spec.Space, code int, lateFirst bool) *journal.Story {
	GinkgoHelper()
	containers := []pod.Option{
		ends(ns, "soon", code),
		ns.Witness("late", witness.Serve(witness.HTTP(port)), pod.Readiness(pod.HTTPGet(port, "/"))),
	}
	if lateFirst {
		slices.Reverse(containers)
	}
	story := spec.Must(ns.Create(ctx, pod.New("two", append(containers, pod.Restart(corev1.RestartPolicyNever))...)))
	between := spec.Must(story.Await(ctx, pod.All(pod.ContainerTerminated("soon"), pod.ContainerRunning("late")))).Pod
	Expect(between.Status.Phase).To(Equal(corev1.PodRunning), "a Pod with a running container must be Running, however another container ended\n%s", story)
	// A kubelet that considers the Pod ended reports this only after it has stopped the
	// other container too. Three probe periods are long enough for it to begin.
	probes := len(witness.Probes(spec.Must(ns.Log(ctx, story, "late", false)), "/"))
	lines := spec.Must(ns.FollowLog(ctx, story, "late", "three more probes, or a signal", func(lines []record.Line) bool {
		return len(witness.Probes(lines, "/")) >= probes+3 || witness.Count(lines, record.Signal) > 0
	}))
	Expect(witness.Count(lines, record.Signal)).To(BeZero(), "the running container must get no signal, however another container ended\n%s", story)
	Expect(story).To(pod.BeNow(pod.InPhase(corev1.PodRunning)))
	spec.Must(ns.Get(ctx, story, port, "/exit", exitWith(0)))
	return story
}

func exitWith(code int) map[string]string { return map[string]string{"code": strconv.Itoa(code)} }
