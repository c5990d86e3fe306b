package law

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/podproof/podproof/framework/journal"
)

// byKubelet are the conditions that nobody but the kubelet writes while it has the pod; the
// node controller sets Ready to False when the node is lost (nodeGone). PodScheduled is
// the scheduler's and the API server's before. Left out is what only some pods have:
// DisruptionTarget, which several components write without asking each other, and the
// conditions of a resize, whose time moves with the reason.
var (
	byKubelet = []corev1.PodConditionType{corev1.PodReadyToStartContainers, corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady}
	ofAll     = append([]corev1.PodConditionType{corev1.PodScheduled}, byKubelet...)
)

// condition finds a condition of the pod, nil if it has none.
func condition(pod *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	i := slices.IndexFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == kind })
	if i < 0 {
		return nil
	}
	return &pod.Status.Conditions[i]
}

// readyImplies: GeneratePodReadyCondition in pkg/kubelet/status/generate.go asks for
// ContainersReady first, and a pod on a node is scheduled.
func readyImplies(kind corev1.PodConditionType) func([]journal.Version) error {
	return func(versions []journal.Version) error {
		for i, v := range versions {
			if !isReady(v) {
				continue
			}
			other := condition(v.Pod, kind)
			switch {
			case other == nil:
				return brokenAt(versions, i, "it is Ready, but has no condition %s", kind)
			case other.Status != corev1.ConditionTrue:
				return brokenAt(versions, i, "it is Ready, but %s is %s (%s)", kind, other.Status, other.Reason)
			}
		}
		return nil
	}
}

// eachCondition looks at what became of a condition from one version to the next. A
// condition without a time, as the API server gives to a pod with scheduling gates, has
// nothing to compare.
func eachCondition(versions []journal.Version, kinds []corev1.PodConditionType, judge func(i int, before, now corev1.PodCondition) error) error {
	for i := 1; i < len(versions); i++ {
		for _, kind := range kinds {
			before, now := condition(versions[i-1].Pod, kind), condition(versions[i].Pod, kind)
			if before == nil || now == nil || !isSet(before.LastTransitionTime.Time) || !isSet(now.LastTransitionTime.Time) {
				continue
			}
			// The kubelet does not know when the node controller has set Ready to False.
			if kind == corev1.PodReady && nodeGone(versions[i-1]) {
				continue
			}
			if err := judge(i, *before, *now); err != nil {
				return err
			}
		}
	}
	return nil
}

// transitionMoves: updateLastTransitionTime in pkg/kubelet/status/status_manager.go. With a
// terminal phase mergePodStatus sets Ready and ContainersReady to False anew each time that
// it sends a status in which they still are True, as of a pod that ended while its kubelet
// was away. And the kubelet sends only the newest status, so a condition can have
// changed twice in between; PodScheduled does not.
func transitionMoves(versions []journal.Version) error {
	return eachCondition(versions, ofAll, func(i int, before, now corev1.PodCondition) error {
		ended := terminal(versions[i-1].Pod.Status.Phase) && (now.Type == corev1.PodReady || now.Type == corev1.ContainersReady)
		if before.Status != now.Status || ended || before.LastTransitionTime.Equal(&now.LastTransitionTime) {
			return nil
		}
		if now.Type != corev1.PodScheduled && changesUnseen(versions[i-1], versions[i]) {
			return nil
		}
		return brokenAt(versions, i, "the lastTransitionTime of %s moved from %s to %s, but its status is still %s", now.Type, clock(before.LastTransitionTime.Time), clock(now.LastTransitionTime.Time), now.Status)
	})
}

// changesUnseen says whether a condition of the kubelet's can have changed between two
// versions and changed back: a probe or somebody else can do that at any time, and
// otherwise a container starts or ends.
func changesUnseen(before, now journal.Version) bool {
	if len(now.Pod.Spec.ReadinessGates) > 0 {
		return true
	}
	was := containersOf(before)
	return slices.ContainsFunc(containersOf(now), func(c container) bool {
		i := slices.IndexFunc(was, func(w container) bool { return w.name() == c.name() })
		return c.isProbed() || i < 0 || was[i].ContainerID != c.ContainerID || was[i].runs() != c.runs()
	})
}

// transitionForward is only about the conditions of which one clock makes the times.
func transitionForward(versions []journal.Version) error {
	return eachCondition(versions, byKubelet, func(i int, before, now corev1.PodCondition) error {
		if !now.LastTransitionTime.Before(&before.LastTransitionTime) {
			return nil
		}
		return brokenAt(versions, i, "the lastTransitionTime of %s went back from %s to %s", now.Type, clock(before.LastTransitionTime.Time), clock(now.LastTransitionTime.Time))
	})
}

// generationReached: whoever writes a status takes the generation of a pod that the API
// server has shown to it (CalculatePodStatusObservedGeneration in pkg/api/v1/pod). A mirror
// pod has a generation of its own, apart from that of the static pod.
func generationReached(versions []journal.Version) error {
	for i, v := range versions {
		pod := v.Pod
		if _, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]; mirror {
			return nil
		}
		if observed := pod.Status.ObservedGeneration; observed > pod.Generation {
			return brokenAt(versions, i, "its observedGeneration is %d, but its generation is %d", observed, pod.Generation)
		}
		for _, kind := range ofAll {
			if c := condition(pod, kind); c != nil && c.ObservedGeneration > pod.Generation {
				return brokenAt(versions, i, "the observedGeneration of %s is %d, but its generation is %d", kind, c.ObservedGeneration, pod.Generation)
			}
		}
	}
	return nil
}

// generationForward: updateStatusInternal in pkg/kubelet/status keeps the higher one. Not
// so the conditions that a probe changes, Ready and ContainersReady: SetContainerReadiness
// takes the newest pod, and the sync that is under way an older one. Another component
// that writes the status of a pod on a node (when it disrupts the pod, or has lost the node)
// can know a newer generation than the kubelet, so the law ends there. The binding takes the
// generation off PodScheduled (assignPod in pkg/registry/core/pod/storage), until the
// kubelet gives it a new one.
func generationForward(versions []journal.Version) error {
	for i := 1; i < len(versions); i++ {
		before, now := versions[i-1].Pod, versions[i].Pod
		if nodeGone(versions[i-1]) || condition(before, corev1.DisruptionTarget) != nil {
			return nil
		}
		if from, to := before.Status.ObservedGeneration, now.Status.ObservedGeneration; to < from {
			return brokenAt(versions, i, "its observedGeneration fell from %d to %d", from, to)
		}
		for _, kind := range []corev1.PodConditionType{corev1.PodScheduled, corev1.PodReadyToStartContainers, corev1.PodInitialized} {
			from, to := condition(before, kind), condition(now, kind)
			if from != nil && to != nil && to.ObservedGeneration != 0 && to.ObservedGeneration < from.ObservedGeneration {
				return brokenAt(versions, i, "the observedGeneration of %s fell from %d to %d", kind, from.ObservedGeneration, to.ObservedGeneration)
			}
		}
	}
	return nil
}
