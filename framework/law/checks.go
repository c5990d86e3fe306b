package law

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/podproof/podproof/framework/journal"
)

// brokenAt is the error for the version at which a law is broken.
func brokenAt(versions []journal.Version, i int, format string, args ...any) error {
	v := versions[i]
	return fmt.Errorf("%+.3fs after its first version (resourceVersion %s) %s", v.At.Sub(versions[0].At).Seconds(), v.Pod.ResourceVersion, fmt.Sprintf(format, args...))
}

func terminal(phase corev1.PodPhase) bool {
	return phase == corev1.PodSucceeded || phase == corev1.PodFailed
}

// phaseKnown: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase
// also lists Unknown, which nothing in Kubernetes has set since 2015.
func phaseKnown(versions []journal.Version) error {
	for i, v := range versions {
		switch v.Pod.Status.Phase {
		case corev1.PodPending, corev1.PodRunning, corev1.PodSucceeded, corev1.PodFailed:
		default:
			return brokenAt(versions, i, "its phase is %q", v.Pod.Status.Phase)
		}
	}
	return nil
}

// phaseForward: generateAPIPodStatus in pkg/kubelet/kubelet_pods.go never lets
// a terminal phase go. Running to Pending is another matter: when the sandbox
// is made anew the init containers run again, and getPhase says Pending while
// they do, so that part of the law leaves out pods that have any. And a
// container whose state the node has lost may count as never created.
func phaseForward(versions []journal.Version) error {
	for i := 1; i < len(versions); i++ {
		before, now := versions[i-1].Pod, versions[i].Pod
		from, to := before.Status.Phase, now.Status.Phase
		switch {
		case from == to:
		case terminal(from):
			return brokenAt(versions, i, "its phase left %s for %s", from, to)
		case from == corev1.PodRunning && to == corev1.PodPending && len(now.Spec.InitContainers) == 0 && !slices.ContainsFunc(versions[:i+1], nodeLostState):
			return brokenAt(versions, i, "its phase went back from Running to Pending")
		}
	}
	return nil
}

// nodeLostState says whether the kubelet made up the end of a container that
// it could no longer find, as after a restart of the node or its runtime
// (ContainerReasonStatusUnknown in pkg/kubelet/container).
func nodeLostState(v journal.Version) bool {
	unknown := func(s corev1.ContainerState) bool {
		return s.Terminated != nil && s.Terminated.Reason == "ContainerStatusUnknown"
	}
	for _, group := range journal.Containers(v.Pod) {
		for _, status := range group.Statuses {
			if unknown(status.State) || unknown(status.LastTerminationState) {
				return true
			}
		}
	}
	return false
}

// restartsGrow: the API documents that the count "may be reset to 0" when the
// state is lost due to a node restart (ContainerStatus in the core/v1 types).
// For a container that it cannot find the kubelet guesses one restart, and
// takes that back when it is found; so the law ends where state was lost. And while it
// removes what is left of a deleted pod, the newest container first, a kubelet before 1.36
// can look when only an earlier one is left, and tell of that one with its own count
// (cleanUpContainersInPod in pkg/kubelet/kubelet.go, SyncTerminatedPod).
func restartsGrow(versions []journal.Version) error {
	type key struct{ kind, name string }
	highest := map[key]int32{}
	counts := map[string]int32{} // by ID of a container that was seen
	for i, v := range versions {
		if nodeLostState(v) {
			return nil
		}
		for _, group := range journal.Containers(v.Pod) {
			for _, status := range group.Statuses {
				k := key{group.Prefix, status.Name}
				count, seen := counts[status.ContainerID]
				earlier := v.Pod.DeletionTimestamp != nil && seen && count == status.RestartCount
				if status.RestartCount < highest[k] && !earlier {
					return brokenAt(versions, i, "the restartCount of %s%s fell from %d to %d", k.kind, k.name, highest[k], status.RestartCount)
				}
				highest[k] = max(highest[k], status.RestartCount)
				if !seen && status.ContainerID != "" {
					counts[status.ContainerID] = status.RestartCount
				}
				// A short instance may be told of as the last state only.
				if last := status.LastTerminationState.Terminated; last != nil && last.ContainerID != status.ContainerID {
					if _, seen := counts[last.ContainerID]; !seen {
						counts[last.ContainerID] = status.RestartCount - 1
					}
				}
			}
		}
	}
	return nil
}

// runningCreated: getPhase in pkg/kubelet/kubelet_pods.go says Running only
// when no container of spec.containers is unknown, and none is waiting without
// having ended once. Init containers are left out, for a restartable one
// counts differently, and so are ephemeral ones, which come later. A waiting
// container that has an ID was created, and one that ended was too.
func runningCreated(versions []journal.Version) error {
	for i, v := range versions {
		if v.Pod.Status.Phase != corev1.PodRunning {
			continue
		}
		if v.Pod.Spec.NodeName == "" {
			return brokenAt(versions, i, "it is Running without a node")
		}
		for _, c := range v.Pod.Spec.Containers {
			statuses := v.Pod.Status.ContainerStatuses
			j := slices.IndexFunc(statuses, func(s corev1.ContainerStatus) bool { return s.Name == c.Name })
			if j < 0 {
				return brokenAt(versions, i, "it is Running though container %s has no status", c.Name)
			}
			s := statuses[j]
			created := s.ContainerID != "" || s.State.Running != nil || s.State.Terminated != nil || s.LastTerminationState.Terminated != nil
			if !created {
				return brokenAt(versions, i, "it is Running though container %s was never created (%s)", c.Name, journal.StateText(s.State))
			}
		}
	}
	return nil
}

// ipStable: the IP belongs to the pod's sandbox. A sandbox that dies is made
// anew, perhaps with another IP, but before that the kubelet kills all
// containers of the pod; so one instance that runs before and after says that
// the sandbox is the same. In between the IP may be missing: the kubelet
// reports none for a dead sandbox. The order of the IPs of both families is
// the kubelet's choice, so an IP that was any of the pod's counts as the same.
// On the host network the IP is the node's and not the pod's to keep.
func ipStable(versions []journal.Version) error {
	held := map[string][]corev1.PodIP{} // by ID of a running container
	for i, v := range versions {
		ip := v.Pod.Status.PodIP
		if ip == "" || v.Pod.Spec.HostNetwork {
			continue
		}
		for _, group := range journal.Containers(v.Pod) {
			for _, status := range group.Statuses {
				if status.State.Running == nil || status.ContainerID == "" {
					continue
				}
				ips, known := held[status.ContainerID]
				if known && !slices.Contains(ips, corev1.PodIP{IP: ip}) {
					return brokenAt(versions, i, "its IP changed from %s to %s while container %s went on running", ips[0].IP, ip, status.Name)
				}
				for _, now := range append([]corev1.PodIP{{IP: ip}}, v.Pod.Status.PodIPs...) {
					if !slices.Contains(ips, now) {
						ips = append(ips, now)
					}
				}
				held[status.ContainerID] = ips
			}
		}
	}
	return nil
}

// nodeStable: the API server accepts a binding only for a pod without a node
// (assignPod in pkg/registry/core/pod/storage) and no other change of nodeName.
func nodeStable(versions []journal.Version) error {
	node := ""
	for i, v := range versions {
		if now := v.Pod.Spec.NodeName; node != "" && now != node {
			return brokenAt(versions, i, "its nodeName changed from %s to %q", node, now)
		} else {
			node = now
		}
	}
	return nil
}

// containersFixed: the validation of pod updates lets images and resources
// change, and nothing else of containers. Ephemeral containers are another
// list and may be added.
func containersFixed(versions []journal.Version) error {
	for i := 1; i < len(versions); i++ {
		before, now := versions[i-1].Pod.Spec, versions[i].Pod.Spec
		if change := others(before.Containers, now.Containers); change != "" {
			return brokenAt(versions, i, "its containers changed%s", change)
		}
		if change := others(before.InitContainers, now.InitContainers); change != "" {
			return brokenAt(versions, i, "its init containers changed%s", change)
		}
	}
	return nil
}

// others says how containers became others, or "".
func others(before, now []corev1.Container) string {
	if was, is := names(before), names(now); !slices.Equal(was, is) {
		return fmt.Sprintf(" from %v to %v", was, is)
	}
	for i := range before {
		if !sameContainer(before[i], now[i]) {
			return fmt.Sprintf(": %s is another one, and not only in its image or resources", before[i].Name)
		}
	}
	return ""
}

// sameContainer compares all that may not change.
func sameContainer(a, b corev1.Container) bool {
	a.Image, a.Resources, a.ResizePolicy = b.Image, b.Resources, b.ResizePolicy
	return equality.Semantic.DeepEqual(a, b)
}

func names(containers []corev1.Container) []string {
	var all []string
	for _, c := range containers {
		all = append(all, c.Name)
	}
	return all
}

// deletionFinal: BeforeDelete in k8s.io/apiserver pkg/registry/rest/delete.go.
// The deletionTimestamp itself may move to a later second, when the grace
// period is shortened after it has passed, so the law is about the period.
func deletionFinal(versions []journal.Version) error {
	for i := 1; i < len(versions); i++ {
		before, now := versions[i-1].Pod, versions[i].Pod
		if before.DeletionTimestamp == nil {
			continue
		}
		if now.DeletionTimestamp == nil {
			return brokenAt(versions, i, "its deletionTimestamp was taken back")
		}
		from, to := before.DeletionGracePeriodSeconds, now.DeletionGracePeriodSeconds
		if from != nil && to != nil && *to > *from {
			return brokenAt(versions, i, "its deletionGracePeriodSeconds grew from %d to %d", *from, *to)
		}
	}
	return nil
}

// terminalBeforeGone: canBeDeleted in pkg/kubelet/status/status_manager.go
// waits until the API server shows a terminal phase, and the pod garbage
// collector sets Failed before it deletes. Left out are deletions that leave
// nothing to wait for (grace period 0 from the start, which a pod without a
// node always gets) and mirror pods, which the kubelet deletes on its own. That
// somebody forced a deletion which had begun gracefully cannot be told from
// the kubelet's own last step; a spec that does so must exempt itself.
func terminalBeforeGone(versions []journal.Version) error {
	grace, waits := goneAfterGrace(versions)
	if !waits {
		return nil
	}
	last := len(versions) - 1
	if phase := versions[last].Pod.Status.Phase; !terminal(phase) {
		return brokenAt(versions, last, "it is gone in phase %s after a deletion with grace %ds", phase, grace)
	}
	return nil
}

// goneAfterGrace says whether the pod is gone after a deletion that had something to wait
// for, and with which grace period that began, in seconds.
func goneAfterGrace(versions []journal.Version) (grace int64, waits bool) {
	last := len(versions) - 1
	if last < 0 || versions[last].Type != watch.Deleted {
		return 0, false
	}
	begun := slices.IndexFunc(versions, isDeleted)
	if begun < 0 {
		return 0, false
	}
	pod := versions[begun].Pod
	_, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]
	if mirror || pod.Spec.NodeName == "" || pod.DeletionGracePeriodSeconds == nil || *pod.DeletionGracePeriodSeconds == 0 {
		return 0, false
	}
	return *pod.DeletionGracePeriodSeconds, true
}
