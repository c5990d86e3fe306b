package deletion

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/namespace"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// shownFor is how long the Pods here take to end, in seconds: long enough to look at
// them meanwhile, even on a busy machine.
const shownFor = 5

// heldPod is a Pod that a finalizer keeps in the API after its end.
type heldPod struct {
	pod     *corev1.Pod
	running []string      // containers that handle SIGTERM when the Pod is deleted
	when    journal.State // when it is deleted
	grace   int64         // of the request; -1 leaves it to the Pod
	during  corev1.PodPhase
	after   corev1.PodPhase
	exits   map[string]int32
	status  string // after the end; "" if it is not checked
	ignores string // the container that ignores SIGTERM and so stays visible
	story   *journal.Story
}

// held are Pods that end in all ways: with containers that obey, ignore SIGTERM or have
// failed before, in an init container, and after a forced deletion.
func (s space) held() []*heldPod {
	stays := witness.Run(witness.OnTerm(witness.Ignore))
	keep := []pod.Option{pod.Held(), pod.Grace(shownFor)}
	return []*heldPod{
		{pod: pod.New("runs", append(keep, s.Witness("fails", witness.Run(witness.For(0), witness.ExitCode(4))),
			s.Witness("obeys", witness.Run(witness.OnTerm(witness.ExitWith(3)))), s.Witness("ignores", stays))...),
			running: []string{"obeys", "ignores"}, when: betweenInstances("fails"), grace: -1, during: corev1.PodRunning, after: corev1.PodFailed,
			exits: map[string]int32{"fails": 4, "obeys": 3, "ignores": 137}, status: "Error", ignores: "ignores"},
		{pod: pod.New("initialises", append(keep, s.InitContainer("init", stays), s.Witness("w", stays))...),
			running: []string{"init"}, when: pod.ContainerRunning("init"), grace: -1, during: corev1.PodPending, after: corev1.PodFailed,
			exits: map[string]int32{"init": 137}, ignores: "init"},
		{pod: pod.New("obeys", append(keep, s.Witness("w", witness.Run(witness.OnTerm(witness.LingerThen(time.Second, 0)))))...),
			running: []string{"w"}, when: pod.AllRunning(), grace: -1, during: corev1.PodRunning, after: corev1.PodSucceeded,
			exits: map[string]int32{"w": 0}, status: "Completed"},
		{pod: pod.New("forced", append(keep, s.Witness("w", stays))...),
			running: []string{"w"}, when: pod.AllRunning(), grace: 0, during: corev1.PodRunning, after: corev1.PodFailed,
			exits: map[string]int32{"w": 137}, status: "Error"},
	}
}

// betweenInstances holds while the container waits for its second restart, which comes
// after 10 s.
func betweenInstances(container string) journal.State {
	running, restarted := pod.ContainerRunning(container), pod.Restarted(container, 1)
	return journal.State{
		Text:  "to have ended container " + container + " again after a restart",
		Holds: func(p *corev1.Pod) bool { return restarted.Holds(p) && !running.Holds(p) },
		Never: restarted.Never,
	}
}

// deleteHeld deletes the Pod, and looks at it while it ends.
func (s space) deleteHeld(ctx SpecContext, h *heldPod) {
	GinkgoHelper()
	spec.Do(s.Delete(ctx, h.story, h.grace))
	if h.ignores == "" {
		return
	}
	cells, shown, err := s.Row(ctx, h.pod.Name)
	spec.Do(err)
	Expect(shown.DeletionTimestamp).NotTo(BeNil(), "a Pod must have a deletionTimestamp once its deletion is answered\n%s", h.story)
	Expect(shown.Status.Phase).To(Equal(h.during), "the phase of the Pod %s must not change while its containers are being stopped\n%s", h.pod.Name, h.story)
	Expect(cells["Status"]).To(Equal("Terminating"), "STATUS of the deleted Pod %s must be Terminating until it has ended, in phase %s\n%s", h.pod.Name, h.during, h.story)
}

// expectHeld checks the Pod when it has ended and is still there.
func (s space) expectHeld(ctx SpecContext, h *heldPod) {
	GinkgoHelper()
	end := spec.Must(h.story.AwaitWithin(ctx, shownFor*time.Second+overdue, letGo))
	Expect(h.story.Deleted()).To(BeFalse(), "a finalizer must keep the Pod %s in the API\n%s", h.pod.Name, h.story)
	Expect(end.Pod.Status.Phase).To(Equal(h.after), "the Pod %s must end in the phase that its exit codes call for\n%s", h.pod.Name, h.story)
	if h.ignores != "" {
		// The status of a container can also be wrong: a running container accepts a command.
		_, err := s.ExecWith(ctx, h.story, namespace.Execution{Container: h.ignores, Command: witness.Command(witness.Version())})
		Expect(err).To(HaveOccurred(), "the containers of the Pod %s must have stopped when it is %s, but container %s still ran a command\n%s", h.pod.Name, h.after, h.ignores, h.story)
	}
	first := spec.Must(h.story.Await(ctx, pod.InPhase(h.after))).Pod
	for container, code := range h.exits {
		Expect(pod.Status(first, container).State.Running).To(BeNil(), "the phase of the Pod %s must not change until its containers have stopped, but container %s still ran when it was %s\n%s", h.pod.Name, container, h.after, h.story)
		Expect(pod.Status(end.Pod, container).State.Terminated).To(HaveValue(HaveField("ExitCode", code)), "container %s of the Pod %s must have stopped and must keep its exit code\n%s", container, h.pod.Name, h.story)
	}
	phases := []corev1.PodPhase{corev1.PodPending, corev1.PodRunning, h.after}
	if h.during == corev1.PodPending {
		phases = []corev1.PodPhase{corev1.PodPending, h.after}
	}
	Expect(h.story).To(pod.HaveOnlyPhases(phases...), "deletion must not add a phase")
	if h.status != "" {
		cells, _, err := s.Row(ctx, h.pod.Name)
		spec.Do(err)
		Expect(cells["Status"]).To(Equal(h.status), "STATUS of the Pod %s must no longer be Terminating but show how the Pod ended, in phase %s\n%s", h.pod.Name, h.after, h.story)
	}
}

// release removes the finalizer, and checks what the Pod was last.
func (s space) release(ctx SpecContext, h *heldPod) {
	GinkgoHelper()
	_, err := s.API.Client.CoreV1().Pods(s.Name()).Patch(ctx, h.story.Name(), types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
	spec.Do(err)
	s.expectGone(ctx, h.story, "when its last finalizer is removed")
	gone := spec.Must(h.story.AwaitGone(ctx)).Pod
	Expect(gone.Status.Phase).To(Equal(h.after), "the DELETED version of the Pod %s must have the final phase\n%s", h.pod.Name, h.story)
	for container, code := range h.exits {
		Expect(pod.Status(gone, container).State.Terminated).To(HaveValue(HaveField("ExitCode", code)), "the DELETED version of the Pod %s must have the exit code of container %s\n%s", h.pod.Name, container, h.story)
	}
}
