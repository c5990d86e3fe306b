package pod_test

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podproof/podproof/framework/pod"
)

func TestPreStop(t *testing.T) {
	g := NewWithT(t)
	hook := func(options ...pod.ContainerOption) *corev1.Lifecycle {
		return pod.New("web", pod.Container("c", "image:1", nil, options...)).Spec.Containers[0].Lifecycle
	}
	g.Expect(hook(pod.PreStop("/witness", "check")).PreStop.Exec.Command).To(Equal([]string{"/witness", "check"}))
	g.Expect(hook(pod.PreStopHTTP(8080, "/bye")).PreStop.HTTPGet).To(Equal(&corev1.HTTPGetAction{Path: "/bye", Port: intstr.FromInt(8080)}))
	g.Expect(hook(pod.PreStopSleep(3)).PreStop.Sleep.Seconds).To(BeEquivalentTo(3))
	g.Expect(hook()).To(BeNil())
}
