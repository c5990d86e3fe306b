package pod_test

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/framework/pod"
)

func TestAContainerCanHaveBothHooks(t *testing.T) {
	g := NewWithT(t)
	c := pod.New("web", pod.Container("c", "image:1", nil, pod.PreStop("/witness", "check"), pod.PostStart("/hello"))).Spec.Containers[0]
	g.Expect(c.Lifecycle.PreStop.Exec.Command).To(Equal([]string{"/witness", "check"}))
	g.Expect(c.Lifecycle.PostStart.Exec.Command).To(Equal([]string{"/hello"}))
	g.Expect(pod.New("web", pod.Container("c", "image:1", nil)).Spec.Containers[0].Lifecycle).To(BeNil())
}
