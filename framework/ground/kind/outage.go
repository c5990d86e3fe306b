package kind

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"

	"github.com/podproof/podproof/framework/cluster"
	"github.com/podproof/podproof/framework/owner"
)

// loseTimeout bounds how long it takes to cut a node off, which is seconds.
const loseTimeout = 30 * time.Second

// lostMark is a file on a node that has been taken away; it names the process
// that did so. It is gone when the node itself is started again, and so is all
// that was done to the node.
const lostMark = "/run/podproof-lost"

// loseScript cuts a node with the given address off: no packet passes between it,
// or its pods, and any other machine, and its kubelet stops. Its addresses and
// routes stay. What runs on the node goes on. The tables are those that every
// packet passes and that kube-proxy lets through; the file is made first, so that
// no two runs take the node, and what is half done is put right again.
func loseScript(by, ip string) string {
	return `set -e
if ! (set -C; echo '` + by + `' > ` + lostMark + `) 2>/dev/null; then
  echo "already taken away by $(cat ` + lostMark + `)" >&2
  exit 1
fi
device=$(ip -oneline address show to '` + ip + `' | sed -n '1s/^[0-9]*: *\([^ ]*\).*/\1/p')
test -n "$device"
cut() {
  table="$1 --wait --table mangle"
  $table --new-chain PODPROOF-CUT
  $table --append PODPROOF-CUT --jump DROP
  $table --insert PREROUTING --in-interface "$device" --jump PODPROOF-CUT
  $table --insert POSTROUTING --out-interface "$device" --jump PODPROOF-CUT
}
cut iptables
cut ip6tables || true # not every kernel has it
systemctl stop kubelet
`
}

// reconnectScript takes back all of loseScript but the file, and prints when, by
// the node's clock. What has not been done is passed over.
const reconnectScript = `
date +%s
for command in iptables ip6tables; do
  table="$command --wait --table mangle"
  for chain in PREROUTING POSTROUTING; do
    $table --list-rules $chain | sed -n 's/^-A \(.*-j PODPROOF-CUT\)$/\1/p' | while read -r rule; do
      $table --delete $rule
    done
  done
  $table --flush PODPROOF-CUT
  $table --delete-chain PODPROOF-CUT
done 2>/dev/null
systemctl start kubelet
`

// Lose takes the reserved node away; see cluster.Control.
func (c *Cluster) Lose(ctx context.Context) error {
	node := c.ReservedNode()
	if node == nil || len(node.InternalIPs) == 0 {
		return errors.New("the cluster has no node that may be taken away")
	}
	// An interrupt must not leave behind a command that still cuts the node off
	// when it is recovered.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loseTimeout)
	defer cancel()
	if _, err := c.Run(ctx, node.Name, "sh", "-c", loseScript(owner.Current(), node.InternalIPs[0])); err != nil {
		return fmt.Errorf("taking node %s away: %w", node.Name, err)
	}
	return nil
}

// Recover brings the reserved node back; see cluster.Control.
func (c *Cluster) Recover(ctx context.Context) error {
	node := c.ReservedNode()
	if node == nil {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, cluster.RecoverTimeout, fmt.Errorf("not back after %s", cluster.RecoverTimeout))
	defer cancel()
	by, err := c.lostBy(ctx, node.Name)
	if err == nil && by == owner.Current() {
		err = c.recover(ctx, node.Name)
	}
	if err != nil {
		return fmt.Errorf("bringing node %s back: %w", node.Name, err)
	}
	return nil
}

// lostBy names the process that has taken the node away, "" when none has.
func (c *Cluster) lostBy(ctx context.Context, node string) (string, error) {
	return c.Run(ctx, node, "sh", "-c", "test ! -e "+lostMark+" || cat "+lostMark)
}

// recover brings a node back. Its Node object may be gone; then the node gets
// another range of pod addresses.
func (c *Cluster) recover(ctx context.Context, name string) error {
	e := c.engine()
	client, err := c.Client()
	if err != nil {
		return err
	}
	all, err := containers(ctx, e, c.Name)
	if err != nil {
		return err
	}
	printed, err := c.Run(ctx, name, "sh", "-c", reconnectScript)
	if err != nil {
		return err
	}
	seconds, err := strconv.ParseInt(printed, 10, 64)
	if err != nil {
		return fmt.Errorf("its clock says: %w", err)
	}
	since := time.Unix(seconds, 0)
	laid, err := c.Run(ctx, name, "sh", "-c", "test ! -e "+cniFile+" || echo yes")
	if err != nil {
		return err
	}
	if laid != "" {
		if err := layNetwork(ctx, client, e, len(all)); err != nil {
			return err
		}
	}
	nodes, err := awaitNodes(ctx, client, len(all), takesPods(map[string]time.Time{name: since}), whyNot)
	if err != nil {
		return err
	}
	node := nodes[name]
	if node == nil || !cluster.NodeOf(node).Reserved {
		return errors.New("it registered without its reservation")
	}
	if err := c.awaitPodRange(ctx, node); err != nil {
		return err
	}
	_, err = c.Run(ctx, name, "rm", lostMark)
	return err
}

// awaitPodRange waits until the network plugin gives addresses of the range that
// the node has by now. A plugin of the image learns of it after the kubelet.
func (c *Cluster) awaitPodRange(ctx context.Context, node *corev1.Node) error {
	const most = 30 * time.Second
	for _, cidr := range node.Spec.PodCIDRs {
		script := fmt.Sprintf("until grep --quiet --fixed-strings '%s' %s/*; do sleep 0.2; done", cidr, cniDir)
		if _, err := c.Run(ctx, node.Name, "timeout", fmt.Sprint(most.Seconds()), "sh", "-c", script); err != nil {
			return fmt.Errorf("its pods do not get addresses of its range %s: %w", cidr, err)
		}
	}
	return nil
}

// AwaitEnded waits until the container does not run any more; see cluster.Control.
func (c *Cluster) AwaitEnded(ctx context.Context, node, containerID string, most time.Duration) error {
	_, id, _ := strings.Cut(containerID, "://")
	script := fmt.Sprintf("while ctr --namespace k8s.io tasks list --quiet | grep --quiet '^%s'; do sleep 0.2; done", id)
	if _, err := c.Run(ctx, node, "timeout", fmt.Sprint(most.Seconds()), "sh", "-c", script); err != nil {
		return fmt.Errorf("container %s has not ended on node %s within %s: %w", id, node, most, err)
	}
	return nil
}

// recoverLost brings back the nodes of a kept cluster that a run which was killed
// had taken away.
func (c *Cluster) recoverLost(ctx context.Context, nodes []container) error {
	ctx, cancel := context.WithTimeoutCause(ctx, cluster.RecoverTimeout, fmt.Errorf("not back after %s", cluster.RecoverTimeout))
	defer cancel()
	var group errgroup.Group
	for _, node := range nodes {
		group.Go(func() error {
			by, err := c.lostBy(ctx, node.name)
			if err == nil && by != "" {
				c.Log.Info("Cluster %s: bringing node %s back, which %s took away.", c.Name, node.name, by)
				err = c.recover(ctx, node.name)
			}
			if err != nil {
				return fmt.Errorf("node %s: %w", node.name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// recoverAbandoned does so on a cluster that other runs may be using, for the
// nodes whose takers are dead, and notes the nodes that are away now.
func (c *Cluster) recoverAbandoned(ctx context.Context) error {
	all, err := containers(ctx, c.engine(), c.Name)
	if err != nil {
		return err
	}
	var abandoned []container
	c.takenAway = map[string]bool{}
	for _, node := range all {
		by, err := c.lostBy(ctx, node.name)
		switch {
		case err != nil:
			return fmt.Errorf("node %s: %w", node.name, err)
		case by != "" && owner.Ended(by):
			abandoned = append(abandoned, node)
		case by != "":
			c.takenAway[node.name] = true
		}
	}
	return c.recoverLost(ctx, abandoned)
}
