package pod

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// PreStop gives the container a hook that the kubelet executes in it before it
// is told to end. What it takes counts against the grace period.
func PreStop(command ...string) ContainerOption {
	return preStop(corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: command}})
}

// PreStopHTTP is PreStop by an HTTP request to a port of the pod.
func PreStopHTTP(port int, path string) ContainerOption {
	return preStop(corev1.LifecycleHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromInt(port)}})
}

// PreStopSleep is PreStop for which the kubelet itself waits, and starts nothing.
func PreStopSleep(seconds int64) ContainerOption {
	return preStop(corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: seconds}})
}

func preStop(handler corev1.LifecycleHandler) ContainerOption {
	return func(c *corev1.Container) { c.Lifecycle = &corev1.Lifecycle{PreStop: &handler} }
}
