package lifecycle

import (
	"context"
	"fmt"
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
	// reconciled is how long a status written by somebody else may stay. The
	// kubelet compares the API's status with its own every 10 s (syncPeriod in
	// pkg/kubelet/status/status_manager.go). A conformant but busy kubelet may
	// skip some of these comparisons.
	reconciled = 40 * time.Second
)

var _ = Describe("The kubelet", func() {
	ns := space{spec.Namespace()}

	It("sees a process end and tells the API so, with the time of the end", claim.Proves("KUBELET-01"), func(ctx SpecContext) {
		ports := []int{8080, 8081, 8082}
		containers := []pod.Option{pod.Restart(corev1.RestartPolicyNever)}
		for i, port := range ports {
			// There is no probe: a failing one would make the kubelet check the Pod,
			// even if it has not noticed the end.
			containers = append(containers, ns.Witness(fmt.Sprintf("c%d", i), witness.Serve(witness.HTTP(port))))
		}
		story := spec.Must(ns.Create(ctx, pod.New("ending", containers...)))
		spec.Must(story.Await(ctx, pod.AllRunning()))

		// All processes but the first end right after the kubelet has reported
		// another end, so a kubelet that checks only now and then is late for each.
		// The best of these counts, because a busy machine is sometimes late for one.
		const long = time.Duration(1<<63 - 1)
		shown, finished := long, long
		for i, port := range ports {
			name, code := fmt.Sprintf("c%d", i), int32(7+i)
			spec.Must(ns.Get(ctx, story, port, "/exit", map[string]string{"code": fmt.Sprint(code)}))
			answered := time.Now() // the last thing that the process did
			seen := spec.Must(story.Await(ctx, pod.ContainerTerminated(name)))
			if i > 0 {
				shown = min(shown, max(0, seen.At.Sub(answered)))
			}

			terminated := pod.Status(seen.Pod, name).State.Terminated
			Expect(terminated.ExitCode).To(Equal(code), "exit code of container %s\n%s", name, story)
			// Both times are from the node's clock; the API cuts its own to whole seconds.
			exits := witness.Select(spec.Must(ns.Log(ctx, story, name, false)), record.Exit)
			Expect(exits).To(HaveLen(1), "the process must log its end once")
			Expect(terminated.FinishedAt.Time).To(BeTemporally(">=", exits[0].At().Truncate(time.Second)), "container %s must not have finished before its process ended\n%s", name, story)
			finished = min(finished, terminated.FinishedAt.Sub(exits[0].At()))
		}
		claim.MeasureTime("KUBELET-01", "end of a process to its container shown as terminated", "about 1 s", shown, shown <= noticed)
		if shown > noticed {
			spec.Late(fmt.Sprintf("the API must show the end of a process within %s, but it took %s\n%s", noticed, shown, story))
		}
		claim.MeasureTime("KUBELET-01", "end of a process to finishedAt, which is cut to whole seconds", "-1 s to 0 s", finished, finished <= time.Second)
		Expect(finished).To(BeNumerically("<=", time.Second), "finishedAt must be the time when the process ended, not when the kubelet noticed it\n%s", story)
		last := spec.Must(story.Await(ctx, pod.InPhase(corev1.PodFailed))).Pod
		first := spec.Must(story.Await(ctx, pod.ContainerTerminated("c0"))).Pod
		Expect(pod.Status(last, "c0").State.Terminated.FinishedAt.Time).To(BeTemporally("==", pod.Status(first, "c0").State.Terminated.FinishedAt.Time), "finishedAt of container c0 must not change when the other containers end\n%s", story)
	})

	It("puts a phase right that somebody else has written, with the next status that it sends", claim.Proves("KUBELET-02").Waiting(0), func(ctx SpecContext) {
		const port = 8080
		story := spec.Must(ns.Create(ctx, pod.New("restarted", ns.Witness("w", witness.Serve(witness.HTTP(port)), pod.Readiness(pod.HTTPGet(port, "/"))))))
		spec.Must(story.Await(ctx, pod.Ready()))
		wrong := ns.falsify(ctx, story)

		spec.Must(ns.Get(ctx, story, port, "/exit", map[string]string{"code": "1"}))
		told := spec.Must(story.AwaitAfter(ctx, wrong, endToldOf)).Pod
		Expect(told.Status.Phase).To(Equal(corev1.PodRunning), "when the kubelet reports the end of a container, it must also correct the phase\n%s", story)
		spec.Must(story.Await(ctx, pod.Restarted("w", 1)))
	})

	It("puts a phase right that somebody else has written, also when nothing happens to the Pod", claim.Proves("KUBELET-02"), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("idle", ns.Witness("w", witness.Run()))))
		spec.Must(story.Await(ctx, pod.InPhase(corev1.PodRunning)))
		wrong := ns.falsify(ctx, story)

		soon, cancel := context.WithTimeout(ctx, reconciled)
		defer cancel()
		right := spec.Must(story.AwaitAfter(soon, wrong, pod.InPhase(corev1.PodRunning)))
		claim.MeasureTime("KUBELET-02", "wrong phase to the right one, of an idle Pod", "about 10 s", right.At.Sub(wrong.At), true)
		Expect(pod.Status(right.Pod, "w").RestartCount).To(BeZero(), "the correction of the phase must not restart the container\n%s", story)
	})
})

// endToldOf holds from the first status on in which the kubelet reports that the
// container has ended or runs again. (A status that is only not ready may be older than
// the wrong phase.)
var endToldOf = journal.State{
	Text: "to show the end of container w",
	Holds: func(p *corev1.Pod) bool {
		s := pod.Status(p, "w")
		return s != nil && (s.State.Terminated != nil || s.RestartCount > 0)
	},
}

// space is the namespace of a spec, with this subject's own methods.
type space struct{ *spec.Space }

// falsify writes the phase Pending into the status of a Running Pod and returns the
// version that shows it.
func (s space) falsify(ctx SpecContext, story *journal.Story) journal.Version {
	GinkgoHelper()
	before := story.Versions()
	last := before[len(before)-1]
	Expect(last.Pod.Status.Phase).To(Equal(corev1.PodRunning))
	spec.Do(law.Exempt(story, "LAW-PHASE-FORWARD"))
	_, err := s.API.Client.CoreV1().Pods(s.Name()).Patch(ctx, story.Name(), types.MergePatchType, []byte(`{"status":{"phase":"Pending"}}`), metav1.PatchOptions{}, "status")
	spec.Do(err)
	return spec.Must(story.AwaitAfter(ctx, last, pod.InPhase(corev1.PodPending)))
}
