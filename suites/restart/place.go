package restart

import (
	"errors"
	"fmt"
	"slices"
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

var _ = Describe("A restart", func() {
	ns := space{spec.Namespace()}

	It("of one of several containers takes place in the Pod, and the Pod tells how each instance ended", claim.Proves("RESTART-08").Waiting(10*time.Second+shown), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("restarted", pod.Restart(corev1.RestartPolicyAlways), pod.Volume(spec.State),
			ns.Lives("w", witness.ExitAfter(short, 3), witness.ExitAfter(shown, 5), witness.Forever),
			ns.Lives("other", witness.ExitAfter(shown, 0), witness.Forever),
			ns.Witness("stays", witness.Run()))))
		want := map[string][]int32{"w": {3, 5}, "other": {0}, "stays": nil}
		told := func() error {
			spec.Must(story.Await(ctx, pod.All(pod.Restarted("w", 2), pod.ContainerRunning("w"), pod.Restarted("other", 1), pod.ContainerRunning("other"))))
			spec.Do(story.Err())
			return tellsAll(story, want)
		}
		err := told()
		if errors.Is(err, errNoLast) || errors.Is(err, errUntold) {
			story = spec.Must(ns.CreateAgain(ctx, story))
			err = told()
		}
		if errors.Is(err, errUntold) {
			spec.Inconclusive("%v", err)
		}
		Expect(err).NotTo(HaveOccurred(), "restarts must happen in the Pod and be reported one by one\n%s", story)

		// The third instance knows its number from what the first two left on the
		// volume.
		lines := spec.Must(ns.AwaitStarted(ctx, story, "w"))
		Expect(witness.Select(lines, record.Start)[0].Index).To(HaveValue(Equal(2)), "the Pod's emptyDir must be the same for all instances of the container\n%s", story)
	})

	It("of an init container or a sidecar takes place in the Pod, too, and shows how it ended", claim.Proves("RESTART-08").Waiting(0), claim.Proves("LC-03").Waiting(0), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("init", pod.Restart(corev1.RestartPolicyOnFailure), pod.Volume(spec.State),
			ns.SidecarLives("sidecar", witness.ExitAfter(short, 0), witness.Forever),
			ns.InitLives("init", []witness.Life{witness.ExitAfter(short, 4), witness.Forever}),
			ns.Witness("w", witness.Run()))))
		ns.expectRestartInPlace(ctx, story, "sidecar", 0)
		ns.expectRestartInPlace(ctx, story, "init", 4)
		Expect(story).To(pod.AlwaysBe(pod.InPhase(corev1.PodPending)), "a Pod must be Pending while its init container fails and restarts")
	})
})

// tellsAll says what is wrong with what the Pod tells of its containers, which should have
// had instances that ended with these codes, and one that runs.
func tellsAll(story *journal.Story, want map[string][]int32) error {
	for container, codes := range want {
		instances, err := follow(story.Versions(), container)
		switch {
		case err != nil:
			return fmt.Errorf("container %s: %w", container, err)
		case instances != len(codes)+1:
			return fmt.Errorf("container %s has had %d instances, but each of its %d ends must lead to one restart", container, instances, len(codes))
		case !slices.Equal(pod.ExitCodes(story, container), codes):
			return fmt.Errorf("the instances of container %s ended with %v, but the Pod shows the exit codes %v", container, codes, pod.ExitCodes(story, container))
		}
	}
	return nil
}

// shown is how long the second instance runs: long enough for a busy kubelet to publish a
// status with that instance, and with the first one as its last state. Newer information
// replaces what the kubelet has not sent yet (syncBatch in
// pkg/kubelet/status/status_manager.go).
const shown = 5 * time.Second

// errUntold is the error of follow for an instance that no version shows.
var errUntold = errors.New("was never shown")

// errNoLast is the error of follow for a restarted container without a last state.
var errNoLast = errors.New("there is no last state")

// follow goes through all versions of a Pod and returns how many instances the container
// had. Its error says in which version the Pod had changed, or showed the instances
// inconsistently. They are consistent if restartCount always gives the instance of a
// container ID, each instance has its own ID, the last state belongs to the previous
// instance, and an instance ends only once.
//
// The kubelet publishes snapshots: a short instance may be seen only as the last
// state of the next one.
func follow(versions []journal.Version, container string) (int, error) {
	var h history
	for i, v := range versions {
		if err := h.add(v.Pod, container); err != nil {
			return 0, fmt.Errorf("in version %d of the Pod %w", i+1, err)
		}
	}
	for i := range len(h.ids) {
		if _, known := h.ids[i]; !known {
			return 0, fmt.Errorf("instance %d %w", i+1, errUntold)
		}
	}
	return len(h.ids), nil
}

// history is what the versions so far have shown of one container.
type history struct {
	first *corev1.Pod      // the first version with an IP
	ids   map[int]string   // the container IDs of the instances, counted from 0
	codes map[string]int32 // the exit codes of the instances that ended, by ID
}

func (h *history) add(p *corev1.Pod, container string) error {
	if h.first == nil && p.Status.PodIP != "" {
		h.first = p
	}
	if f := h.first; f != nil && (p.UID != f.UID || p.Spec.NodeName != f.Spec.NodeName || p.Status.PodIP != f.Status.PodIP) {
		return fmt.Errorf("UID, node and IP are %q, %q and %q, but were %q, %q and %q", p.UID, p.Spec.NodeName, p.Status.PodIP, f.UID, f.Spec.NodeName, f.Status.PodIP)
	}
	s := pod.Status(p, container)
	if s == nil || s.ContainerID == "" {
		return nil // no instance has been created
	}
	now, last := int(s.RestartCount), s.LastTerminationState.Terminated
	if err := h.instance(now, s.ContainerID); err != nil {
		return err
	}
	if t := s.State.Terminated; t != nil {
		if t.ContainerID != s.ContainerID {
			return fmt.Errorf("the container is %s, but the terminated one is %s", s.ContainerID, t.ContainerID)
		}
		if err := h.end(t); err != nil {
			return err
		}
	}
	if last == nil {
		if now > 0 {
			return fmt.Errorf("the restartCount is %d, but %w", now, errNoLast)
		}
		return nil
	}
	// A container that waits for its restart is still the instance that ended.
	if s.State.Waiting == nil || last.ContainerID != s.ContainerID {
		if now == 0 {
			return fmt.Errorf("the container was never restarted, but has a last state of container %s", last.ContainerID)
		}
		if err := h.instance(now-1, last.ContainerID); err != nil {
			return fmt.Errorf("the last state does not belong to the previous instance: %w", err)
		}
	}
	return h.end(last)
}

// instance records the ID of an instance.
func (h *history) instance(number int, id string) error {
	for n, known := range h.ids {
		if (n == number) != (known == id) {
			return fmt.Errorf("instance %d is container %s, but instance %d was container %s", number+1, id, n+1, known)
		}
	}
	if h.ids == nil {
		h.ids, h.codes = map[int]string{}, map[string]int32{}
	}
	h.ids[number] = id
	return nil
}

// end records how an instance ended.
func (h *history) end(t *corev1.ContainerStateTerminated) error {
	if code, known := h.codes[t.ContainerID]; known && code != t.ExitCode {
		return fmt.Errorf("container %s has ended with %d, but earlier it had ended with %d", t.ContainerID, t.ExitCode, code)
	}
	h.codes[t.ContainerID] = t.ExitCode
	return nil
}
