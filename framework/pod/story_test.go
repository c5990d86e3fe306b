package pod_test

import (
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/podproof/podproof/framework/journal"
)

// second is a moment in whole seconds, as the API gives them.
func second(n int) metav1.Time {
	return metav1.NewTime(time.Date(2026, 1, 2, 12, 0, n, 0, time.UTC))
}

// story makes a story of a pod on node w1 with one version per second, each of
// which has the phase and the status of container c.
func story(versions ...version) *journal.Story {
	var all []journal.Version
	for i, v := range versions {
		p := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "ns", UID: "u1", ResourceVersion: strconv.Itoa(100 + i)},
			Spec:       corev1.PodSpec{NodeName: "w1", Containers: []corev1.Container{{Name: "c"}}},
			Status:     corev1.PodStatus{Phase: v.phase, ContainerStatuses: v.statuses, Conditions: v.conditions},
		}
		kind := watch.Modified
		if i == 0 {
			kind = watch.Added
		}
		all = append(all, journal.Version{At: second(i).Time, Type: kind, Pod: p})
	}
	return journal.Recorded(all)
}

type version struct {
	phase      corev1.PodPhase
	statuses   []corev1.ContainerStatus
	conditions []corev1.PodCondition
}

func at(phase corev1.PodPhase, statuses ...corev1.ContainerStatus) version {
	return version{phase: phase, statuses: statuses}
}

func ready(status corev1.ConditionStatus, reason string) version {
	return version{phase: corev1.PodRunning, conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: status, Reason: reason}}}
}

func running(id string, restarts int32, started int) corev1.ContainerStatus {
	return corev1.ContainerStatus{
		Name: "c", ContainerID: id, RestartCount: restarts,
		State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: second(started)}},
	}
}

func exit(id string, code int32, started, finished int) *corev1.ContainerStateTerminated {
	return &corev1.ContainerStateTerminated{ContainerID: id, ExitCode: code, Reason: "Error", StartedAt: second(started), FinishedAt: second(finished)}
}

func terminated(restarts int32, end *corev1.ContainerStateTerminated) corev1.ContainerStatus {
	return corev1.ContainerStatus{
		Name: "c", ContainerID: end.ContainerID, RestartCount: restarts,
		State: corev1.ContainerState{Terminated: end},
	}
}

func waiting(id string, restarts int32, reason string) corev1.ContainerStatus {
	return corev1.ContainerStatus{
		Name: "c", ContainerID: id, RestartCount: restarts,
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}},
	}
}

func after(s corev1.ContainerStatus, last *corev1.ContainerStateTerminated) corev1.ContainerStatus {
	s.LastTerminationState.Terminated = last
	return s
}
