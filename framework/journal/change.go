package journal

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Describe is one version of a pod in one line: phase, node, what is going on
// with it, and every container.
func Describe(pod *corev1.Pod) string {
	parts := []string{"phase " + string(pod.Status.Phase)}
	if pod.Status.Reason != "" {
		parts[0] += fmt.Sprintf(" (%s)", pod.Status.Reason)
	}
	if pod.Spec.NodeName == "" {
		parts = append(parts, "on no node")
	} else {
		parts = append(parts, "on "+pod.Spec.NodeName)
	}
	if pod.DeletionTimestamp != nil {
		parts = append(parts, "being deleted"+grace(pod))
	}
	for _, c := range pod.Status.Conditions {
		if c.Status != corev1.ConditionTrue && c.Type == corev1.PodScheduled {
			parts = append(parts, conditionText(c)+" "+shorten(c.Message))
		}
	}
	for _, group := range Containers(pod) {
		for _, status := range group.Statuses {
			parts = append(parts, containerText(group.Prefix, nil, status))
		}
	}
	return strings.Join(parts, "; ")
}

// changes says what is different in a version of a pod against the one before,
// nil for the first. A version in which only bookkeeping changed has none.
func changes(before, now *corev1.Pod) []string {
	var parts []string
	first := before == nil
	if first {
		before = &corev1.Pod{}
	}
	say := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	moved := func(what, from, to string) {
		switch {
		case from == to:
		case from == "":
			say("%s %s", what, to)
		case to == "":
			say("%s %s is gone", what, from)
		default:
			say("%s %s→%s", what, from, to)
		}
	}

	moved("phase", string(before.Status.Phase), string(now.Status.Phase))
	if now.Status.Reason != before.Status.Reason || now.Status.Message != before.Status.Message {
		say("reason %q: %s", now.Status.Reason, shorten(now.Status.Message))
	}
	if before.DeletionTimestamp == nil && now.DeletionTimestamp != nil {
		say("being deleted%s", grace(now))
	} else if grace(before) != grace(now) {
		say("deletion%s", grace(now))
	}
	moved("node", before.Spec.NodeName, now.Spec.NodeName)
	moved("podIP", before.Status.PodIP, now.Status.PodIP)
	parts = append(parts, conditionChanges(before, now)...)

	old := Containers(before)
	for i, group := range Containers(now) {
		for _, status := range group.Statuses {
			j := slices.IndexFunc(old[i].Statuses, func(s corev1.ContainerStatus) bool { return s.Name == status.Name })
			var previous *corev1.ContainerStatus
			if j >= 0 {
				previous = &old[i].Statuses[j]
			}
			if text := containerText(group.Prefix, previous, status); text != "" {
				parts = append(parts, text)
			}
		}
	}
	if first {
		return parts
	}
	for i, c := range now.Spec.Containers {
		if i < len(before.Spec.Containers) {
			moved("image of "+c.Name, before.Spec.Containers[i].Image, c.Image)
		}
	}
	if !slices.Equal(before.Finalizers, now.Finalizers) {
		say("finalizers %v→%v", before.Finalizers, now.Finalizers)
	}
	if len(parts) == 0 {
		return otherChanges(before, now)
	}
	return parts
}

// otherChanges names the parts of a pod in which something changed that has no
// words of its own.
func otherChanges(before, now *corev1.Pod) []string {
	var parts []string
	if !reflect.DeepEqual(before.Labels, now.Labels) {
		parts = append(parts, "labels changed")
	}
	if !reflect.DeepEqual(before.Annotations, now.Annotations) {
		parts = append(parts, "annotations changed")
	}
	if !reflect.DeepEqual(before.Spec, now.Spec) {
		parts = append(parts, "something else in the spec changed")
	}
	if !reflect.DeepEqual(before.Status, now.Status) {
		parts = append(parts, "something else in the status changed")
	}
	return parts
}

func conditionChanges(before, now *corev1.Pod) []string {
	var parts []string
	for _, c := range now.Status.Conditions {
		i := slices.IndexFunc(before.Status.Conditions, func(b corev1.PodCondition) bool { return b.Type == c.Type })
		if i < 0 || conditionText(before.Status.Conditions[i]) != conditionText(c) {
			parts = append(parts, conditionText(c))
		}
	}
	for _, b := range before.Status.Conditions {
		if !slices.ContainsFunc(now.Status.Conditions, func(c corev1.PodCondition) bool { return b.Type == c.Type }) {
			parts = append(parts, fmt.Sprintf("condition %s is gone", b.Type))
		}
	}
	return parts
}

func conditionText(c corev1.PodCondition) string {
	if c.Reason == "" {
		return fmt.Sprintf("%s=%s", c.Type, c.Status)
	}
	return fmt.Sprintf("%s=%s(%s)", c.Type, c.Status, c.Reason)
}

// grace is what a deletion says of its grace period.
func grace(pod *corev1.Pod) string {
	if pod.DeletionGracePeriodSeconds == nil {
		return ""
	}
	return fmt.Sprintf(" with grace %ds", *pod.DeletionGracePeriodSeconds)
}

// ContainerGroup is one kind of containers of a pod with their statuses.
type ContainerGroup struct {
	Prefix   string // before a name, such as "init container "
	Statuses []corev1.ContainerStatus
}

// Containers are all container statuses of a pod by their kind, always
// the same three.
func Containers(pod *corev1.Pod) [3]ContainerGroup {
	return [3]ContainerGroup{
		{"init container ", pod.Status.InitContainerStatuses},
		{"container ", pod.Status.ContainerStatuses},
		{"ephemeral container ", pod.Status.EphemeralContainerStatuses},
	}
}

// containerText says what is new with a container, "" when nothing is. Without
// a status before it says everything.
func containerText(prefix string, before *corev1.ContainerStatus, now corev1.ContainerStatus) string {
	first := before == nil
	if first {
		before = &corev1.ContainerStatus{}
	}
	var parts []string
	if state := StateText(now.State); first || state != StateText(before.State) || now.ContainerID != before.ContainerID {
		parts = append(parts, state)
	}
	if last := now.LastTerminationState.Terminated; last != nil && !reflect.DeepEqual(last, before.LastTerminationState.Terminated) && !reflect.DeepEqual(last, before.State.Terminated) {
		// Only now is it seen how an instance ended.
		parts = append(parts, "before "+terminatedText(last))
	}
	if now.RestartCount != before.RestartCount {
		parts = append(parts, fmt.Sprintf("restarts %d", now.RestartCount))
	}
	if now.Ready != before.Ready {
		parts = append(parts, word(now.Ready, "ready"))
	}
	if started := now.Started != nil && *now.Started; started != (before.Started != nil && *before.Started) {
		parts = append(parts, word(started, "started"))
	}
	if len(parts) == 0 {
		return ""
	}
	return prefix + now.Name + " " + strings.Join(parts, ", ")
}

func word(is bool, what string) string {
	if is {
		return what
	}
	return "not " + what
}

// StateText is a container's state in one phrase, such as for a timeline.
func StateText(state corev1.ContainerState) string {
	switch {
	case state.Running != nil:
		return "running"
	case state.Terminated != nil:
		return terminatedText(state.Terminated)
	case state.Waiting != nil && state.Waiting.Message != "":
		return fmt.Sprintf("waiting %s (%s)", state.Waiting.Reason, shorten(state.Waiting.Message))
	case state.Waiting != nil && state.Waiting.Reason != "":
		return "waiting " + state.Waiting.Reason
	}
	return "waiting"
}

func terminatedText(t *corev1.ContainerStateTerminated) string {
	text := fmt.Sprintf("terminated %s exit %d", t.Reason, t.ExitCode)
	if t.Signal != 0 {
		text += fmt.Sprintf(" signal %d", t.Signal)
	}
	return text
}
