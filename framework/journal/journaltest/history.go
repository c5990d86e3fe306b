// Package journaltest makes recorded histories of pods, for tests of what reads them.
package journaltest

import (
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/podproof/podproof/framework/journal"
)

// noon is when recorded histories begin.
var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// History is the versions of a pod: each step changes the pod of the step
// before, a second later.
type History []journal.Version

// NewHistory begins a history with a pod that was just created.
func NewHistory(changes ...func(*corev1.Pod)) History {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "ns", UID: "uid-web"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "image:1"}}},
		Status:     corev1.PodStatus{Phase: corev1.PodPending},
	}
	return History(nil).add(watch.Added, pod, changes)
}

// Then adds a version with the changes.
func (h History) Then(changes ...func(*corev1.Pod)) History {
	return h.add(watch.Modified, h[len(h)-1].Pod.DeepCopy(), changes)
}

// Deleted adds the last version, with which the pod is gone.
func (h History) Deleted(changes ...func(*corev1.Pod)) History {
	return h.add(watch.Deleted, h[len(h)-1].Pod.DeepCopy(), changes)
}

func (h History) add(kind watch.EventType, pod *corev1.Pod, changes []func(*corev1.Pod)) History {
	pod.ResourceVersion = strconv.Itoa(100 + len(h))
	for _, change := range changes {
		change(pod)
	}
	return append(h[:len(h):len(h)], journal.Version{At: noon.Add(time.Duration(len(h)) * time.Second), Type: kind, Pod: pod})
}

// Phase sets the phase.
func Phase(p corev1.PodPhase) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Status.Phase = p }
}

// Node binds the pod.
func Node(name string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Spec.NodeName = name }
}

// IP sets the IPs, or takes them away.
func IP(addresses ...string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Status.PodIP, pod.Status.PodIPs = "", nil
		for _, a := range addresses {
			pod.Status.PodIPs = append(pod.Status.PodIPs, corev1.PodIP{IP: a})
		}
		if len(addresses) > 0 {
			pod.Status.PodIP = addresses[0]
		}
	}
}

// Deleting marks the pod as being deleted.
func Deleting(grace int64) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		at := metav1.NewTime(noon.Add(time.Duration(grace) * time.Second))
		pod.DeletionTimestamp, pod.DeletionGracePeriodSeconds = &at, &grace
	}
}

// InitContainer adds an init container.
func InitContainer(name string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, corev1.Container{Name: name})
	}
}

// Condition sets a condition.
func Condition(kind corev1.PodConditionType, status corev1.ConditionStatus, reason string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		var kept []corev1.PodCondition
		for _, c := range pod.Status.Conditions {
			if c.Type != kind {
				kept = append(kept, c)
			}
		}
		pod.Status.Conditions = append(kept, corev1.PodCondition{Type: kind, Status: status, Reason: reason})
	}
}

// Status replaces the status of a container.
func Status(s corev1.ContainerStatus) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		for i := range pod.Status.ContainerStatuses {
			if pod.Status.ContainerStatuses[i].Name == s.Name {
				pod.Status.ContainerStatuses[i] = s
				return
			}
		}
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, s)
	}
}

// Waiting is a container that waits.
func Waiting(name, reason string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: name, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}
}

// Running is a container that runs, started and ready.
func Running(name, id string, restarts int32) corev1.ContainerStatus {
	started := true
	return corev1.ContainerStatus{
		Name: name, ContainerID: id, RestartCount: restarts, Ready: true, Started: &started,
		State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(noon)}},
	}
}

// Ended is how an instance of a container ended.
func Ended(id, reason string, code int32) *corev1.ContainerStateTerminated {
	return &corev1.ContainerStateTerminated{ContainerID: id, Reason: reason, ExitCode: code}
}

// Terminated is a container that has ended.
func Terminated(name, id string, restarts, code int32) corev1.ContainerStatus {
	reason := "Error"
	if code == 0 {
		reason = "Completed"
	}
	return corev1.ContainerStatus{
		Name: name, ContainerID: id, RestartCount: restarts,
		State: corev1.ContainerState{Terminated: Ended(id, reason, code)},
	}
}

// After gives a status its last state.
func After(s corev1.ContainerStatus, last *corev1.ContainerStateTerminated) corev1.ContainerStatus {
	s.LastTerminationState.Terminated = last
	return s
}

// Event is an event about the container c.
func Event(at time.Duration, kind, reason, message string) journal.Event {
	return journal.Event{At: noon.Add(at), Event: &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{UID: types.UID(reason)},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "web", Namespace: "ns", UID: "uid-web", FieldPath: "spec.containers{c}"},
		Type:           kind, Reason: reason, Message: message, Count: 1,
	}}
}

// Plain is an ordinary pod that runs.
func Plain() History {
	return NewHistory().
		Then(Node("w1"), Condition(corev1.PodScheduled, corev1.ConditionTrue, "")).
		Then(Status(Waiting("c", "ContainerCreating"))).
		Then(Phase(corev1.PodRunning), IP("10.0.0.1"), Status(Running("c", "id-0", 0)))
}
