package law

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/podproof/podproof/framework/journal"
)

// container is one container as one version of its pod shows it.
type container struct {
	corev1.ContainerStatus
	kind string           // what stands before its name, such as "init container "
	spec corev1.Container // what the pod's spec says of it
	// completes says that it is an init container that has to end before the next one
	// begins, and so no sidecar.
	completes bool
}

// containersOf are all containers of a version that have a status.
func containersOf(v journal.Version) []container {
	spec := v.Pod.Spec
	debuggers := make([]corev1.Container, 0, len(spec.EphemeralContainers))
	for _, c := range spec.EphemeralContainers {
		debuggers = append(debuggers, corev1.Container(c.EphemeralContainerCommon))
	}
	specs := [...][]corev1.Container{spec.InitContainers, spec.Containers, debuggers}
	var all []container
	for i, group := range journal.Containers(v.Pod) {
		for _, status := range group.Statuses {
			c := container{ContainerStatus: status, kind: group.Prefix}
			if j := slices.IndexFunc(specs[i], func(s corev1.Container) bool { return s.Name == status.Name }); j >= 0 {
				c.spec = specs[i][j]
			}
			policy := c.spec.RestartPolicy
			c.completes = i == 0 && (policy == nil || *policy != corev1.ContainerRestartPolicyAlways)
			all = append(all, c)
		}
	}
	return all
}

// name tells the container from all others of its pod.
func (c container) name() string { return c.kind + c.Name }

func (c container) runs() bool      { return c.State.Running != nil }
func (c container) isStarted() bool { return c.Started != nil && *c.Started }
func (c container) isProbed() bool {
	return c.spec.StartupProbe != nil || c.spec.ReadinessProbe != nil
}

// endedWith says whether this instance or the one before ended with the code.
func (c container) endedWith(code int32) bool {
	return slices.ContainsFunc(c.ends(), func(t *corev1.ContainerStateTerminated) bool { return t.ExitCode == code })
}

// lost says that the kubelet made up the container's end, for it could not find the
// container (ContainerReasonStatusUnknown in pkg/kubelet/container). TerminatePod in
// pkg/kubelet/status then changes the state and leaves all else as it was.
func (c container) lost() bool {
	return c.State.Terminated != nil && c.State.Terminated.Reason == "ContainerStatusUnknown"
}

// restartsInPlace says that the kubelet removes the container to start all containers of
// its pod again (restart rules with the action RestartAllContainers). It then counts and
// keeps the status on its own, without a container in the runtime.
func (c container) restartsInPlace() bool {
	const reason = "RestartingAllContainers" // of pkg/kubelet
	waiting, ended, last := c.State.Waiting, c.State.Terminated, c.LastTerminationState.Terminated
	return waiting != nil && waiting.Reason == reason || ended != nil && ended.Reason == reason || last != nil && last.Reason == reason
}

// inherits says of the first version of an instance whether the instance can have taken
// over from the one before that it is started, which is the bug
// https://github.com/kubernetes/kubernetes/issues/141155: from 1.35 on
// convertToAPIContainerStatuses in pkg/kubelet/kubelet_pods.go copies started to whatever
// runs under the same name. It needs a startup probe, and a kubelet that has killed and
// started the container in one go, so that it has not seen it ended in between; the
// version before then shows the former instance running and started.
func inherits(before, now container) bool {
	return now.spec.StartupProbe != nil && now.ContainerID != before.ContainerID && before.runs() && before.isStarted()
}
