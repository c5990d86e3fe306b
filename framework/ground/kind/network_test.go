package kind

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/podproof/podproof/framework/api/apitest"
	"github.com/podproof/podproof/framework/ground/engine"
)

func TestEveryNodeGetsItsPartOfTheNetwork(t *testing.T) {
	g := NewWithT(t)
	// An engine that writes down what is run on each node, and what it is fed.
	bin, seen := t.TempDir(), t.TempDir()
	script := "#!/bin/sh\n" + // exec --privileged --interactive NODE sh -c SCRIPT
		"echo \"$7\" > " + seen + "/$4.script; cat > " + seen + "/$4.stdin\n"
	g.Expect(os.WriteFile(filepath.Join(bin, "docker"), []byte(script), 0o755)).To(Succeed())
	t.Setenv("PATH", bin+":/usr/bin:/bin")

	var nodes []runtime.Object
	for i, name := range []string{"a", "b", "c"} {
		nodes = append(nodes, apitest.Node(name, func(n *corev1.Node) {
			n.Spec.PodCIDRs = []string{fmt.Sprintf("10.244.%d.0/24", i)}
			n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: fmt.Sprintf("172.18.0.%d", i)}}
		}))
	}
	g.Expect(layNetwork(t.Context(), apitest.Watched("nodes", nodes), &engine.Engine{Name: "docker"}, 3)).To(Succeed())

	fed, err := os.ReadFile(filepath.Join(seen, "b.stdin"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(fed)).To(And(ContainSubstring("10.244.1.0/24"), Not(ContainSubstring("10.244.0.0/24"))))
	run, err := os.ReadFile(filepath.Join(seen, "b.script"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(run)).To(And(
		ContainSubstring("ip route replace 10.244.0.0/24 via 172.18.0.0 protocol 112\n"),
		ContainSubstring("ip route replace 10.244.2.0/24 via 172.18.0.2 protocol 112\n"),
		Not(ContainSubstring("ip route replace 10.244.1.0/24")),
	))

	g.Expect(os.WriteFile(filepath.Join(bin, "docker"), []byte("#!/bin/sh\necho no such container >&2; exit 1\n"), 0o755)).To(Succeed())
	g.Expect(layNetwork(t.Context(), apitest.Watched("nodes", nodes), &engine.Engine{Name: "docker"}, 3)).
		To(MatchError(ContainSubstring("network of node ")))
}

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
			}
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
		"ip route replace 10.244.0.0/24 via 172.18.0.2 protocol 112",
		"ip route replace 10.244.2.0/24 via 172.18.0.4 protocol 112",
		"$nat --append PODPROOF --destination 10.244.0.0/24 --jump RETURN",
		"$nat --append PODPROOF --destination 10.244.1.0/24 --jump RETURN",
		"$nat --append PODPROOF --destination 10.244.2.0/24 --jump RETURN",
	))
	g.Expect(script).NotTo(ContainSubstring("route replace 10.244.1.0/24"), "a node's own pods are on its own interfaces")
	g.Expect(lines[len(lines)-1]).To(HavePrefix("mv "), "the configuration, which makes the node ready, arrives last and whole")
}

func TestNetworkScriptRemovesRangesThatNodesNoLongerHave(t *testing.T) {
	g := NewWithT(t)
	bin, did := t.TempDir(), filepath.Join(t.TempDir(), "did")
	for name, prints := range map[string]string{
		"ip": "case \"$*\" in 'route show'*) echo '10.244.0.0/24 via 172.18.0.2 dev eth0'; echo '10.244.7.0/24 via 172.18.0.4 dev eth0' ;; esac",
		"iptables": `case "$*" in *--list-rules*)
	echo '-P POSTROUTING ACCEPT'
	echo '-A POSTROUTING -j KUBE-POSTROUTING'
	echo '-A POSTROUTING -s 10.244.1.0/24 -m addrtype ! --dst-type LOCAL -j PODPROOF'
	echo '-A POSTROUTING -s 10.244.9.0/24 -m addrtype ! --dst-type LOCAL -j PODPROOF' ;;
esac`,
	} {
		g.Expect(os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\necho "+name+" $* >> "+did+"\n"+prints+"\n"), 0o755)).To(Succeed())
	}
	script := networkScript([]string{"10.244.1.0/24"}, map[string]string{"10.244.0.0/24": "172.18.0.2"})
	run := exec.Command("sh", "-c", strings.ReplaceAll(script, cniDir, t.TempDir()))
	run.Env = []string{"PATH=" + bin + ":/usr/bin:/bin"}
	output, err := run.CombinedOutput()
	g.Expect(err).NotTo(HaveOccurred(), string(output))

	lines, err := os.ReadFile(did)
	g.Expect(err).NotTo(HaveOccurred())
	var deleted []string
	for line := range strings.Lines(string(lines)) {
		if strings.Contains(line, "delete") {
			deleted = append(deleted, strings.TrimSpace(line))
		}
	}
	g.Expect(deleted).To(Equal([]string{
		"ip route delete 10.244.7.0/24",
		"iptables --wait --table nat --delete POSTROUTING -s 10.244.9.0/24 -m addrtype ! --dst-type LOCAL -j PODPROOF",
	}))
}
