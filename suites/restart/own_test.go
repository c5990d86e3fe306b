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
	g.Expect(gateIsOn(metrics, "ContainerRestartRules")).To(BeTrue())
	g.Expect(gateIsOn(metrics, "ContainerRestart")).To(BeFalse())
	g.Expect(gateIsOn(metrics, "ContainerStopSignals")).To(BeFalse())
	g.Expect(gateIsOn(metrics, "Other")).To(BeFalse())
}
