package namespace

import (
	"testing"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/pod"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"
)

func TestAltered(t *testing.T) {
	cpu := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m")}
	for name, c := range map[string]struct {
		admission func(*corev1.PodSpec)
		want      []string
	}{
		"defaults": {func(s *corev1.PodSpec) {
			s.RestartPolicy, s.DNSPolicy, s.ServiceAccountName = corev1.RestartPolicyAlways, corev1.DNSClusterFirst, "default"
			s.Tolerations = []corev1.Toleration{{Key: "node.kubernetes.io/not-ready"}}
			s.Containers[0].TerminationMessagePath = "/dev/termination-log"
			s.Containers[0].ReadinessProbe.TimeoutSeconds, s.Containers[0].ReadinessProbe.FailureThreshold = 1, 3
		}, nil},
		"a sidecar": {func(s *corev1.PodSpec) { s.Containers = append(s.Containers, corev1.Container{Name: "proxy"}) }, []string{"container proxy was added"}},
		"an init container": {func(s *corev1.PodSpec) { s.InitContainers = append(s.InitContainers, corev1.Container{Name: "setup"}) },
			[]string{"init container setup was added"}},
		"a container less": {func(s *corev1.PodSpec) { s.Containers = s.Containers[:1] }, []string{"container other was taken away"}},
		"an image":         {func(s *corev1.PodSpec) { s.Containers[0].Image = "mirror/w:1" }, []string{"container w has the image mirror/w:1 and not w:1"}},
		"a LimitRange":     {func(s *corev1.PodSpec) { s.Containers[0].Resources.Limits = cpu }, []string{"container w was given other resources, as a LimitRange does"}},
		"a probe rewritten": {func(s *corev1.PodSpec) { s.Containers[0].ReadinessProbe.HTTPGet.Path = "/app-health" },
			[]string{"container w was changed"}},
		"a pull policy": {func(s *corev1.PodSpec) { s.Containers[0].ImagePullPolicy = corev1.PullAlways }, []string{"container w has the imagePullPolicy Always and not " + string(corev1.PullIfNotPresent)}},
		"a hook": {func(s *corev1.PodSpec) {
			s.Containers[1].Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{}}
		},
			[]string{"container other was given a hook"}},
		"a probe":            {func(s *corev1.PodSpec) { s.Containers[1].LivenessProbe = &corev1.Probe{} }, []string{"container other was given a liveness probe"}},
		"a deadline":         {func(s *corev1.PodSpec) { s.ActiveDeadlineSeconds = ptr.To(int64(3600)) }, []string{"the Pod's own fields were changed"}},
		"a grace period":     {func(s *corev1.PodSpec) { s.TerminationGracePeriodSeconds = ptr.To(int64(300)) }, []string{"the Pod's own fields were changed"}},
		"a gate that is off": {func(s *corev1.PodSpec) { s.Containers[1].RestartPolicy = nil }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			asked := pod.New("p", pod.Grace(5),
				pod.Container("w", "w:1", nil, pod.Readiness(pod.HTTPGet(80, "/"))),
				pod.Container("other", "w:1", nil, pod.RestartContainer(corev1.ContainerRestartPolicyNever)))
			stored := asked.DeepCopy()
			c.admission(&stored.Spec)
			NewWithT(t).Expect(Altered(asked, stored)).To(Equal(c.want))
		})
	}
}

func TestRequestsThatComeWithLimitsAreNoAlteration(t *testing.T) {
	g := NewWithT(t)
	cpu := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}
	asked := pod.New("p", pod.Container("w", "w:1", nil, func(c *corev1.Container) { c.Resources.Limits = cpu }))
	stored := asked.DeepCopy()
	stored.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1000m")}
	g.Expect(Altered(asked, stored)).To(BeEmpty())
	stored.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = resource.MustParse("2")
	g.Expect(Altered(asked, stored)).To(HaveLen(1))
}

func TestRefusalsOfKubectl(t *testing.T) {
	g := NewWithT(t)
	for stderr, want := range map[string]string{
		"": "",
		"Error from server (Forbidden): error when creating STDIN: exceeded quota: small\n":                          "Error from server (Forbidden): error when creating STDIN: exceeded quota: small",
		"Warning: old\nError from server: admission webhook w denied the request: no\n":                              "Error from server: admission webhook w denied the request: no",
		"The pods \"once\" is invalid: : ValidatingAdmissionPolicy 'limits' with binding 'all' denied request: no\n": "The pods \"once\" is invalid: : ValidatingAdmissionPolicy 'limits' with binding 'all' denied request: no",
		"Unable to connect to the server: getting credentials: exec: executable aws failed with exit code 255\n":     "Unable to connect to the server: getting credentials: exec: executable aws failed with exit code 255",
		"The Pod applied is invalid: spec: Forbidden: pod updates may not change fields other than the image\n":      "",
		"Error from server (AlreadyExists): error when creating STDIN: pods once already exists\n":                   "",
	} {
		g.Expect(refusal(stderr)).To(Equal(want))
	}
}
