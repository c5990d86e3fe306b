package command

import (
	"testing"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/reports"
)

func TestMatrixUsage(t *testing.T) {
	for _, name := range []string{"KUBECONFIG", "PODPROOF_KUBECONFIG", "PODPROOF_K8S", "PODPROOF_NODE_IMAGE"} {
		t.Setenv(name, "")
	}
	for _, args := range [][]string{
		{"--k8s=1.37,latest"}, {"--kubeconfig=/absent"}, {"--node-image=kindest/node:v1.37.0"}, {"--focus=NONE-*"}, {"1.37"}, {"--versions=1.37"},
	} {
		NewWithT(t).Expect(podproof(append([]string{"matrix"}, args...)...)).To(Equal(reports.ExitUsage), "%v", args)
	}
	NewWithT(t).Expect(podproof("matrix", "-h")).To(Equal(0))
}
