package pod

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/podproof/podproof/framework/journal"
)

// Instance is one run of a container, from its start to its exit.
type Instance struct {
	ContainerID string
	// StartedAt and FinishedAt are the runtime's times, cut to whole seconds
	// by the API. FinishedAt is zero while the instance runs.
	StartedAt, FinishedAt time.Time
	// Exited says that the end of the instance is known; without it ExitCode
	// and Reason mean nothing.
	Exited   bool
	ExitCode int32
	Reason   string
	// RestartCount is how many instances there were before this one. A number
	// that is missing in between is an instance that no version showed.
	RestartCount int32
}

// Status is the status of a container of the pod, of whichever kind, nil when
// the pod has none for that name yet.
func Status(pod *corev1.Pod, container string) *corev1.ContainerStatus {
	for _, statuses := range [][]corev1.ContainerStatus{
		pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses, pod.Status.EphemeralContainerStatuses,
	} {
		for i := range statuses {
			if statuses[i].Name == container {
				return &statuses[i]
			}
		}
	}
	return nil
}

// Instances are all instances of a container that any version of the story
// shows, as its state or as its last state, in the order in which they ran.
func Instances(story *journal.Story, container string) []Instance {
	var instances []Instance
	note := func(id string, restarts int32, state corev1.ContainerState) {
		if id == "" || state.Waiting != nil {
			return
		}
		i := slices.IndexFunc(instances, func(known Instance) bool { return known.ContainerID == id })
		if i < 0 {
			i = len(instances)
			instances = append(instances, Instance{ContainerID: id, RestartCount: restarts})
		}
		switch known := &instances[i]; {
		case state.Running != nil:
			known.StartedAt = state.Running.StartedAt.Time
		case state.Terminated != nil:
			known.Exited = true
			known.ExitCode = state.Terminated.ExitCode
			known.Reason = state.Terminated.Reason
			// For an instance that it lost the kubelet has no times.
			if started := state.Terminated.StartedAt.Time; !started.IsZero() {
				known.StartedAt = started
			}
			known.FinishedAt = state.Terminated.FinishedAt.Time
		}
	}
	for _, version := range story.Versions() {
		s := Status(version.Pod, container)
		if s == nil {
			continue
		}
		// While a container waits to be restarted, its status goes on naming
		// the instance that ended last, which then is the last state too.
		if last := s.LastTerminationState.Terminated; last != nil {
			restarts := s.RestartCount
			if last.ContainerID != s.ContainerID {
				restarts--
			}
			note(last.ContainerID, restarts, s.LastTerminationState)
		}
		note(s.ContainerID, s.RestartCount, s.State)
	}
	slices.SortStableFunc(instances, func(a, b Instance) int {
		return cmp.Or(cmp.Compare(a.RestartCount, b.RestartCount), a.StartedAt.Compare(b.StartedAt))
	})
	return instances
}

// ExitCodes are the exit codes of the container's instances that ended, in the
// order in which they ran.
func ExitCodes(story *journal.Story, container string) []int32 {
	var codes []int32
	for _, instance := range Instances(story, container) {
		if instance.Exited {
			codes = append(codes, instance.ExitCode)
		}
	}
	return codes
}
