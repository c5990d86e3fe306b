package probes

import (
	"errors"
	"fmt"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// handler is one mechanism with which a probe can check a container.
type handler struct {
	name string // its field in the API
	add  func(*corev1.ProbeHandler)
}

var handlers = []handler{
	{"exec", func(h *corev1.ProbeHandler) { h.Exec = &corev1.ExecAction{Command: witness.Check()} }},
	{"httpGet", func(h *corev1.ProbeHandler) { h.HTTPGet = &corev1.HTTPGetAction{Port: intstr.FromInt(httpPort)} }},
	{"tcpSocket", func(h *corev1.ProbeHandler) { h.TCPSocket = &corev1.TCPSocketAction{Port: intstr.FromInt(httpPort)} }},
	{"grpc", func(h *corev1.ProbeHandler) { h.GRPC = &corev1.GRPCAction{Port: httpPort} }},
}

var _ = Describe("A probe", func() {
	ns := space{spec.Namespace()}

	It("has exactly one of four mechanisms", claim.Proves("PROBE-00"), func(ctx SpecContext) {
		// try sends the API server a Pod whose container and sidecar have three probes with
		// these mechanisms, without creating it.
		try := func(chosen ...handler) (*corev1.Pod, error) {
			probe := &corev1.Probe{}
			for _, m := range chosen {
				m.add(&probe.ProbeHandler)
			}
			all := []pod.ContainerOption{pod.Liveness(probe), pod.Readiness(probe), pod.Startup(probe)}
			p := pod.New("probed", ns.Sidecar("s", witness.Run(), all...), ns.Witness("w", witness.Run(), all...))
			return ns.API.Client.CoreV1().Pods(ns.Name()).Create(ctx, p, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		}

		for i, one := range handlers {
			accepted, err := try(one)
			Expect(err).NotTo(HaveOccurred(), "a Pod whose probes have the mechanism %s must be accepted", one.name)
			var want corev1.ProbeHandler
			one.add(&want)
			for _, probe := range probesOf(accepted, "w", "s") {
				Expect(probe).NotTo(BeNil(), "the API server must keep a probe with %s", one.name)
				got := []bool{probe.Exec != nil, probe.HTTPGet != nil, probe.TCPSocket != nil, probe.GRPC != nil}
				Expect(got).To(Equal([]bool{want.Exec != nil, want.HTTPGet != nil, want.TCPSocket != nil, want.GRPC != nil}), "the API server must keep the mechanism %s of a probe and add no other", one.name)
			}
			for _, other := range handlers[i+1:] {
				_, err := try(one, other)
				// The named mechanism comes second in the API server's own order.
				expectRefused(err, fmt.Sprintf("the mechanisms %s and %s", one.name, other.name), "."+other.name)
			}
		}
		_, err := try()
		expectRefused(err, "no mechanism", "")
	})
})

// expectRefused expects a 422 that names a field of each of the three probes.
func expectRefused(err error, what, field string) {
	GinkgoHelper()
	Expect(apierrors.IsInvalid(err)).To(BeTrue(), "a Pod whose probes have %s must be refused with 422 (Invalid), but its creation returned: %v", what, err)
	var refused *apierrors.StatusError
	errors.As(err, &refused)
	for _, kind := range []string{"livenessProbe", "readinessProbe", "startupProbe"} {
		for _, containers := range []string{"containers", "initContainers"} {
			// Admission may have put a container before it.
			Expect(refused.ErrStatus.Details.Causes).To(ContainElement(HaveField("Field", MatchRegexp(`^spec\.%s\[\d+\]\.%s$`, containers, kind+field))), "a Pod whose probes have %s must be refused for the %s in its %s too", what, kind, containers)
		}
	}
}

// probesOf are the three probes of each of the named containers.
func probesOf(p *corev1.Pod, names ...string) []*corev1.Probe {
	var all []*corev1.Probe
	for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
		if slices.Contains(names, c.Name) {
			all = append(all, c.LivenessProbe, c.ReadinessProbe, c.StartupProbe)
		}
	}
	return all
}
