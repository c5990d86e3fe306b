package law

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	. "github.com/podproof/podproof/framework/journal/journaltest"
)

// generation sets the pod's generation, and the one that its status observed.
func generation(is, observed int64) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Generation, pod.Status.ObservedGeneration = is, observed }
}

// observedBy sets the generation that a condition was recorded at.
func observedBy(kind corev1.PodConditionType, observed int64) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { condition(pod, kind).ObservedGeneration = observed }
}

func TestLawsOnConditionsHold(t *testing.T) {
	notReady := containersReady(corev1.ConditionFalse, "ContainersNotReady", 20)
	histories := map[string]History{
		"a node is lost and comes back": probedPod(false, false).
			Then(conditionAt(corev1.PodReady, corev1.ConditionFalse, "", 60)).
			Then(conditionAt(corev1.PodReady, corev1.ConditionTrue, "", 5)),
		"a node is lost and comes back, and the pod is not ready": probedPod(false, false).
			Then(conditionAt(corev1.PodReady, corev1.ConditionFalse, "", 60)).
			Then(containersReady(corev1.ConditionFalse, "ContainersNotReady", 58), runs("id-0", 0, 2, true, false)),
		"a container ends and runs again before the API hears of it": probedPod(false, false).
			Then(runs("id-1", 1, 21, true, true), containersReady(corev1.ConditionTrue, "", 22)),
		"readiness fails and comes back before the API hears of it": probedPod(false, true).
			Then(containersReady(corev1.ConditionTrue, "", 22)),
		"a message changes": probedPod(false, true).Then(notReady, runs("id-0", 0, 2, true, false)).
			Then(containersReady(corev1.ConditionFalse, "PodFailed", 20)),
		"an ended pod, of which the kubelet finds nothing": Plain().
			Then(Phase(corev1.PodFailed), containersReady(corev1.ConditionFalse, "PodFailed", 20), Status(Terminated("c", "id-0", 0, 1))).
			Then(containersReady(corev1.ConditionFalse, "PodFailed", 31)),
		"a pod with scheduling gates has a condition without a time": NewHistory(Condition(corev1.PodScheduled, corev1.ConditionFalse, "SchedulingGated")).
			Then(conditionAt(corev1.PodScheduled, corev1.ConditionFalse, "Unschedulable", 7)),
		"a condition goes and comes again": probedPod(false, false).
			Then(func(p *corev1.Pod) { p.Status.Conditions = nil }).
			Then(conditionAt(corev1.PodScheduled, corev1.ConditionTrue, "", 9)),
		"the status follows the generation": Plain().Then(generation(1, 1)).Then(generation(2, 1)).Then(generation(2, 2)),
		"the binding takes the generation off PodScheduled": NewHistory(generation(1, 1), conditionAt(corev1.PodScheduled, corev1.ConditionFalse, "Unschedulable", 1)).
			Then(observedBy(corev1.PodScheduled, 1)).
			Then(Node("w1"), conditionAt(corev1.PodScheduled, corev1.ConditionTrue, "", 2)),
		"another component knew a newer generation": Plain().
			Then(generation(2, 2), Condition(corev1.DisruptionTarget, corev1.ConditionTrue, "EvictionByEvictionAPI")).Then(generation(2, 1)),
		"a mirror pod has a generation of its own": NewHistory(generation(1, 3), func(p *corev1.Pod) {
			p.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "x"}
		}),
		"readiness is written with an older generation": probedPod(false, true).
			Then(generation(2, 2), observedBy(corev1.PodReady, 2), observedBy(corev1.ContainersReady, 2)).
			Then(observedBy(corev1.PodReady, 1), observedBy(corev1.ContainersReady, 1)),
	}
	for name, h := range histories {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(Check(h)).To(BeEmpty())
		})
	}
}

func brokenByConditions() []broken {
	return []broken{
		{"Ready alone", "LAW-READY-CONTAINERS", "it is Ready, but ContainersReady is False (ContainersNotReady)",
			probedPod(false, false).Then(conditionAt(corev1.ContainersReady, corev1.ConditionFalse, "ContainersNotReady", 9))},
		{"Ready without ContainersReady", "LAW-READY-CONTAINERS", "it is Ready, but has no condition ContainersReady",
			Plain().Then(conditionAt(corev1.PodReady, corev1.ConditionTrue, "", 5))},
		{"Ready and not scheduled", "LAW-READY-SCHEDULED", "it is Ready, but PodScheduled is False (Unschedulable)",
			probedPod(false, false).Then(conditionAt(corev1.PodScheduled, corev1.ConditionFalse, "Unschedulable", 9))},
		{"a time that moves alone", "LAW-TRANSITION-MOVES", "the lastTransitionTime of PodScheduled moved from 12:00:00 to 12:00:08, but its status is still True",
			probedPod(false, false).Then(conditionAt(corev1.PodScheduled, corev1.ConditionTrue, "", 8))},
		{"a time that moves alone, of a condition that the kubelet writes", "LAW-TRANSITION-MOVES", "the lastTransitionTime of Ready moved from 12:00:05 to 12:00:08, but its status is still True",
			probedPod(false, false).Then(conditionAt(corev1.PodReady, corev1.ConditionTrue, "", 8))},
		{"a time that goes back", "LAW-TRANSITION-FORWARD", "the lastTransitionTime of ContainersReady went back from 12:00:05 to 12:00:03",
			probedPod(false, true).Then(runs("id-0", 0, 2, true, false),
				conditionAt(corev1.ContainersReady, corev1.ConditionFalse, "ContainersNotReady", 3),
				conditionAt(corev1.PodReady, corev1.ConditionFalse, "ContainersNotReady", 9))},
		{"a generation that is not there yet", "LAW-GENERATION-REACHED", "its observedGeneration is 2, but its generation is 1", Plain().Then(generation(1, 2))},
		{"a condition of a generation that is not there yet", "LAW-GENERATION-REACHED", "the observedGeneration of Ready is 2, but its generation is 1",
			probedPod(false, false).Then(generation(1, 1), observedBy(corev1.PodReady, 2))},
		{"a status that goes back", "LAW-GENERATION-FORWARD", "its observedGeneration fell from 2 to 1", Plain().Then(generation(2, 2)).Then(generation(2, 1))},
		{"a condition that goes back", "LAW-GENERATION-FORWARD", "the observedGeneration of PodScheduled fell from 2 to 1",
			Plain().Then(generation(2, 2), observedBy(corev1.PodScheduled, 2)).Then(observedBy(corev1.PodScheduled, 1))},
	}
}
