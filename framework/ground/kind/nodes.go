package kind

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"

	"github.com/podproof/podproof/framework/api"
	"github.com/podproof/podproof/framework/cluster"
)

// awaitNodes waits until there are count nodes for all of which holds is true,
// and returns them by name. The error says what is wrong with those for which it
// is not, in the words of wrong.
func awaitNodes(ctx context.Context, client kubernetes.Interface, count int, holds func(*corev1.Node) bool, wrong func(*corev1.Node) string) (map[string]*corev1.Node, error) {
	nodes := map[string]*corev1.Node{}
	err := api.Follow(ctx,
		func(ctx context.Context) (watch.Interface, error) {
			return client.CoreV1().Nodes().Watch(ctx, metav1.ListOptions{})
		},
		func() { clear(nodes) },
		func(event watch.Event) (bool, error) {
			node, ok := event.Object.(*corev1.Node)
			if !ok {
				return false, nil
			}
			if event.Type == watch.Deleted {
				delete(nodes, node.Name)
			} else {
				nodes[node.Name] = node
			}
			if len(nodes) < count {
				return false, nil
			}
			for _, node := range nodes {
				if !holds(node) {
					return false, nil
				}
			}
			return true, nil
		})
	if err == nil {
		return nodes, nil
	}
	words := []string{fmt.Sprintf("%d of %d nodes have registered", len(nodes), count)}
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		if !holds(nodes[name]) {
			words = append(words, fmt.Sprintf("%s: %s", name, wrong(nodes[name])))
		}
	}
	return nil, fmt.Errorf("%w; %s", err, strings.Join(words, "; "))
}

// takesPods holds for nodes that are Ready in the eyes of the scheduler as well:
// a controller takes the taint off a moment after the kubelet has reported. The
// kubelet must have reported since the time given for the node, if one is: what
// it said before the node stopped stands for 40 s and more.
// https://kubernetes.io/docs/reference/node/node-status/#heartbeats
func takesPods(started map[string]time.Time) func(*corev1.Node) bool {
	return func(n *corev1.Node) bool {
		since := started[n.Name].Truncate(time.Second) // as the API writes it
		return cluster.IsReady(n) && notReadyTaint(n) == "" && !cluster.ReadyCondition(n).LastHeartbeatTime.Time.Before(since)
	}
}

// notReadyTaint is the taint, if any, by which the control plane keeps pods off
// a node for its condition.
// https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#taint-based-evictions
func notReadyTaint(n *corev1.Node) string {
	for _, taint := range n.Spec.Taints {
		switch taint.Key {
		case corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable, corev1.TaintNodeNetworkUnavailable:
			return taint.Key
		}
	}
	return ""
}

func whyNot(n *corev1.Node) string {
	condition := cluster.ReadyCondition(n)
	switch {
	case condition == nil:
		return "its kubelet has not reported yet"
	case condition.Status != corev1.ConditionTrue:
		return fmt.Sprintf("Ready is %s, %s: %s", condition.Status, condition.Reason, condition.Message)
	case notReadyTaint(n) != "":
		return "it is Ready, but has the taint " + notReadyTaint(n)
	}
	return "its kubelet has not reported since the node was started"
}

func hasPodCIDR(n *corev1.Node) bool { return len(n.Spec.PodCIDRs) > 0 && internalIP(n) != "" }

func internalIP(n *corev1.Node) string {
	for _, address := range n.Status.Addresses {
		if address.Type == corev1.NodeInternalIP {
			return address.Address
		}
	}
	return ""
}
