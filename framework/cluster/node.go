package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// Node is a node as it was when the cluster was made or looked at.
type Node struct {
	Name        string   `json:"name"`
	Hostname    string   `json:"hostname,omitempty"` // its label kubernetes.io/hostname
	Role        string   `json:"role"`               // control-plane or worker
	InternalIPs []string `json:"internalIPs"`
	Kubelet     string   `json:"kubelet"` // v1.37.2
	Runtime     string   `json:"runtime"` // containerd://2.4.0
	OS          string   `json:"os"`      // linux
	Ready       bool     `json:"ready"`
	Schedulable bool     `json:"schedulable"` // takes pods that tolerate nothing
	// Taints are the keys of those that keep pods off or drive them away.
	Taints   []string `json:"taints,omitempty"`
	Cordoned bool     `json:"cordoned,omitempty"`
	// Unchosen says that the node has not the labels of Info.NodeSelector.
	Unchosen bool `json:"unchosen,omitempty"`
	// Reserved says that podproof made this node to be taken away, see Control. No
	// pod comes to it that does not tolerate the taint of ReservedKey.
	Reserved bool `json:"reserved,omitempty"`
}

// The label and the taint by which one worker is reserved for the spec that takes
// a node away. Its kubelet registers the node with both, so they are there again
// when the Node object has been deleted in between.
const (
	ReservedKey   = "podproof.test/reserved"
	ReservedValue = "lost-node"
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

// NodeOf is a node as its object tells. Reserved says that it is registered as such.
func NodeOf(n *corev1.Node) Node {
	node := Node{
		Name:        n.Name,
		Hostname:    n.Labels[corev1.LabelHostname],
		Role:        "worker",
		Kubelet:     n.Status.NodeInfo.KubeletVersion,
		Runtime:     n.Status.NodeInfo.ContainerRuntimeVersion,
		OS:          n.Status.NodeInfo.OperatingSystem,
		Ready:       IsReady(n),
		Schedulable: isSchedulable(n),
		Cordoned:    n.Spec.Unschedulable,
		Reserved:    isReserved(n),
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

// ReadyCondition is the condition Ready of a node, nil where its kubelet has not reported.
func ReadyCondition(n *corev1.Node) *corev1.NodeCondition {
	for i, condition := range n.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return &n.Status.Conditions[i]
		}
	}
	return nil
}

// IsReady holds for nodes whose kubelet says so.
func IsReady(n *corev1.Node) bool {
	condition := ReadyCondition(n)
	return condition != nil && condition.Status == corev1.ConditionTrue
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
