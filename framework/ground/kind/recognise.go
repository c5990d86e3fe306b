package kind

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/podproof/podproof/framework/cluster"
	"github.com/podproof/podproof/framework/ground/engine"
	"github.com/podproof/podproof/framework/progress"
)

// Recognise finds out whether the nodes of a cluster that is there already are containers
// here, by the provider ID that kind gives its nodes: kind://<engine>/<cluster>/<node>. It
// returns nil where they are not. In a cluster that podproof made it brings back the nodes
// that dead runs had taken away.
func Recognise(ctx context.Context, info *cluster.Info, nodes []corev1.Node, log progress.Log) (*Cluster, error) {
	provider, name := providerOf(nodes)
	if provider == "" {
		return nil, nil
	}
	e, err := engine.Find(ctx, provider)
	if err != nil {
		return nil, nil
	}
	here, err := containers(ctx, e, name)
	if err != nil || len(here) < len(nodes) || !isHere(ctx, e, nodes[0]) {
		return nil, nil
	}
	info.Kind, info.Name, info.Provider = true, name, e.Name
	c := control(info, log)
	if c.made = !slices.ContainsFunc(here, func(c container) bool { return c.dir == "" }); c.made {
		return c, c.recoverAbandoned(ctx)
	}
	return c, nil
}

// isHere says whether the container of the node's name is the node: that of a cluster on
// another machine, or of another engine, may have the same one.
func isHere(ctx context.Context, e *engine.Engine, node corev1.Node) bool {
	id, err := e.Output(ctx, "exec", node.Name, "cat", "/etc/machine-id")
	return err == nil && id != "" && id == node.Status.NodeInfo.MachineID
}

// providerOf returns the engine and the cluster that all nodes name, or "".
func providerOf(nodes []corev1.Node) (provider, name string) {
	for _, node := range nodes {
		parts := strings.Split(strings.TrimPrefix(node.Spec.ProviderID, "kind://"), "/")
		if !strings.HasPrefix(node.Spec.ProviderID, "kind://") || len(parts) != 3 || parts[2] != node.Name {
			return "", ""
		}
		if name != "" && (parts[0] != provider || parts[1] != name) {
			return "", ""
		}
		provider, name = parts[0], parts[1]
	}
	return provider, name
}
