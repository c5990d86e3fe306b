package pod

import corev1 "k8s.io/api/core/v1"

// PreStop gives the container a hook that the kubelet executes in it before it
// is told to end. What it takes counts against the grace period.
func PreStop(command ...string) ContainerOption {
	return func(c *corev1.Container) {
		c.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: command}}}
	}
}
