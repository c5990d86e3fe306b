package deletion

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/namespace"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// shownFor is how long the Pods here take to end, in seconds: long enough to look at
// them meanwhile, even on a busy machine.
const shownFor = 5

// overdue is how long after its grace period a Pod may end before the kubelet has
// failed. On a busy machine the end takes a few seconds.
const overdue = 30 * time.Second

var _ = Describe("A Pod that is being deleted", func() {
	ns := space{spec.Namespace()}

	It("is Terminating in the STATUS column only, and goes on to a terminal phase that a finalizer keeps", claim.Proves("DELETE-01"), claim.Proves("DELETE-09"), claim.Proves("DELETE-11"), func(ctx SpecContext) {
		stays := witness.Run(witness.OnTerm(witness.Ignore))
		keep := []pod.Option{pod.Held(), pod.Grace(shownFor)}
		cases := []struct {
			pod     *corev1.Pod
			when    journal.State
			during  corev1.PodPhase
			after   corev1.PodPhase
			exits   map[string]int32
			status  string // after the end; "" if it is not checked
			ignores string // the container that ignores SIGTERM and so stays visible
		}{
			{pod: pod.New("runs", append(keep, ns.Witness("obeys", witness.Run(witness.OnTerm(witness.ExitWith(3)))), ns.Witness("ignores", stays))...),
				when: pod.AllRunning(), during: corev1.PodRunning, after: corev1.PodFailed, exits: map[string]int32{"obeys": 3, "ignores": 137}, status: "Error", ignores: "ignores"},
			{pod: pod.New("initialises", append(keep, pod.InitContainer("init", ns.Cluster.WitnessImage, stays), ns.Witness("w", stays))...),
				when: pod.ContainerRunning("init"), during: corev1.PodPending, after: corev1.PodFailed, exits: map[string]int32{"init": 137}, ignores: "init"},
			{pod: pod.New("obeys", append(keep, ns.Witness("w", witness.Run(witness.OnTerm(witness.LingerThen(time.Second, 0)))))...),
				when: pod.AllRunning(), during: corev1.PodRunning, after: corev1.PodSucceeded, exits: map[string]int32{"w": 0}, status: "Completed"},
		}
		stories := map[string]*journal.Story{}
		for _, c := range cases {
			stories[c.pod.Name] = spec.Must(ns.Create(ctx, c.pod))
		}
		for _, c := range cases {
			spec.Must(stories[c.pod.Name].Await(ctx, c.when))
			for container := range c.exits {
				spec.Must(ns.AwaitStarted(ctx, stories[c.pod.Name], container))
			}
		}

		By("checking them while they end")
		for _, c := range cases {
			story := stories[c.pod.Name]
			spec.Do(ns.Delete(ctx, story, -1))
			if c.ignores == "" {
				continue
			}
			cells, shown, err := ns.Row(ctx, c.pod.Name)
			spec.Do(err)
			Expect(shown.DeletionTimestamp).NotTo(BeNil(), "a Pod must have a deletionTimestamp once its deletion is answered\n%s", story)
			Expect(shown.Status.Phase).To(Equal(c.during), "the phase of the Pod %s must not change while its containers are being stopped\n%s", c.pod.Name, story)
			Expect(cells["Status"]).To(Equal("Terminating"), "STATUS of the deleted Pod %s must be Terminating until it has ended, in phase %s\n%s", c.pod.Name, c.during, story)
		}

		By("checking them after they have ended")
		for _, c := range cases {
			story := stories[c.pod.Name]
			end := spec.Must(story.AwaitWithin(ctx, shownFor*time.Second+overdue, letGo))
			Expect(story.Deleted()).To(BeFalse(), "a finalizer must keep the Pod %s in the API\n%s", c.pod.Name, story)
			Expect(end.Pod.Status.Phase).To(Equal(c.after), "the Pod %s must end in the phase that its exit codes call for\n%s", c.pod.Name, story)
			if c.ignores != "" {
				// The status of a container can also be wrong: a running container accepts a command.
				_, err := ns.ExecWith(ctx, story, namespace.Execution{Container: c.ignores, Command: witness.Command(witness.Version())})
				Expect(err).To(HaveOccurred(), "the containers of the Pod %s must have stopped when it is %s, but container %s still ran a command\n%s", c.pod.Name, c.after, c.ignores, story)
			}
			first := spec.Must(story.Await(ctx, pod.InPhase(c.after))).Pod
			for container, code := range c.exits {
				Expect(pod.Status(first, container).State.Running).To(BeNil(), "the phase of the Pod %s must not change until its containers have stopped, but container %s still ran when it was %s\n%s", c.pod.Name, container, c.after, story)
				Expect(pod.Status(end.Pod, container).State.Terminated).To(HaveValue(HaveField("ExitCode", code)), "container %s of the Pod %s must have stopped and must keep its exit code\n%s", container, c.pod.Name, story)
			}
			phases := []corev1.PodPhase{corev1.PodPending, corev1.PodRunning, c.after}
			if c.during == corev1.PodPending {
				phases = []corev1.PodPhase{corev1.PodPending, c.after}
			}
			Expect(story).To(pod.HaveOnlyPhases(phases...), "deletion must not add a phase")
			if c.status != "" {
				cells, _, err := ns.Row(ctx, c.pod.Name)
				spec.Do(err)
				Expect(cells["Status"]).To(Equal(c.status), "STATUS of the Pod %s must no longer be Terminating but show how the Pod ended, in phase %s\n%s", c.pod.Name, c.after, story)
			}
		}

		// Phase and exit codes have to stay until the finalizer is removed, so the last version
		// is checked too.
		By("removing the finalizer")
		for _, c := range cases {
			story := stories[c.pod.Name]
			_, err := ns.API.Client.CoreV1().Pods(ns.Name()).Patch(ctx, story.Name(), types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
			spec.Do(err)
			ns.expectGone(ctx, story, "when its last finalizer is removed")
			gone := spec.Must(story.AwaitGone(ctx)).Pod
			Expect(gone.Status.Phase).To(Equal(c.after), "the DELETED version of the Pod %s must have the final phase\n%s", c.pod.Name, story)
			for container, code := range c.exits {
				Expect(pod.Status(gone, container).State.Terminated).To(HaveValue(HaveField("ExitCode", code)), "the DELETED version of the Pod %s must have the exit code of container %s\n%s", c.pod.Name, container, story)
			}
		}
	})

	It("reaches a terminal phase before it is gone, also when it never ran", claim.Proves("DELETE-04"), func(ctx SpecContext) {
		absent := func(c *corev1.Container) { c.ImagePullPolicy = corev1.PullNever }
		cases := []struct {
			pod   *corev1.Pod
			phase corev1.PodPhase
		}{
			{pod.New("ends-well", ns.Witness("w", witness.Run(witness.OnTerm(witness.ExitWith(0))))), corev1.PodSucceeded},
			{pod.New("ends-badly", pod.Restart(corev1.RestartPolicyOnFailure), ns.Witness("w", witness.Run(witness.OnTerm(witness.ExitWith(3))))), corev1.PodFailed},
			{pod.New("never-ran", pod.Container("w", "podproof.test/absent:v1", nil, absent)), corev1.PodFailed},
		}
		stories := map[string]*journal.Story{}
		for _, c := range cases {
			stories[c.pod.Name] = spec.Must(ns.Create(ctx, c.pod))
		}
		for _, c := range cases {
			story := stories[c.pod.Name]
			if c.pod.Name == "never-ran" {
				// The kubelet has accepted the Pod.
				spec.Must(story.Await(ctx, pod.ContainerWaiting("w")))
			} else {
				spec.Must(ns.AwaitStarted(ctx, story, "w"))
			}
			spec.Do(ns.Delete(ctx, story, -1))
		}
		for _, c := range cases {
			story := stories[c.pod.Name]
			soon, cancel := context.WithTimeout(ctx, overdue)
			defer cancel()
			gone := spec.Must(story.AwaitGone(soon))
			Expect(gone.Pod.Status.Phase).To(Equal(c.phase), "the last version of the Pod %s must show how the Pod ended\n%s", c.pod.Name, story)
			Expect(endedBeforeGone(story.Versions())).To(BeTrue(), "the Pod %s must show a terminal phase before it is gone\n%s", c.pod.Name, story)
		}
	})
})

// letGo holds when the kubelet has finished with a deleted Pod. It shows this by
// requesting the deletion with a grace period of 0.
var letGo = journal.State{
	Text: "to have ended and to be released by its kubelet",
	Holds: func(p *corev1.Pod) bool {
		return terminal(p) && p.DeletionGracePeriodSeconds != nil && *p.DeletionGracePeriodSeconds == 0
	},
}

func terminal(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

// endedBeforeGone reports whether a version before the last one, DELETED, shows a
// terminal phase while the kubelet had not yet released the Pod. The kubelet's own
// request to remove the object is no such version: it changes no status.
func endedBeforeGone(versions []journal.Version) bool {
	for _, v := range versions {
		if v.Type != watch.Deleted && terminal(v.Pod) && v.Pod.DeletionGracePeriodSeconds != nil && *v.Pod.DeletionGracePeriodSeconds > 0 {
			return true
		}
	}
	return false
}

// expectGone fails the spec when the Pod can still be read.
func (s space) expectGone(ctx SpecContext, story *journal.Story, when string) {
	GinkgoHelper()
	left, err := s.API.Client.CoreV1().Pods(s.Name()).Get(ctx, story.Name(), metav1.GetOptions{})
	if err == nil && left.UID == story.UID() {
		Fail("the Pod " + story.Name() + " must be gone at once " + when + ", but it can still be read: " + journal.Describe(left) + "\n" + story.String())
	}
	if err != nil && !apierrors.IsNotFound(err) {
		spec.Do(err)
	}
}
