package journal

import (
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// noon is when recorded histories begin.
var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// history makes the versions of a pod: each step changes the pod of the step
// before, a second later.
type history []Version

func newHistory(changes ...func(*corev1.Pod)) history {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "ns", UID: "uid-web"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "image:1"}}},
		Status:     corev1.PodStatus{Phase: corev1.PodPending},
	}
	return history(nil).add(watch.Added, pod, changes)
}

func (h history) then(changes ...func(*corev1.Pod)) history {
	return h.add(watch.Modified, h[len(h)-1].Pod.DeepCopy(), changes)
}

func (h history) deleted(changes ...func(*corev1.Pod)) history {
	return h.add(watch.Deleted, h[len(h)-1].Pod.DeepCopy(), changes)
}

func (h history) add(kind watch.EventType, pod *corev1.Pod, changes []func(*corev1.Pod)) history {
	pod.ResourceVersion = strconv.Itoa(100 + len(h))
	for _, change := range changes {
		change(pod)
	}
	return append(h[:len(h):len(h)], Version{At: noon.Add(time.Duration(len(h)) * time.Second), Type: kind, Pod: pod})
}

func phase(p corev1.PodPhase) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Status.Phase = p }
}

func node(name string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Spec.NodeName = name }
}

func ip(addresses ...string) func(*corev1.Pod) {
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

// deleting marks the pod as being deleted.
func deleting(grace int64) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		at := metav1.NewTime(noon.Add(time.Duration(grace) * time.Second))
		pod.DeletionTimestamp, pod.DeletionGracePeriodSeconds = &at, &grace
	}
}

func initContainer(name string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, corev1.Container{Name: name})
	}
}

func condition(kind corev1.PodConditionType, status corev1.ConditionStatus, reason string) func(*corev1.Pod) {
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

// status replaces the status of a container.
func status(s corev1.ContainerStatus) func(*corev1.Pod) {
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

func waiting(name, reason string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: name, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}
}

func running(name, id string, restarts int32) corev1.ContainerStatus {
	return corev1.ContainerStatus{
		Name: name, ContainerID: id, RestartCount: restarts, Ready: true,
		State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(noon)}},
	}
}

func ended(id, reason string, code int32) *corev1.ContainerStateTerminated {
	return &corev1.ContainerStateTerminated{ContainerID: id, Reason: reason, ExitCode: code}
}

func terminated(name, id string, restarts, code int32) corev1.ContainerStatus {
	reason := "Error"
	if code == 0 {
		reason = "Completed"
	}
	return corev1.ContainerStatus{
		Name: name, ContainerID: id, RestartCount: restarts,
		State: corev1.ContainerState{Terminated: ended(id, reason, code)},
	}
}

// after gives a status its last state.
func after(s corev1.ContainerStatus, last *corev1.ContainerStateTerminated) corev1.ContainerStatus {
	s.LastTerminationState.Terminated = last
	return s
}

func event(at time.Duration, kind, reason, message string) Event {
	return Event{At: noon.Add(at), Event: &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{UID: types.UID(reason)},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "web", Namespace: "ns", UID: "uid-web", FieldPath: "spec.containers{c}"},
		Type:           kind, Reason: reason, Message: message, Count: 1,
	}}
}
