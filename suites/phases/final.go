package phases

import (
	"errors"
	"fmt"
	"slices"

	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	corev1 "k8s.io/api/core/v1"
)

// ended reports whether the Pod is in a final phase.
func ended(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

// atRest reports whether the Pod and all its containers have ended. The status of a
// container may come after the phase, see failedByDeadline.
func atRest(p *corev1.Pod) bool {
	return ended(p) && !slices.ContainsFunc(allContainers(p), func(c corev1.Container) bool {
		s := pod.Status(p, c.Name)
		return s == nil || s.State.Terminated == nil
	})
}

// allContainers are also the init containers and sidecars.
func allContainers(p *corev1.Pod) []corev1.Container {
	return slices.Concat(p.Spec.InitContainers, p.Spec.Containers)
}

// changeAfterEnd says in which version an ended Pod had changed: it was in another phase,
// or one of its containers ran, was another one, or had been restarted. A history without
// the Pod's end, or with nothing after it, proves nothing and is an error too.
func changeAfterEnd(versions []journal.Version) error {
	var end *corev1.Pod
	for i, v := range versions {
		switch {
		case end != nil:
			if err := sameEnd(end, v.Pod); err != nil {
				return fmt.Errorf("%.3fs after its first version: %w", v.At.Sub(versions[0].At).Seconds(), err)
			}
		case !atRest(v.Pod):
		case i == len(versions)-1:
			return errors.New("the Pod ended in its last version, so nothing is known about the time after that")
		default:
			end = v.Pod
		}
	}
	if end == nil {
		return errors.New("the Pod has not ended")
	}
	return nil
}

func sameEnd(end, now *corev1.Pod) error {
	if now.Status.Phase != end.Status.Phase {
		return fmt.Errorf("its phase went from %s to %s", end.Status.Phase, now.Status.Phase)
	}
	for _, c := range allContainers(end) {
		before, after := pod.Status(end, c.Name), pod.Status(now, c.Name)
		switch {
		case after == nil:
			return fmt.Errorf("container %s has lost its status", c.Name)
		case after.State.Terminated == nil:
			return fmt.Errorf("container %s is no longer terminated", c.Name)
		case after.ContainerID != before.ContainerID:
			return fmt.Errorf("container %s was %s and is %s", c.Name, before.ContainerID, after.ContainerID)
		case after.RestartCount != before.RestartCount:
			return fmt.Errorf("container %s had %d restarts and has %d", c.Name, before.RestartCount, after.RestartCount)
		}
	}
	return nil
}
