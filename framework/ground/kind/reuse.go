package kind

import (
	"context"
	"fmt"
	"time"
)

// reuse brings a cluster back that an earlier run has kept. It returns nil
// without an error, having said why, when there is none that would do: then what
// is there is to be deleted.
func (r *Request) reuse(ctx context.Context, t *traits, nodes []container) (*Cluster, error) {
	if why := unfit(readState(r.dir()), t, r.Workers, nodes); why != "" {
		r.Log.Info("Deleting cluster %s: %s.", r.Name, why)
		return nil, nil
	}
	c, err := r.wake(ctx, t, nodes)
	if err == nil {
		return c, nil
	}
	if ctx.Err() != nil {
		// The cluster was kept before, and it still is.
		return nil, err
	}
	r.Log.Info("Deleting cluster %s, which was kept but does not come back: %v.", r.Name, err)
	return nil, nil
}

// unfit says why a cluster whose nodes are there cannot be used again, "" if it
// can.
func unfit(kept *state, t *traits, workers int, nodes []container) string {
	switch {
	case kept == nil:
		return "it is left from a run that was killed"
	case kept.NodeImage != t.imageID:
		return "it was kept, but has another node image"
	case kept.Workers != workers:
		return fmt.Sprintf("it was kept, but has %d workers and not %d", kept.Workers, workers)
	case kept.Reserves != reservesNode(workers):
		return "it was kept, but has no worker reserved to be taken away"
	case len(nodes) != 1+workers:
		return fmt.Sprintf("it was kept, but only %d of its %d nodes are there", len(nodes), 1+workers)
	}
	return ""
}

// wake starts the nodes of a kept cluster that have stopped and waits for it to
// be usable.
func (r *Request) wake(ctx context.Context, t *traits, nodes []container) (*Cluster, error) {
	step := r.Log.Step("cluster "+r.Name+", kept by an earlier run", 2*time.Second)
	note, err := r.startStopped(ctx, nodes)
	if err != nil {
		step.Fail(err)
		return nil, err
	}
	// An engine that was started again has started them again as well.
	if nodes, err = containers(ctx, r.Engine, r.Name); err != nil {
		step.Fail(err)
		return nil, err
	}
	started := map[string]time.Time{}
	for _, node := range nodes {
		started[node.name] = node.started
	}
	lib := r.library(step.Update)
	if err := lib.writeKubeconfig(ctx); err != nil {
		step.Fail(err)
		return nil, err
	}
	step.Done(note)
	c := r.cluster(lib)
	c.Reused = true
	if err := c.recoverLost(ctx, nodes); err != nil {
		return nil, err
	}
	if err := r.settle(ctx, c, t, started); err != nil {
		return nil, err
	}
	return c, nil
}

func (r *Request) startStopped(ctx context.Context, nodes []container) (note string, err error) {
	var stopped []string
	for _, node := range nodes {
		if !node.running {
			stopped = append(stopped, node.name)
		}
	}
	if len(stopped) == 0 {
		return "runs", nil
	}
	_, err = r.Engine.Output(ctx, append([]string{"start"}, stopped...)...)
	return fmt.Sprintf("%d of its nodes had stopped and were started", len(stopped)), err
}
