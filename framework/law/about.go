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
