package spec

import (
	"fmt"
	"slices"

	"github.com/podproof/podproof/framework/cluster"
	"github.com/podproof/podproof/framework/pod"
	corev1 "k8s.io/api/core/v1"
)

// controlPlaneTaint keeps pods off a node of the control plane.
// https://kubernetes.io/docs/reference/labels-annotations-taints/#node-role-kubernetes-io-control-plane-taint
const controlPlaneTaint = "node-role.kubernetes.io/control-plane"

// twoNodes chooses two nodes that can run a pod each: the first one takes any
// pod, and so does the second one where there is another; else the second one
// is of the control plane, where pods go that tolerate its taint (see onNode).
// There are none to choose unless both are found.
func twoNodes(nodes []cluster.Node) []cluster.Node {
	var workers, control []cluster.Node
	for _, n := range nodes {
		switch {
		case !n.Ready || n.OS != "linux" || n.Unchosen || n.Cordoned:
		case n.Schedulable:
			workers = append(workers, n)
		case n.Role == "control-plane" && !slices.ContainsFunc(n.Taints, func(key string) bool { return key != controlPlaneTaint }):
			control = append(control, n)
		}
	}
	if len(workers) == 0 || len(workers)+len(control) < 2 {
		return nil
	}
	return append(workers, control...)[:2]
}

// onNode puts a pod on the node past the scheduler, and lets it stay there
// should the node be one of the control plane.
func onNode(n cluster.Node) pod.Option {
	return func(p *corev1.Pod) {
		pod.OnNode(n.Name)(p)
		pod.Tolerate(controlPlaneTaint)(p)
	}
}

// TwoNodes are the pod options for two nodes that are not the same, for specs
// of claims that need claims.NeedSecondNode. The first one takes any pod.
func (s *Space) TwoNodes() (one, other pod.Option, err error) {
	nodes := twoNodes(s.Cluster.Nodes)
	if nodes == nil {
		return nil, nil, fmt.Errorf("no two of the cluster's %d nodes can run pods", len(s.Cluster.Nodes))
	}
	return onNode(nodes[0]), onNode(nodes[1]), nil
}
