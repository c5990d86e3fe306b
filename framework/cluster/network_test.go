package cluster

import (
	"os/exec"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

func TestCNIConfig(t *testing.T) {
	g := NewWithT(t)
	config, err := cniConfig([]string{"10.244.1.0/24"})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(config).To(MatchJSON(`{
		"cniVersion": "0.4.0",
		"name": "podproof",
		"plugins": [
			{
				"type": "ptp",
				"ipMasq": false,
				"ipam": {
					"type": "host-local",
					"dataDir": "/run/cni-ipam-state",
					"ranges": [[{"subnet": "10.244.1.0/24"}]],
					"routes": [{"dst": "0.0.0.0/0"}]
				}
			},
			{"type": "portmap", "capabilities": {"portMappings": true}}
		]
	}`))
}

func TestNetworkScript(t *testing.T) {
	g := NewWithT(t)
	script := networkScript([]string{"10.244.1.0/24"}, map[string]string{
		"10.244.2.0/24": "172.18.0.4",
		"10.244.0.0/24": "172.18.0.2",
	})
	check := exec.Command("sh", "-n")
	check.Stdin = strings.NewReader(script)
	g.Expect(check.Run()).To(Succeed(), script)

	lines := strings.Split(strings.TrimSpace(script), "\n")
	g.Expect(lines[0]).To(Equal("set -e"), "what fails is not passed over")
	g.Expect(lines).To(ContainElements(
		"ip route replace 10.244.0.0/24 via 172.18.0.2",
		"ip route replace 10.244.2.0/24 via 172.18.0.4",
		"$nat --append PODPROOF --destination 10.244.0.0/24 --jump RETURN",
		"$nat --append PODPROOF --destination 10.244.1.0/24 --jump RETURN",
		"$nat --append PODPROOF --destination 10.244.2.0/24 --jump RETURN",
	))
	g.Expect(script).NotTo(ContainSubstring("route replace 10.244.1.0/24"), "a node's own pods are on its own interfaces")
	g.Expect(lines[len(lines)-1]).To(HavePrefix("mv "), "the configuration, which makes the node ready, arrives last and whole")
}
