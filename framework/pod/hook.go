package pod

import corev1 "k8s.io/api/core/v1"

// PreStop gives the container a hook that the kubelet executes in it before it
// is told to end. What it takes counts against the grace period.
func PreStop(command ...string) ContainerOption {
	return func(c *corev1.Container) { lifecycle(c).PreStop = execHook(command) }
}

// PostStart gives the container a hook that the kubelet executes in it right
// after its start, in no order with what the container itself does.
func PostStart(command ...string) ContainerOption {
	return func(c *corev1.Container) { lifecycle(c).PostStart = execHook(command) }
}

// lifecycle of the container, made when it has none yet.
func lifecycle(c *corev1.Container) *corev1.Lifecycle {
	if c.Lifecycle == nil {
		c.Lifecycle = &corev1.Lifecycle{}
	}
	return c.Lifecycle
}

func execHook(command []string) *corev1.LifecycleHandler {
	return &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: command}}
}
