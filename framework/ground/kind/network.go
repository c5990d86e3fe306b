package kind

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/podproof/podproof/framework/ground/engine"
	"github.com/podproof/podproof/framework/ground/process"
)

// networkTimeout bounds the wait for the addresses that the controller manager
// gives each node, which takes a second or two.
const networkTimeout = 60 * time.Second

const (
	cniDir = "/etc/cni/net.d"
	// cniFile is the configuration of the network that podproof lays.
	cniFile = cniDir + "/10-podproof.conflist"
	// routeProtocol marks the routes that podproof sets. Linux gives the number to
	// nobody (rtnetlink(7)).
	routeProtocol = "112"
)

// cniConfig is the network of one node in the form in which the kubelet's
// runtime reads it: a pair of interfaces for each pod, and an address out of the
// node's own range. Host ports, which no pod here asks for, are left out: their plugin
// asks iptables several times for each pod, which made a run use 9 % more of the cores.
// https://www.cni.dev/docs/spec/#network-configuration-format
func cniConfig(podCIDRs []string) ([]byte, error) {
	var ranges [][]map[string]string
	for _, cidr := range podCIDRs {
		ranges = append(ranges, []map[string]string{{"subnet": cidr}})
	}
	return json.MarshalIndent(map[string]any{
		"cniVersion": "0.4.0",
		"name":       "podproof",
		"plugins": []map[string]any{
			{
				"type":   "ptp",
				"ipMasq": false,
				"ipam": map[string]any{
					"type": "host-local",
					// Addresses are forgotten with the pods that had them when the
					// node starts again.
					"dataDir": "/run/cni-ipam-state",
					"ranges":  ranges,
					"routes":  []map[string]string{{"dst": "0.0.0.0/0"}},
				},
			},
		},
	}, "", "  ")
}

// networkScript sets up the network of a node with the given ranges of pod
// addresses. Peers are the ranges of the other nodes, with the address of the
// node that has them. The script sets routes to the pods of its peers, has pods that
// leave the cluster do so under the node's address, and last puts the CNI
// configuration, its standard input, where its arrival makes the node ready.
// Running it twice changes nothing; what is left of ranges that nodes no longer
// have, as a node that registered anew gets another one, is removed.
func networkScript(own []string, peers map[string]string) string {
	var script strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&script, format+"\n", args...) }
	line("set -e")
	inside := slices.Clone(own)
	for _, cidr := range slices.Sorted(maps.Keys(peers)) {
		line("ip route replace %s via %s protocol %s", cidr, peers[cidr], routeProtocol)
		inside = append(inside, cidr)
	}
	line("ip route show protocol %s | while read -r range rest; do", routeProtocol)
	line("  case ' %s ' in *\" $range \"*) ;; *) ip route delete $range ;; esac", strings.Join(inside[len(own):], " "))
	line("done")
	line("nat='iptables --wait --table nat'")
	line("$nat --new-chain PODPROOF 2>/dev/null || $nat --flush PODPROOF")
	for _, cidr := range inside {
		line("$nat --append PODPROOF --destination %s --jump RETURN", cidr)
	}
	line("$nat --append PODPROOF --jump MASQUERADE")
	line("$nat --list-rules POSTROUTING | sed -n 's/^-A \\(.*-j PODPROOF\\)$/\\1/p' | while read -r rule; do")
	line("  range=${rule#*-s }")
	line("  case ' %s ' in *\" ${range%%%% *} \"*) ;; *) $nat --delete $rule ;; esac", strings.Join(own, " "))
	line("done")
	for _, cidr := range own {
		line("rule='POSTROUTING --source %s --match addrtype ! --dst-type LOCAL --jump PODPROOF'", cidr)
		line("$nat --check $rule 2>/dev/null || $nat --append $rule")
	}
	line("mkdir -p %s", cniDir)
	line("cat > %s/.podproof", cniDir)
	line("mv %s/.podproof %s", cniDir, cniFile)
	return script.String()
}

// layNetwork gives every node of a cluster without a network plugin of its own
// its part of the network.
func layNetwork(ctx context.Context, client kubernetes.Interface, e *engine.Engine, count int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, networkTimeout, fmt.Errorf("not all nodes have their pod addresses after %s", networkTimeout))
	defer cancel()
	nodes, err := awaitNodes(ctx, client, count, hasPodCIDR, func(*corev1.Node) string {
		return "the controller manager has given it no range of pod addresses"
	})
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for name, node := range nodes {
		peers := map[string]string{}
		for other, peer := range nodes {
			if other != name {
				for _, cidr := range peer.Spec.PodCIDRs {
					peers[cidr] = internalIP(peer)
				}
			}
		}
		group.Go(func() error {
			config, err := cniConfig(node.Spec.PodCIDRs)
			if err != nil {
				return err
			}
			cmd := e.Command(ctx, "exec", "--privileged", "--interactive", name, "sh", "-c", networkScript(node.Spec.PodCIDRs, peers))
			cmd.Stdin = bytes.NewReader(config)
			if output, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("network of node %s: %w", name, process.Failure(ctx, cmd, err, output))
			}
			return nil
		})
	}
	return group.Wait()
}
