package pod_test

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podproof/podproof/framework/pod"
)

// everything is a pod with every option that Pod Security "restricted" allows.
func everything() *corev1.Pod {
	probe := pod.HTTPGet(8080, "/healthz", pod.Threshold(5))
	return pod.New("web",
		pod.Restart(corev1.RestartPolicyNever), pod.Grace(7), pod.Deadline(60),
		pod.Volume("data"), pod.OnNode("w1"), pod.NodeSelector("zone", "a"), pod.ShareProcesses(),
		pod.Label("a", "1"), pod.Label("b", "2"), pod.Held(),
		pod.InitContainer("i", "image:1", []string{"exit", "0"}),
		pod.Sidecar("s", "image:1", []string{"serve"}),
		pod.Container("c", "image:1", []string{"serve", "8080"},
			pod.Mount("data", "/data"), pod.Env("A", "b"), pod.EnvField("IP", "status.podIP"),
			pod.Requests(corev1.ResourceCPU, "10m"),
			pod.Readiness(probe, pod.Timeout(3), pod.InitialDelay(6)),
			pod.Liveness(probe), pod.Startup(pod.Exec("/witness", "check"), pod.Threshold(30))),
		pod.Container("d", "image:1", nil, pod.MountReadOnly("data", "/in"), pod.Readiness(pod.TCP(9090))),
	)
}

// TestPodsAreRestricted follows the fields that the standard lists.
func TestPodsAreRestricted(t *testing.T) {
	g := NewWithT(t)
	p := everything()
	g.Expect(p.Spec.HostNetwork || p.Spec.HostPID || p.Spec.HostIPC).To(BeFalse())
	g.Expect(*p.Spec.SecurityContext.RunAsNonRoot).To(BeTrue())
	g.Expect(*p.Spec.SecurityContext.RunAsUser).To(BeEquivalentTo(65534))
	g.Expect(p.Spec.SecurityContext.SeccompProfile.Type).To(Equal(corev1.SeccompProfileTypeRuntimeDefault))
	g.Expect(*p.Spec.AutomountServiceAccountToken).To(BeFalse())
	g.Expect(*p.Spec.EnableServiceLinks).To(BeFalse())
	g.Expect(p.Spec.Volumes).To(HaveEach(HaveField("EmptyDir", Not(BeNil()))))

	containers := append(p.Spec.InitContainers, p.Spec.Containers...)
	g.Expect(containers).To(HaveLen(4))
	for _, c := range containers {
		g.Expect(*c.SecurityContext.AllowPrivilegeEscalation).To(BeFalse(), c.Name)
		g.Expect(c.SecurityContext.Privileged).To(BeNil(), c.Name)
		g.Expect(c.SecurityContext.Capabilities.Drop).To(ConsistOf(corev1.Capability("ALL")), c.Name)
		g.Expect(c.SecurityContext.Capabilities.Add).To(BeEmpty(), c.Name)
		g.Expect(c.ImagePullPolicy).To(Equal(corev1.PullIfNotPresent), c.Name)
		g.Expect(c.Command).To(BeEmpty(), c.Name)
		for _, port := range c.Ports {
			g.Expect(port.HostPort).To(BeZero(), c.Name)
		}
	}
}

func TestOptions(t *testing.T) {
	g := NewWithT(t)
	p := everything()
	g.Expect(p.Namespace).To(BeEmpty())
	g.Expect(p.Spec.RestartPolicy).To(Equal(corev1.RestartPolicyNever))
	g.Expect(*p.Spec.TerminationGracePeriodSeconds).To(BeEquivalentTo(7))
	g.Expect(*p.Spec.ActiveDeadlineSeconds).To(BeEquivalentTo(60))
	g.Expect(p.Spec.NodeName).To(Equal("w1"))
	g.Expect(p.Spec.NodeSelector).To(Equal(map[string]string{"zone": "a"}))
	g.Expect(*p.Spec.ShareProcessNamespace).To(BeTrue())
	g.Expect(p.Labels).To(Equal(map[string]string{"a": "1", "b": "2"}))
	g.Expect(p.Finalizers).To(ConsistOf("podproof.test/hold"))
	g.Expect(p.Spec.InitContainers[0].RestartPolicy).To(BeNil())
	g.Expect(*p.Spec.InitContainers[1].RestartPolicy).To(Equal(corev1.ContainerRestartPolicyAlways))

	c, d := p.Spec.Containers[0], p.Spec.Containers[1]
	g.Expect(c.Args).To(Equal([]string{"serve", "8080"}))
	g.Expect(c.VolumeMounts).To(ConsistOf(corev1.VolumeMount{Name: "data", MountPath: "/data"}))
	g.Expect(d.VolumeMounts).To(ConsistOf(corev1.VolumeMount{Name: "data", MountPath: "/in", ReadOnly: true}))
	g.Expect(c.Env[0]).To(Equal(corev1.EnvVar{Name: "A", Value: "b"}))
	g.Expect(c.Env[1].ValueFrom.FieldRef.FieldPath).To(Equal("status.podIP"))
	g.Expect(c.Resources.Requests.Cpu().MilliValue()).To(BeEquivalentTo(10))

	g.Expect(*c.ReadinessProbe).To(Equal(corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(8080)}},
		PeriodSeconds: 1, TimeoutSeconds: 3, FailureThreshold: 5, InitialDelaySeconds: 6,
	}))
	g.Expect(c.LivenessProbe.PeriodSeconds).To(BeEquivalentTo(1), "an option for one container does not reach another's probe")
	g.Expect(c.StartupProbe.Exec.Command).To(Equal([]string{"/witness", "check"}))
	g.Expect(c.StartupProbe.FailureThreshold).To(BeEquivalentTo(30))
	g.Expect(d.ReadinessProbe.TCPSocket.Port.IntValue()).To(Equal(9090))
}

func TestDefaultsAreLeftToTheServer(t *testing.T) {
	g := NewWithT(t)
	p := pod.New("web", pod.Container("c", "image:1", nil))
	g.Expect(p.Spec.TerminationGracePeriodSeconds).To(BeNil())
	g.Expect(p.Spec.RestartPolicy).To(BeEmpty())
	g.Expect(pod.New("web", pod.HostNetwork()).Spec.HostNetwork).To(BeTrue())
}
