package lifecycle

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/law"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	// noticed is how long the API may not show the end of a process. The kubelet
	// checks its containers every second (genericPlegRelistPeriod in
	// pkg/kubelet/kubelet.go). Then it has to sync the Pod and send the status,
	// which takes a busy machine some seconds more.
	noticed = 10 * time.Second
	// noticedOnce is that time for a process of whose kind only one ends. A kubelet
	// that misses the end looks at the Pod only 60 to 90 s later.
	noticedOnce = 40 * time.Second
	// reconciled is how long a status written by somebody else may stay. The
	// kubelet compares the API's status with its own every 10 s (syncPeriod in
	// pkg/kubelet/status/status_manager.go). A conformant but busy kubelet may
	// skip some of these comparisons.
	reconciled = 40 * time.Second
)

var _ = Describe("The kubelet", func() {
	ns := space{spec.Namespace()}

	It("sees each process of a Pod end and tells the API so, with the time of the end", claim.Proves("KUBELET-01"), func(ctx SpecContext) {
		// There is no probe: a failing one would make the kubelet check the Pod, even if
		// it has not noticed the end.
		story := spec.Must(ns.Create(ctx, pod.New("ending", pod.Restart(corev1.RestartPolicyNever),
			ns.InitContainer("init", witness.Serve(witness.HTTP(initPort))),
			ns.Sidecar("sidecar", witness.Serve(witness.HTTP(sidecarPort))),
			ns.Witness("c0", witness.Serve(witness.HTTP(port))),
			ns.Witness("c1", witness.Serve(witness.HTTP(port+1))))))

		spec.Must(story.Await(ctx, pod.All(pod.ContainerRunning("init"), pod.HasIP())))
		spec.Must(ns.AwaitListening(ctx, story, "init", 1))
		initial := ns.end(ctx, story, "init", initPort, 0)
		initial.expectNoticed("end of the process of an init container to its container shown as ended", noticedOnce)
		spec.Must(story.Await(ctx, pod.AllRunning()))
		spec.Must(ns.AwaitListening(ctx, story, "sidecar", 1))
		ns.endSidecar(ctx, story, "sidecar", sidecarPort, 6).expectNoticed("end of the process of a sidecar to its container shown as ended", noticedOnce)

		// Each of these ends right after the kubelet has reported another end, so a kubelet
		// that checks only now and then is late for each. The best counts, because a busy
		// machine is sometimes late for one.
		best := initial
		best.shown, best.finished = time.Hour, time.Hour
		for i := range 2 {
			e := ns.end(ctx, story, fmt.Sprintf("c%d", i), port+i, 7+i)
			best.shown, best.finished = min(best.shown, e.shown), min(best.finished, e.finished)
		}
		best.expectNoticed("end of a process to its container shown as terminated", noticed)
		spec.Measured("end of a process to finishedAt, which is cut to whole seconds", "-1 s to 0 s", best.finished.String(), best.finished <= time.Second)
		Expect(best.finished).To(BeNumerically("<=", time.Second), "finishedAt must be the time when the process ended, not when the kubelet noticed it\n%s", story)
		last := spec.Must(story.Await(ctx, pod.InPhase(corev1.PodFailed))).Pod
		first := spec.Must(story.Await(ctx, pod.ContainerTerminated("c0"))).Pod
		Expect(pod.Status(last, "c0").State.Terminated.FinishedAt.Time).To(BeTemporally("==", pod.Status(first, "c0").State.Terminated.FinishedAt.Time), "finishedAt of container c0 must not change when the other containers end\n%s", story)
	})

	It("puts right a phase that somebody else has written, with the next status that it sends", claim.Proves("KUBELET-02").Waiting(0), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("restarted", ns.Witness("w", witness.Serve(witness.HTTP(port)), pod.Readiness(pod.HTTPGet(port, "/"))))))
		spec.Must(story.Await(ctx, pod.Ready()))
		wrong := ns.falsify(ctx, story, corev1.PodUnknown)

		spec.Must(ns.Get(ctx, story, port, "/exit", map[string]string{"code": "1"}))
		told := spec.Must(story.AwaitAfter(ctx, wrong, endOf("w"))).Pod
		Expect(told.Status.Phase).To(Equal(corev1.PodRunning), "when the kubelet reports the end of a container, it must also correct the phase\n%s", story)
		spec.Must(story.Await(ctx, pod.Restarted("w", 1)))
	})

	It("puts right a phase that somebody else has written, also when nothing happens to the Pod", claim.Proves("KUBELET-02"), func(ctx SpecContext) {
		idle := spec.Must(ns.Create(ctx, pod.New("idle", ns.Witness("w", witness.Run()))))
		// It never starts, so Running is wrong.
		stuck := spec.Must(ns.Create(ctx, pod.New("stuck", pod.Container("w", absentImage, nil, pod.NeverPull()))))
		spec.Must(idle.Await(ctx, pod.InPhase(corev1.PodRunning)))
		spec.Must(stuck.Await(ctx, pod.ContainerWaiting("w", "ErrImageNeverPull")))
		cases := []struct {
			story       *journal.Story
			phase, back corev1.PodPhase
			wrong       journal.Version
		}{
			{story: idle, phase: corev1.PodPending, back: corev1.PodRunning},
			{story: stuck, phase: corev1.PodRunning, back: corev1.PodPending},
		}
		for i, c := range cases {
			cases[i].wrong = ns.falsify(ctx, c.story, c.phase)
		}
		soon, cancel := context.WithTimeout(ctx, reconciled)
		defer cancel()
		for _, c := range cases {
			right := spec.Must(c.story.AwaitAfter(soon, c.wrong, pod.InPhase(c.back)))
			spec.Observed(fmt.Sprintf("wrong phase %s to the right one, of an idle Pod", c.phase), "about 10 s", right.At.Sub(c.wrong.At))
			Expect(pod.Status(right.Pod, "w").RestartCount).To(BeZero(), "the correction of the phase must not restart the container\n%s", c.story)
		}
	})
})

// The ports of the init container and of the sidecar of the Pod whose processes end.
const initPort, sidecarPort = 8078, 8079

// absentImage is an image that no node has: its name is in a top-level domain that is
// reserved for tests.
const absentImage = "podproof.test/absent:v1"

// endOf holds from the first status on in which the kubelet reports that the container has
// ended or runs again. (A status that is only not ready may be older than the end.)
func endOf(container string) journal.State {
	return journal.State{
		Text: "to show the end of container " + container,
		Holds: func(p *corev1.Pod) bool {
			s := pod.Status(p, container)
			return s != nil && (s.State.Terminated != nil || s.RestartCount > 0)
		},
	}
}

// space is the namespace of a spec, with this subject's own methods.
type space struct{ *spec.Space }

// ending is the end of a process: how long until the API showed it, and how much later
// than that end finishedAt is.
type ending struct {
	story           *journal.Story
	shown, finished time.Duration
}

// end makes a process end with the code, and waits until the API shows it with that code
// and the time.
func (s space) end(ctx SpecContext, story *journal.Story, container string, port, code int) ending {
	GinkgoHelper()
	shown, p := s.endAny(ctx, story, container, port, code)
	terminated := pod.Status(p, container).State.Terminated
	Expect(terminated).To(HaveValue(HaveField("ExitCode", Equal(int32(code)))), "the kubelet must report how container %s has ended\n%s", container, story)
	// Both times are from the node's clock; the API cuts its own to whole seconds.
	exits := witness.Select(spec.Must(s.Log(ctx, story, container, false)), record.Exit)
	Expect(exits).To(HaveLen(1), "the process must log its end once")
	Expect(terminated.FinishedAt.Time).To(BeTemporally(">=", exits[0].At().Truncate(time.Second)), "container %s must not have finished before its process ended\n%s", container, story)
	return ending{story, shown, terminated.FinishedAt.Sub(exits[0].At())}
}

// endSidecar is end for a sidecar, which runs again at once, so that its end may be shown
// by its last state only, or on a busy node by its restart count only.
func (s space) endSidecar(ctx SpecContext, story *journal.Story, container string, port, code int) ending {
	GinkgoHelper()
	shown, p := s.endAny(ctx, story, container, port, code)
	status := pod.Status(p, container)
	if terminated := cmp.Or(status.State.Terminated, status.LastTerminationState.Terminated); terminated != nil {
		Expect(terminated.ExitCode).To(Equal(int32(code)), "exit code of the sidecar %s\n%s", container, story)
	}
	return ending{story: story, shown: shown}
}

// endAny makes a process end with the code, and returns how long it took until the API
// showed that, and the Pod then.
func (s space) endAny(ctx SpecContext, story *journal.Story, container string, port, code int) (time.Duration, *corev1.Pod) {
	GinkgoHelper()
	spec.Must(s.Get(ctx, story, port, "/exit", map[string]string{"code": strconv.Itoa(code)}))
	answered := time.Now() // the last thing that the process did
	seen := spec.Must(story.Await(ctx, endOf(container)))
	return max(0, seen.At.Sub(answered)), seen.Pod
}

// expectNoticed expects the API to have shown the end in time.
func (e ending) expectNoticed(what string, most time.Duration) {
	GinkgoHelper()
	spec.Bound{
		What: what, Documented: "about 1 s", Most: most,
		Must: "the API must show the end of a process soon",
	}.Judge(e.shown, e.story)
}

// falsify writes a wrong phase into the status of a Pod and returns the version that
// shows it.
func (s space) falsify(ctx SpecContext, story *journal.Story, phase corev1.PodPhase) journal.Version {
	GinkgoHelper()
	before := story.Versions()
	last := before[len(before)-1]
	Expect(last.Pod.Status.Phase).NotTo(Equal(phase))
	for _, id := range []string{"LAW-PHASE-FORWARD", "LAW-PHASE-KNOWN", "LAW-RUNNING-CREATED"} {
		spec.Do(law.Exempt(story, id))
	}
	_, err := s.API.Client.CoreV1().Pods(s.Name()).Patch(ctx, story.Name(), types.MergePatchType, fmt.Appendf(nil, `{"status":{"phase":%q}}`, phase), metav1.PatchOptions{}, "status")
	spec.Do(err)
	return spec.Must(story.AwaitAfter(ctx, last, pod.InPhase(phase)))
}
