package pod_test

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/framework/pod"
)

func TestPreStop(t *testing.T) {
	g := NewWithT(t)
	c := pod.New("web", pod.Container("c", "image:1", nil, pod.PreStop("/witness", "check"))).Spec.Containers[0]
	g.Expect(c.Lifecycle.PreStop.Exec.Command).To(Equal([]string{"/witness", "check"}))
	g.Expect(pod.New("web", pod.Container("c", "image:1", nil)).Spec.Containers[0].Lifecycle).To(BeNil())
}
