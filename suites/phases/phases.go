// Package phases holds the specs on what each phase of a Pod means.
package phases

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	// short is how long a container lives before it ends: long enough for the
	// kubelet to see it run.
	short = 300 * time.Millisecond
	// settled is how long the kubelet may take to report the state of a Pod. It needs a
	// second or two, a very busy machine more than half a minute.
	settled = time.Minute
	// port is the port of a witness that serves.
	port = 8080
)

var _ = Describe("A Pod's phase", func() {
	ns := spec.Namespace()

	It("is one of the four also while the Pod is being deleted", claim.Proves("PHASE-00"), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("lingering", ns.Witness("w", witness.Run(witness.OnTerm(witness.LingerThen(lingers, 0)))))))
		spec.Must(ns.AwaitStarted(ctx, story, "w"))
		asked := time.Now()
		spec.Do(ns.Delete(ctx, story, -1))
		deleted := spec.Must(story.Await(ctx, pod.BeingDeleted()))
		Expect(deleted.Pod.Status.Phase).To(Equal(corev1.PodRunning), "a Pod whose process lingers must still be Running when its deletion begins\n%s", story)

		cells, shown, err := ns.Row(ctx, story.Name())
		if time.Since(asked) >= lingers {
			spec.TooBusy("the Pod could not be checked within the %s that its process lingers", lingers)
		}
		spec.Do(err)
		Expect(cells["Status"]).To(Equal("Terminating"), "kubectl must show a Pod that is being deleted as Terminating\n%s", story)
		Expect(shown.Status.Phase).To(Equal(corev1.PodRunning), "Terminating must not be a phase\n%s", story)

		spec.Must(story.AwaitGone(ctx))
		Expect(story).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning, corev1.PodSucceeded))
	})

	It("is Pending or Failed while a Pod that never got a node is being deleted", claim.Proves("PHASE-00").Waiting(0), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("unbound", pod.Gated(), pod.Held(), ns.Witness("w", witness.Run()))))
		spec.Must(story.Await(ctx, notScheduled(corev1.PodReasonSchedulingGated)))
		spec.Do(ns.Delete(ctx, story, -1))
		spec.Must(story.Await(ctx, pod.BeingDeleted()))
		cells, shown, err := ns.Row(ctx, story.Name())
		spec.Do(err)
		// The garbage collector of Pods makes it Failed in its next round, at any time
		// within 20 s.
		if shown.Status.Phase == corev1.PodPending {
			Expect(cells["Status"]).To(Equal("Terminating"), "kubectl must show a Pod that is being deleted as Terminating\n%s", story)
		}
		Expect(story).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodFailed))
	})
})

// ends is a container that lives for a short time and then ends with the code, in each of
// its instances.
func ends(ns *spec.Space, name string, code int) pod.Option {
	return ns.Witness(name, witness.Run(witness.For(short), witness.ExitCode(code)))
}

// awaitEnd waits until the containers have ended, and then for the phase.
func awaitEnd(ctx SpecContext, story *journal.Story, phase corev1.PodPhase, containers ...string) *corev1.Pod {
	GinkgoHelper()
	for _, c := range containers {
		spec.Must(story.Await(ctx, pod.ContainerTerminated(c)))
	}
	return spec.Must(story.AwaitWithin(ctx, settled, pod.InPhase(phase))).Pod
}

// expectAllEnded checks the exit codes of the containers, each in its first instance.
func expectAllEnded(p *corev1.Pod, codes map[string]int32, story *journal.Story) {
	GinkgoHelper()
	for container, code := range codes {
		s := pod.Status(p, container)
		Expect(s).NotTo(BeNil(), "container %s must have a status\n%s", container, story)
		Expect(s.State.Terminated).NotTo(BeNil(), "container %s must have ended when the Pod is %s\n%s", container, p.Status.Phase, story)
		Expect(s.State.Terminated.ExitCode).To(Equal(code), "exit code of container %s\n%s", container, story)
		Expect(s.RestartCount).To(BeZero(), "container %s must not have been restarted\n%s", container, story)
	}
}

// patch changes the story's Pod by a JSON merge patch.
func patch(ctx SpecContext, ns *spec.Space, story *journal.Story, change string) {
	GinkgoHelper()
	_, err := ns.API.Client.CoreV1().Pods(ns.Name()).Patch(ctx, story.Name(), types.MergePatchType, []byte(change), metav1.PatchOptions{})
	spec.Do(err)
}

// lookAgain gives the kubelet a reason to check the story's Pod now.
func lookAgain(ctx SpecContext, ns *spec.Space, story *journal.Story) {
	GinkgoHelper()
	patch(ctx, ns, story, `{"metadata":{"annotations":{"podproof.test/look":"again"}}}`)
}

func haveCondition(kind corev1.PodConditionType, status corev1.ConditionStatus) OmegaMatcher {
	return HaveField("Status.Conditions", ContainElement(And(HaveField("Type", kind), HaveField("Status", status))))
}
