package kind

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/podproof/podproof/framework/api/apitest"
)

func TestProviderOfNodes(t *testing.T) {
	with := func(name, providerID string) corev1.Node {
		return *apitest.Node(name, func(n *corev1.Node) { n.Spec.ProviderID = providerID })
	}
	tests := map[string]struct {
		nodes []corev1.Node
		want  []string
	}{
		"kind":             {[]corev1.Node{with("a", "kind://podman/dev/a"), with("b", "kind://podman/dev/b")}, []string{"podman", "dev"}},
		"one is not":       {[]corev1.Node{with("a", "kind://docker/dev/a"), with("b", "aws:///z/i-1")}, []string{"", ""}},
		"of two clusters":  {[]corev1.Node{with("a", "kind://docker/dev/a"), with("b", "kind://docker/other/b")}, []string{"", ""}},
		"under other name": {[]corev1.Node{with("a", "kind://docker/dev/b")}, []string{"", ""}},
		"no nodes":         {nil, []string{"", ""}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			provider, cluster := providerOf(test.nodes)
			NewWithT(t).Expect([]string{provider, cluster}).To(Equal(test.want))
		})
	}
}
