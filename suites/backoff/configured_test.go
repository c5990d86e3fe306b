package backoff

import (
	"testing"

	. "github.com/onsi/gomega"
)

func TestConfiguredDelays(t *testing.T) {
	g := NewWithT(t)
	for configz, want := range map[string]string{
		`{"kubeletconfig":{}}`: "",
		`{"kubeletconfig":{"crashLoopBackOff":{},"featureGates":{"Other":true}}}`:                   "",
		`{"kubeletconfig":{"crashLoopBackOff":{"maxContainerRestartPeriod":"5m0s"}}}`:               "",
		`{"kubeletconfig":{"crashLoopBackOff":{"maxContainerRestartPeriod":"1m0s"}}}`:               "crashLoopBackOff.maxContainerRestartPeriod 1m0s",
		`{"kubeletconfig":{"featureGates":{"ReduceDefaultCrashLoopBackOffDecay":true}}}`:            "the feature gate ReduceDefaultCrashLoopBackOffDecay",
		`{"kubeletconfig":{"featureGates":{"ReduceDefaultCrashLoopBackOffDecay":false},"other":1}}`: "",
	} {
		g.Expect(otherThanDefault([]byte(configz))).To(Equal(want), configz)
	}
	_, err := otherThanDefault([]byte("no JSON"))
	g.Expect(err).To(HaveOccurred())
}
