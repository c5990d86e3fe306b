package law

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/podproof/podproof/framework/journal"
)

// eachStatus is the law that a status of a container keeps by itself: broken says what is
// wrong with it, "" if nothing is.
func eachStatus(broken func(container) string) func([]journal.Version) error {
	return func(versions []journal.Version) error {
		for i, v := range versions {
			for _, c := range containersOf(v) {
				if what := broken(c); what != "" {
					return brokenAt(versions, i, "%s%s", c.name(), what)
				}
			}
		}
		return nil
	}
}

// oneState: convertToAPIContainerStatuses in pkg/kubelet/kubelet_pods.go gives every
// container a state, by default that it waits.
func oneState(c container) string {
	var states []string
	if c.State.Waiting != nil {
		states = append(states, "waiting")
	}
	if c.State.Running != nil {
		states = append(states, "running")
	}
	if c.State.Terminated != nil {
		states = append(states, "terminated")
	}
	if len(states) == 1 {
		return ""
	}
	return fmt.Sprintf(" has the states %v and not exactly one", states)
}

// waitingReason leaves out a container that exists in the runtime and does not run, or of
// which the runtime does not say what it does: the kubelet calls both waiting and gives no
// reason (ContainerStateCreated and the default case in convertToAPIContainerStatuses). The
// container ID is then that of an instance that has not ended.
func waitingReason(c container) string {
	if c.State.Waiting == nil || c.State.Waiting.Reason != "" {
		return ""
	}
	last := c.LastTerminationState.Terminated
	if c.ContainerID != "" && (last == nil || last.ContainerID != c.ContainerID) {
		return ""
	}
	return " waits without a reason"
}

// ends are the ends that a status shows: that of the instance itself, and that of the one
// before.
func (c container) ends() []*corev1.ContainerStateTerminated {
	var all []*corev1.ContainerStateTerminated
	for _, t := range []*corev1.ContainerStateTerminated{c.State.Terminated, c.LastTerminationState.Terminated} {
		if t != nil {
			all = append(all, t)
		}
	}
	return all
}

// terminatedReason: the reason is the runtime's, and containerd gives Completed and Error
// by the exit code where it knows nothing better, such as OOMKilled
// (internal/cri/server/container_status.go). Where the runtime knows nothing, the kubelet
// gives a reason of its own.
func terminatedReason(c container) string {
	for _, t := range c.ends() {
		switch {
		case t.Reason == "":
			return fmt.Sprintf(" has ended with code %d and without a reason", t.ExitCode)
		case t.Reason == "Completed" && t.ExitCode != 0, t.Reason == "Error" && t.ExitCode == 0:
			return fmt.Sprintf(" has ended with code %d, and with the reason %s", t.ExitCode, t.Reason)
		}
	}
	return ""
}

// startNoted is how long after the start of a process a runtime may note it: containerd does
// so when the call that starts the process has returned (StartContainer in its package
// internal/cri/server). On a slow node a process can have ended before that.
const startNoted = 10 * time.Second

// terminatedTimes: both times are the runtime's, from the clock of the node. A container
// that was never started has none, or the beginning of Unix time.
func terminatedTimes(c container) string {
	for _, t := range c.ends() {
		if isSet(t.StartedAt.Time) && isSet(t.FinishedAt.Time) && t.FinishedAt.Add(startNoted).Before(t.StartedAt.Time) {
			return fmt.Sprintf(" finished at %s, before it started at %s", clock(t.FinishedAt.Time), clock(t.StartedAt.Time))
		}
	}
	return ""
}

func isSet(t time.Time) bool { return !t.IsZero() && t.Unix() != 0 }

func clock(t time.Time) string { return t.UTC().Format("15:04:05") }

const (
	// skew is how far the clock of a node may be from ours.
	skew = 2 * time.Second
	// outlives is how long a container may still be shown as running after the phase is
	// terminal, because the status that shows its end is on its way.
	outlives = 30 * time.Second
)

// terminalStopped: mergePodStatus in pkg/kubelet/status/status_manager.go holds the phase
// back while a container could run (couldHaveRunningContainers). It asks for that after it
// has taken the status, so a status from before the end of the containers can go out
// with a terminal phase, right before the one that shows their end. So what counts is not
// the state beside the phase, but whether a container went on: it finished later, or is
// still shown as running long after.
//
// Left out are pods that the control plane has ended since their node is lost: the pod
// garbage collector sets Failed and deletes the pod (markFailedAndDeletePod in
// pkg/controller/podgc), and nobody can tell what the containers do.
func terminalStopped(versions []journal.Version) error {
	type seen struct {
		at int // version in which the phase was terminal and the container ran first
		c  container
	}
	running := map[string]seen{} // by container ID
	for i, v := range versions {
		if nodeGone(v) {
			return nil
		}
		for _, c := range containersOf(v) {
			if c.runs() && terminal(v.Pod.Status.Phase) {
				if _, known := running[c.ContainerID]; !known {
					running[c.ContainerID] = seen{i, c}
				}
			}
			if was, known := running[c.ContainerID]; known && c.runs() && v.At.Sub(versions[was.at].At) > outlives {
				return brokenAt(versions, was.at, "its phase is %s, and %s still runs %s later", versions[was.at].Pod.Status.Phase, c.name(), v.At.Sub(versions[was.at].At).Round(time.Second))
			}
			for _, t := range c.ends() {
				was, known := running[t.ContainerID]
				if known && t.FinishedAt.Sub(versions[was.at].At) > skew {
					return brokenAt(versions, was.at, "its phase is %s, and %s runs on for %s", versions[was.at].Pod.Status.Phase, was.c.name(), t.FinishedAt.Sub(versions[was.at].At).Round(time.Second))
				}
			}
		}
	}
	return nil
}

// nodeGone says that the control plane takes the pod's node for lost: the node controller
// has set Ready to False (MarkPodsNotReady in pkg/controller/util/node, which gives no
// reason, as the kubelet always does), or the pod garbage collector has ended the pod.
func nodeGone(v journal.Version) bool {
	ready := condition(v.Pod, corev1.PodReady)
	if ready != nil && ready.Status == corev1.ConditionFalse && ready.Reason == "" {
		return true
	}
	disruption := condition(v.Pod, corev1.DisruptionTarget)
	return disruption != nil && disruption.Reason == "DeletionByPodGC"
}
