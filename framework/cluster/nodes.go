package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// https://kubernetes.io/docs/reference/labels-annotations-taints/#node-role-kubernetes-io-control-plane
const controlPlaneLabel = "node-role.kubernetes.io/control-plane"

func listNodes(ctx context.Context, client kubernetes.Interface) ([]corev1.Node, error) {
	list, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("listing the nodes: %w", err)
	}
	slices.SortFunc(list.Items, func(a, b corev1.Node) int { return strings.Compare(a.Name, b.Name) })
	return list.Items, nil
}

func describeNode(n *corev1.Node) Node {
	node := Node{
		Name:        n.Name,
		Hostname:    n.Labels[corev1.LabelHostname],
		Role:        "worker",
		Kubelet:     n.Status.NodeInfo.KubeletVersion,
		Runtime:     n.Status.NodeInfo.ContainerRuntimeVersion,
		OS:          n.Status.NodeInfo.OperatingSystem,
		Ready:       isReady(n),
		Schedulable: isSchedulable(n),
		Cordoned:    n.Spec.Unschedulable,
	}
	for _, taint := range n.Spec.Taints {
		// A cordoned node has a taint that says the same.
		if keepsOff(taint) && taint.Key != corev1.TaintNodeUnschedulable {
			node.Taints = append(node.Taints, taint.Key)
		}
	}
	if _, ok := n.Labels[controlPlaneLabel]; ok {
		node.Role = "control-plane"
	}
	for _, address := range n.Status.Addresses {
		if address.Type == corev1.NodeInternalIP {
			node.InternalIPs = append(node.InternalIPs, address.Address)
		}
	}
	return node
}

func readyCondition(n *corev1.Node) *corev1.NodeCondition {
	for i, condition := range n.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return &n.Status.Conditions[i]
		}
	}
	return nil
}

func isReady(n *corev1.Node) bool {
	condition := readyCondition(n)
	return condition != nil && condition.Status == corev1.ConditionTrue
}

// takesPods holds for nodes that are Ready in the eyes of the scheduler as well:
// a controller takes the taint off a moment after the kubelet has reported. The
// kubelet must have reported since the time given for the node, if one is: what
// it said before the node stopped stands for 40 s and more.
// https://kubernetes.io/docs/reference/node/node-status/#heartbeats
func takesPods(started map[string]time.Time) func(*corev1.Node) bool {
	return func(n *corev1.Node) bool {
		since := started[n.Name].Truncate(time.Second) // as the API writes it
		return isReady(n) && notReadyTaint(n) == "" && !readyCondition(n).LastHeartbeatTime.Time.Before(since)
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
	condition := readyCondition(n)
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

// isSchedulable holds for nodes on which the scheduler puts a pod that
// tolerates nothing.
// https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
func isSchedulable(n *corev1.Node) bool {
	return !n.Spec.Unschedulable && !slices.ContainsFunc(n.Spec.Taints, keepsOff)
}

// keepsOff holds for taints of whose nodes the scheduler puts no pod that does not
// tolerate them.
func keepsOff(t corev1.Taint) bool {
	return t.Effect == corev1.TaintEffectNoSchedule || t.Effect == corev1.TaintEffectNoExecute
}

// Uses says whether plain pods of the run can come to the node.
func (i *Info) Uses(n Node) bool {
	return n.Unused() == "" && (i.Only == "" || n.Name == i.Only)
}

// Unused says why no plain pod of the run comes to the node, "" when some do.
func (n Node) Unused() string {
	switch {
	case n.Unchosen:
		return "not chosen by its labels"
	case !n.Ready:
		return "not Ready"
	case n.Cordoned:
		return "cordoned"
	case !n.Schedulable:
		return "tainted: " + strings.Join(n.Taints, ", ")
	}
	return ""
}

// isReserved holds for nodes that are registered as reserved, with the taint that
// keeps pods away.
func isReserved(n *corev1.Node) bool {
	return n.Labels[ReservedKey] == ReservedValue && slices.ContainsFunc(n.Spec.Taints, func(t corev1.Taint) bool {
		return t.Key == ReservedKey && t.Effect == corev1.TaintEffectNoSchedule
	})
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
