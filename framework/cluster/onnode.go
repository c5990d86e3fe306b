package cluster

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// OnNode is the cluster for a run whose pods are held on the named node, by its label
// kubernetes.io/hostname. A spec that needs a second node has the peer for that; "" leaves
// it to the control plane, if pods can be put there. What the run knows of nodes is no
// more than these, and a node of the control plane for its kubectl, so that what it costs
// does not grow with the cluster.
func (i *Info) OnNode(name, peer string) *Info {
	on := *i
	on.Only, on.Nodes = name, nil
	add := func(is func(Node) bool) {
		n := slices.IndexFunc(i.Nodes, is)
		if n >= 0 && !slices.ContainsFunc(on.Nodes, func(o Node) bool { return o.Name == i.Nodes[n].Name }) {
			on.Nodes = append(on.Nodes, i.Nodes[n])
		}
	}
	add(func(n Node) bool { return n.Name == name })
	if len(on.Nodes) == 1 {
		on.NodeSelector = map[string]string{corev1.LabelHostname: on.Nodes[0].Hostname}
	}
	add(func(n Node) bool { return n.Name == peer })
	add(func(n Node) bool { return n.Role == "control-plane" })
	return &on
}
