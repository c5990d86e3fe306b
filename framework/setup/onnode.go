package setup

import (
	"context"

	"github.com/podproof/podproof/framework/progress"
)

// OnNode is the environment of a run of its own on one node of the cluster, with a peer
// for specs that need a second one (see cluster.Info.OnNode). A pod has run on the node
// then; the error says that none does, and the environment only tells how far it came.
func (e *Environment) OnNode(ctx context.Context, name, peer, id, dir string, log *progress.Console) (*Environment, error) {
	on := *e
	on.RunID, on.Dir = id, dir
	on.Cluster = e.Cluster.OnNode(name, peer)
	on.Options.NodeSelector = on.Cluster.NodeSelector
	before := len(log.Timings())
	err := on.try(ctx, log)
	on.Steps = log.Timings()[before:]
	return &on, err
}
