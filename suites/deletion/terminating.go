package deletion

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// overdue is how long after its grace period a Pod may end before the kubelet has
// failed. On a busy machine the end takes a few seconds.
const overdue = 30 * time.Second

var _ = Describe("A Pod that is being deleted", func() {
	ns := space{spec.Namespace()}

	It("is Terminating in the STATUS column only, and goes on to a terminal phase that a finalizer keeps", claim.Proves("DELETE-01"), claim.Proves("DELETE-09"), claim.Proves("DELETE-11"), func(ctx SpecContext) {
		all := ns.held()
		for _, h := range all {
			h.story = spec.Must(ns.Create(ctx, h.pod))
		}
		for _, h := range all {
			for _, container := range h.running {
				spec.Must(ns.AwaitStarted(ctx, h.story, container))
			}
		}
		By("checking them while they end")
		for _, h := range all {
			spec.Must(h.story.Await(ctx, h.when))
			ns.deleteHeld(ctx, h)
		}
		By("checking them after they have ended")
		for _, h := range all {
			ns.expectHeld(ctx, h)
		}
		// Phase and exit codes have to stay until the finalizer is removed, so the last
		// version is checked too.
		By("removing the finalizer")
		for _, h := range all {
			ns.release(ctx, h)
		}
	})

	It("reaches a terminal phase before it is gone, also when it never ran", claim.Proves("DELETE-04"), func(ctx SpecContext) {
		cases := []struct {
			pod   *corev1.Pod
			phase corev1.PodPhase
		}{
			{pod.New("ends-well", ns.Witness("w", witness.Run(witness.OnTerm(witness.ExitWith(0))))), corev1.PodSucceeded},
			{pod.New("ends-badly", pod.Restart(corev1.RestartPolicyOnFailure), ns.Witness("w", witness.Run(witness.OnTerm(witness.ExitWith(3))))), corev1.PodFailed},
			// It is deleted before its third instance, for which the kubelet waits for 10 s.
			{pod.New("keeps-failing", pod.Restart(corev1.RestartPolicyOnFailure), ns.Witness("w", witness.Run(witness.For(0), witness.ExitCode(3)))), corev1.PodFailed},
			// Its init container does as it is told, but then its container never runs.
			{pod.New("initialises", ns.InitContainer("init", witness.Run(witness.OnTerm(witness.ExitWith(0)))), ns.Witness("w", witness.Run())), corev1.PodFailed},
			{pod.New("never-ran", pod.Container("w", "podproof.test/absent:v1", nil, pod.NeverPull())), corev1.PodFailed},
		}
		stories := map[string]*journal.Story{}
		for _, c := range cases {
			stories[c.pod.Name] = spec.Must(ns.Create(ctx, c.pod))
		}
		for _, c := range cases {
			story := stories[c.pod.Name]
			switch c.pod.Name {
			case "never-ran": // the kubelet has accepted the Pod
				spec.Must(story.Await(ctx, pod.ContainerWaiting("w")))
			case "keeps-failing":
				spec.Must(story.Await(ctx, betweenInstances("w")))
			case "initialises":
				spec.Must(ns.AwaitStarted(ctx, story, "init"))
			default:
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
