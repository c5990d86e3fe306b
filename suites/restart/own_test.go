package restart

import (
	"testing"

	. "github.com/onsi/gomega"
)

func TestGateIsOn(t *testing.T) {
	g := NewWithT(t)
	const metrics = `# TYPE kubernetes_feature_enabled gauge
kubernetes_feature_enabled{name="ContainerRestart",stage="BETA"} 0
kubernetes_feature_enabled{name="ContainerRestartRules",stage="BETA"} 1
kubernetes_feature_enabled{name="ContainerStopSignals",stage="ALPHA"} 0
`
	for gate, want := range map[string][2]bool{
		"ContainerRestartRules": {true, true},
		"ContainerRestart":      {false, true},
		"ContainerStopSignals":  {false, true},
		"Other":                 {false, false},
	} {
		on, known := gateIsOn(metrics, gate)
		g.Expect([2]bool{on, known}).To(Equal(want), "%s", gate)
	}
}
