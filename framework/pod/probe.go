package pod

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// probePeriod is the period of the specs' probes in seconds, the shortest that
// the API takes, so that a spec sees many probes in little time.
const probePeriod = 1

// ProbeOption changes a probe.
type ProbeOption func(*corev1.Probe)

// HTTPGet probes a port of the pod by an HTTP request, every second.
func HTTPGet(port int, path string, options ...ProbeOption) *corev1.Probe {
	return probe(corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromInt(port)}}, options)
}

// TCP probes a port of the pod by opening a connection, every second.
func TCP(port int, options ...ProbeOption) *corev1.Probe {
	return probe(corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt(port)}}, options)
}

// GRPC probes a port of the pod by the gRPC health service, every second; the
// service may be "".
func GRPC(port int, service string, options ...ProbeOption) *corev1.Probe {
	return probe(corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: int32(port), Service: &service}}, options)
}

// Exec probes by a command in the container, every second.
func Exec(command ...string) *corev1.Probe {
	return probe(corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: command}}, nil)
}

// probe leaves the thresholds and the timeout to the API server's defaults.
func probe(handler corev1.ProbeHandler, options []ProbeOption) *corev1.Probe {
	p := &corev1.Probe{ProbeHandler: handler, PeriodSeconds: probePeriod}
	for _, option := range options {
		option(p)
	}
	return p
}

// Threshold sets how many failures in a row count as failed.
func Threshold(failures int32) ProbeOption {
	return func(p *corev1.Probe) { p.FailureThreshold = failures }
}

// Timeout sets the time that one probe may take, in seconds.
func Timeout(seconds int32) ProbeOption {
	return func(p *corev1.Probe) { p.TimeoutSeconds = seconds }
}

// InitialDelay sets the time from the start of the container to its first
// probe, in seconds.
func InitialDelay(seconds int32) ProbeOption {
	return func(p *corev1.Probe) { p.InitialDelaySeconds = seconds }
}

// NamedPort makes an HTTP or TCP probe name its port, which is one that the container gives
// the name by Port. A gRPC probe can only number it.
func NamedPort(name string) ProbeOption {
	return func(p *corev1.Probe) {
		switch {
		case p.HTTPGet != nil:
			p.HTTPGet.Port = intstr.FromString(name)
		case p.TCPSocket != nil:
			p.TCPSocket.Port = intstr.FromString(name)
		}
	}
}

// Secure makes an HTTP probe one by HTTPS.
func Secure() ProbeOption {
	return func(p *corev1.Probe) { p.HTTPGet.Scheme = corev1.URISchemeHTTPS }
}

// Readiness gives the container a readiness probe.
func Readiness(p *corev1.Probe, options ...ProbeOption) ContainerOption {
	return func(c *corev1.Container) { c.ReadinessProbe = with(p, options) }
}

// Liveness gives the container a liveness probe.
func Liveness(p *corev1.Probe, options ...ProbeOption) ContainerOption {
	return func(c *corev1.Container) { c.LivenessProbe = with(p, options) }
}

// Startup gives the container a startup probe.
func Startup(p *corev1.Probe, options ...ProbeOption) ContainerOption {
	return func(c *corev1.Container) { c.StartupProbe = with(p, options) }
}

// with is a copy, so that one probe can be given to several containers.
func with(p *corev1.Probe, options []ProbeOption) *corev1.Probe {
	p = p.DeepCopy()
	for _, option := range options {
		option(p)
	}
	return p
}
