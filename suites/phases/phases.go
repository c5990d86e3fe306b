// Package phases holds the specs on what each phase of a Pod means.
package phases

import (
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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// absentImage is an image that no node has: the name is under a top-level
// domain that is reserved for tests.
const absentImage = "podproof.test/absent:v1"

// probed is how long a Pod is watched to see that nothing happens to it: three
// periods of a probe, see endOneAfterTheOther.
const probed = 3 * time.Second

// neverPulled makes the kubelet give up on a missing image at once, without a
// pull.
func neverPulled(c *corev1.Container) { c.ImagePullPolicy = corev1.PullNever }

var _ = Describe("A Pod's phase", func() {
	ns := spec.Namespace()

	It("is one of the four also while the Pod is being deleted", claim.Proves("PHASE-00"), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("lingering", ns.Witness("w", witness.Run(witness.OnTerm(witness.LingerThen(2*time.Second, 0)))))))
		spec.Must(story.Await(ctx, pod.ContainerRunning("w")))
		spec.Do(ns.Delete(ctx, story, -1))
		deleted := spec.Must(story.Await(ctx, pod.BeingDeleted()))
		Expect(deleted.Pod.Status.Phase).To(Equal(corev1.PodRunning), "a Pod whose process lingers must still be Running when its deletion begins\n%s", story)

		cells, shown, err := ns.Row(ctx, story.Name())
		spec.Do(err)
		Expect(cells["Status"]).To(Equal("Terminating"), "kubectl must show a Pod that is being deleted as Terminating\n%s", story)
		Expect(shown.Status.Phase).To(Equal(corev1.PodRunning), "Terminating must be no phase\n%s", story)

		spec.Must(story.AwaitGone(ctx))
		Expect(story).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning, corev1.PodSucceeded))
	})

	It("is Pending while no node can take the Pod", claim.Proves("PHASE-PEND-02"), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("unschedulable", pod.NodeSelector("podproof.test/no-node-has", "this"), ns.Witness("w", witness.Run()))))
		waits := pod.Condition(corev1.PodScheduled, corev1.ConditionFalse, corev1.PodReasonUnschedulable)
		waits.Never = func(p *corev1.Pod) string {
			if p.Spec.NodeName != "" {
				return "it is bound to a node"
			}
			return ""
		}
		p := spec.Must(story.Await(ctx, waits)).Pod
		Expect(p.Status.Phase).To(Equal(corev1.PodPending), "a Pod that no node can take must be Pending\n%s", story)
		Expect(p.Spec.NodeName).To(BeEmpty(), "a Pod that cannot be scheduled must be on no node\n%s", story)
		Expect(story).To(pod.AlwaysBe(pod.InPhase(corev1.PodPending)))
	})

	It("is Pending on a node, too, until the image of its container can be had", claim.Proves("PHASE-PEND-02"), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("bound", pod.Container("w", absentImage, nil, neverPulled))))
		p := spec.Must(story.Await(ctx, pod.ContainerWaiting("w", "ErrImageNeverPull"))).Pod
		Expect(p.Status.Phase).To(Equal(corev1.PodPending), "a bound Pod whose container cannot be created must be Pending\n%s", story)
		Expect(p.Spec.NodeName).NotTo(BeEmpty(), "the Pod must be on a node while its image cannot be had\n%s", story)
		Expect(p).To(haveCondition(corev1.PodScheduled, corev1.ConditionTrue), "a Pod on a node must have condition PodScheduled=True\n%s", story)
		Expect(story).To(pod.AlwaysBe(pod.InPhase(corev1.PodPending)))

		By("giving the container an image that is there")
		setImage(ctx, ns, story, 0)
		spec.Must(story.Await(ctx, pod.InPhase(corev1.PodRunning)))
	})

	It("becomes Running only when every container has been created", claim.Proves("PHASE-RUN-02"), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("half-created",
			ns.Witness("there", witness.Run()),
			pod.Container("missing", absentImage, witness.Run(), neverPulled),
		)))
		half := spec.Must(story.Await(ctx, pod.All(pod.ContainerRunning("there"), pod.ContainerWaiting("missing", "ErrImageNeverPull"))))
		Expect(half.Pod.Status.Phase).To(Equal(corev1.PodPending), "a Pod with a container that was never created must not be Running\n%s", story)
		Expect(story).To(pod.NeverBe(pod.InPhase(corev1.PodRunning)))

		By("giving the missing container an image that is there")
		setImage(ctx, ns, story, 1)
		running := spec.Must(story.Await(ctx, pod.InPhase(corev1.PodRunning))).Pod
		for _, c := range []string{"there", "missing"} {
			Expect(pod.Status(running, c)).To(HaveField("ContainerID", Not(BeEmpty())), "container %s must have been created when the Pod is Running\n%s", c, story)
		}
	})

	It("becomes Succeeded when the last container has ended with 0", claim.Proves("PHASE-SUC-02").Waiting(probed), func(ctx SpecContext) {
		story := endOneAfterTheOther(ctx, ns, 0)
		last := spec.Must(story.Await(ctx, pod.InPhase(corev1.PodSucceeded))).Pod
		expectAllEnded(last, map[string]int32{"first": 0, "second": 0}, story)
		Expect(story).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning, corev1.PodSucceeded))
	})

	It("becomes Failed when all containers have ended and one of them badly", claim.Proves("PHASE-FAIL-02").Waiting(probed), func(ctx SpecContext) {
		story := endOneAfterTheOther(ctx, ns, 1)
		last := spec.Must(story.Await(ctx, pod.InPhase(corev1.PodFailed))).Pod
		expectAllEnded(last, map[string]int32{"first": 1, "second": 0}, story)
		Expect(story).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning, corev1.PodFailed))
	})
})

// endOneAfterTheOther runs two containers that are never restarted, sees the
// first one end with the code while the second one goes on, in phase Running,
// and then tells the second one to end with 0.
func endOneAfterTheOther(ctx SpecContext, ns *spec.Space, code int) *journal.Story {
	GinkgoHelper()
	const port = 8080
	story := spec.Must(ns.Create(ctx, pod.New("two", pod.Restart(corev1.RestartPolicyNever),
		ns.Witness("first", witness.Run(witness.For(300*time.Millisecond), witness.ExitCode(code))),
		ns.Witness("second", witness.Serve(witness.HTTP(port)), pod.Readiness(pod.HTTPGet(port, "/"))),
	)))
	between := spec.Must(story.Await(ctx, pod.All(pod.ContainerTerminated("first"), pod.ContainerRunning("second")))).Pod
	Expect(between.Status.Phase).To(Equal(corev1.PodRunning), "a Pod with a container that runs must be Running, however another one ended\n%s", story)
	// A kubelet that takes the Pod for ended says so only when it has stopped
	// the other container too; three probe periods are long enough to begin.
	probes := len(witness.Probes(spec.Must(ns.Log(ctx, story, "second", false)), "/"))
	lines := spec.Must(ns.FollowLog(ctx, story, "second", "three more probes, or a signal", func(lines []record.Line) bool {
		return len(witness.Probes(lines, "/")) >= probes+3 || witness.Count(lines, record.Signal) > 0
	}))
	Expect(witness.Count(lines, record.Signal)).To(BeZero(), "the container that runs must be left alone, however another one ended\n%s", story)
	spec.Must(ns.Get(ctx, story, port, "/exit", map[string]string{"code": "0"}))
	return story
}

func expectAllEnded(p *corev1.Pod, codes map[string]int32, story *journal.Story) {
	GinkgoHelper()
	for container, code := range codes {
		s := pod.Status(p, container)
		Expect(s).NotTo(BeNil())
		Expect(s.State.Terminated).NotTo(BeNil(), "container %s must have ended when the Pod is %s\n%s", container, p.Status.Phase, story)
		Expect(s.State.Terminated.ExitCode).To(Equal(code), "exit code of container %s\n%s", container, story)
		Expect(s.RestartCount).To(BeZero(), "container %s must not have been restarted\n%s", container, story)
	}
}

// setImage gives a container, by its place, the witness image.
func setImage(ctx SpecContext, ns *spec.Space, story *journal.Story, place int) {
	GinkgoHelper()
	patch := `[{"op":"replace","path":"/spec/containers/` + string(rune('0'+place)) + `/image","value":"` + ns.Cluster.WitnessImage + `"}]`
	_, err := ns.API.Client.CoreV1().Pods(ns.Name()).Patch(ctx, story.Name(), types.JSONPatchType, []byte(patch), metav1.PatchOptions{})
	spec.Do(err)
}

func haveCondition(kind corev1.PodConditionType, status corev1.ConditionStatus) OmegaMatcher {
	return HaveField("Status.Conditions", ContainElement(And(HaveField("Type", kind), HaveField("Status", status))))
}
