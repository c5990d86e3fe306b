package pod

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/podproof/podproof/framework/journal"
)

// InPhase holds while status.phase is the given one.
func InPhase(phase corev1.PodPhase) journal.State {
	return journal.State{
		Text:  fmt.Sprintf("to be in phase %s", phase),
		Holds: func(pod *corev1.Pod) bool { return pod.Status.Phase == phase },
		Never: ended,
	}
}

// Ready holds while the condition Ready is True.
func Ready() journal.State {
	return journal.State{
		Text:  "to be Ready",
		Holds: func(pod *corev1.Pod) bool { return conditionIs(pod, corev1.PodReady, corev1.ConditionTrue, "") },
		Never: ended,
	}
}

// NotReady holds while the condition Ready is not True, also before there is
// one: every pod starts not ready.
func NotReady() journal.State {
	ready := Ready()
	return journal.State{
		Text:  "not to be Ready",
		Holds: func(pod *corev1.Pod) bool { return !ready.Holds(pod) },
	}
}

// Condition holds while the pod has the condition with this status, and with
// this reason unless that is empty.
func Condition(kind corev1.PodConditionType, status corev1.ConditionStatus, reason string) journal.State {
	text := fmt.Sprintf("to have condition %s=%s", kind, status)
	if reason != "" {
		text += fmt.Sprintf(" with reason %s", reason)
	}
	return journal.State{
		Text:  text,
		Holds: func(pod *corev1.Pod) bool { return conditionIs(pod, kind, status, reason) },
	}
}

// Restarted holds once the restartCount of the container is at least that.
func Restarted(container string, atLeast int32) journal.State {
	return journal.State{
		Text: fmt.Sprintf("to have restarted container %s at least %d times", container, atLeast),
		Holds: func(pod *corev1.Pod) bool {
			s := Status(pod, container)
			return s != nil && s.RestartCount >= atLeast
		},
		Never: ended,
	}
}

// ContainerRunning holds while the container's state is running.
func ContainerRunning(container string) journal.State {
	return journal.State{
		Text: fmt.Sprintf("to have container %s running", container),
		Holds: func(pod *corev1.Pod) bool {
			s := Status(pod, container)
			return s != nil && s.State.Running != nil
		},
		Never: ended,
	}
}

// ContainerReady holds while the container is ready.
func ContainerReady(container string) journal.State {
	return journal.State{
		Text: fmt.Sprintf("to have container %s ready", container),
		Holds: func(p *corev1.Pod) bool {
			s := Status(p, container)
			return s != nil && s.Ready
		},
	}
}

// ContainerNotReady holds while the container is not ready, also before it has
// a status: every container starts so.
func ContainerNotReady(container string) journal.State {
	ready := ContainerReady(container)
	return journal.State{
		Text:  fmt.Sprintf("to have container %s not ready", container),
		Holds: func(p *corev1.Pod) bool { return !ready.Holds(p) },
	}
}

// ContainerStarted holds while the container has started: it runs, and its
// startup probe, if it has one, has passed.
func ContainerStarted(container string) journal.State {
	return journal.State{
		Text: fmt.Sprintf("to have container %s started", container),
		Holds: func(p *corev1.Pod) bool {
			s := Status(p, container)
			return s != nil && s.Started != nil && *s.Started
		},
	}
}

// ContainerTerminated holds while the container's state is terminated.
func ContainerTerminated(container string) journal.State {
	return journal.State{
		Text: fmt.Sprintf("to have container %s terminated", container),
		Holds: func(pod *corev1.Pod) bool {
			s := Status(pod, container)
			return s != nil && s.State.Terminated != nil
		},
	}
}

// ContainerWaiting holds while the container's state is waiting, for one of
// the reasons when any are given.
func ContainerWaiting(container string, reasons ...string) journal.State {
	text := fmt.Sprintf("to have container %s waiting", container)
	if len(reasons) > 0 {
		text += " with reason " + strings.Join(reasons, " or ")
	}
	return journal.State{
		Text: text,
		Holds: func(pod *corev1.Pod) bool {
			s := Status(pod, container)
			return s != nil && s.State.Waiting != nil && (len(reasons) == 0 || slices.Contains(reasons, s.State.Waiting.Reason))
		},
		Never: ended,
	}
}

// Scheduled holds once the pod is bound to a node.
func Scheduled() journal.State {
	return journal.State{
		Text:  "to be bound to a node",
		Holds: func(pod *corev1.Pod) bool { return pod.Spec.NodeName != "" },
		Never: ended,
	}
}

// HasIP holds once the pod has an IP.
func HasIP() journal.State {
	return journal.State{
		Text:  "to have an IP",
		Holds: func(pod *corev1.Pod) bool { return pod.Status.PodIP != "" },
	}
}

// BeingDeleted holds once the pod has a deletionTimestamp.
func BeingDeleted() journal.State {
	return journal.State{
		Text:  "to be marked as being deleted",
		Holds: func(pod *corev1.Pod) bool { return pod.DeletionTimestamp != nil },
	}
}

// AllRunning holds while every container of spec.containers is running.
func AllRunning() journal.State {
	return journal.State{
		Text: "to have all containers running",
		Holds: func(pod *corev1.Pod) bool {
			return !slices.ContainsFunc(pod.Spec.Containers, func(c corev1.Container) bool {
				s := Status(pod, c.Name)
				return s == nil || s.State.Running == nil
			})
		},
		Never: ended,
	}
}

// All holds while all the states hold at the same moment.
func All(states ...journal.State) journal.State {
	texts := make([]string, len(states))
	for i, state := range states {
		texts[i] = state.Text
	}
	return journal.State{
		Text: strings.Join(texts, " and "),
		Holds: func(pod *corev1.Pod) bool {
			return !slices.ContainsFunc(states, func(s journal.State) bool { return !s.Holds(pod) })
		},
		Never: func(pod *corev1.Pod) string {
			for _, state := range states {
				if state.Never != nil && !state.Holds(pod) {
					if why := state.Never(pod); why != "" {
						return why
					}
				}
			}
			return ""
		},
	}
}

// ended says that no container of the pod will run any more: a terminal phase
// is final (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/).
func ended(pod *corev1.Pod) string {
	if phase := pod.Status.Phase; phase == corev1.PodSucceeded || phase == corev1.PodFailed {
		return fmt.Sprintf("phase %s is final", phase)
	}
	return ""
}

func conditionIs(pod *corev1.Pod, kind corev1.PodConditionType, status corev1.ConditionStatus, reason string) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == kind && c.Status == status && (reason == "" || c.Reason == reason)
	})
}
