package law

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/podproof/podproof/framework/journal"
)

// changed says whether there is a version after the first one.
func changed(versions []journal.Version) bool { return len(versions) > 1 }

// someBefore says whether one of the versions but the last is so, after which another
// one can be what it must not be.
func someBefore(versions []journal.Version, so func(journal.Version) bool) bool {
	return len(versions) > 1 && slices.ContainsFunc(versions[:len(versions)-1], so)
}

func isRunning(v journal.Version) bool { return v.Pod.Status.Phase == corev1.PodRunning }
func isBound(v journal.Version) bool   { return v.Pod.Spec.NodeName != "" }
func isDeleted(v journal.Version) bool { return v.Pod.DeletionTimestamp != nil }

func isReady(v journal.Version) bool {
	ready := condition(v.Pod, corev1.PodReady)
	return ready != nil && ready.Status == corev1.ConditionTrue
}
func ended(v journal.Version) bool              { return terminal(v.Pod.Status.Phase) }
func hasConditions(v journal.Version) bool      { return len(v.Pod.Status.Conditions) > 0 }
func observesGeneration(v journal.Version) bool { return v.Pod.Status.ObservedGeneration > 0 }
func someRuns(v journal.Version) bool           { return slices.ContainsFunc(containersOf(v), container.runs) }
func someStarted(v journal.Version) bool {
	return slices.ContainsFunc(containersOf(v), func(c container) bool { return c.runs() && c.isStarted() })
}

// someStatus says whether one of the versions has a container that is so.
func someStatus(is func(container) bool) func([]journal.Version) bool {
	return func(versions []journal.Version) bool {
		return slices.ContainsFunc(versions, func(v journal.Version) bool { return slices.ContainsFunc(containersOf(v), is) })
	}
}

func restarted(v journal.Version) bool {
	return someContainer(v, func(s corev1.ContainerStatus) bool { return s.RestartCount > 0 })
}

func runsWithIP(v journal.Version) bool {
	return v.Pod.Status.PodIP != "" && !v.Pod.Spec.HostNetwork && someContainer(v, func(s corev1.ContainerStatus) bool { return s.State.Running != nil })
}

func someContainer(v journal.Version, is func(corev1.ContainerStatus) bool) bool {
	for _, group := range journal.Containers(v.Pod) {
		if slices.ContainsFunc(group.Statuses, is) {
			return true
		}
	}
	return false
}
