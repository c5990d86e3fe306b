package kind

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/kind/pkg/cluster/nodeutils"
)

// LoadImage puts the images of an archive (what docker save writes) into every
// node of a kind cluster. What they are is said on the console.
func (c *Cluster) LoadImage(ctx context.Context, what string, archive io.Reader) error {
	step := c.Log.Step(what+" load", 2*time.Second)
	if err := c.loadImage(ctx, archive); err != nil {
		step.Fail(err)
		return err
	}
	step.Done("")
	return nil
}

func (c *Cluster) loadImage(ctx context.Context, archive io.Reader) error {
	content, err := io.ReadAll(archive)
	if err != nil {
		return fmt.Errorf("reading the image: %w", err)
	}
	lib := newLibrary(c.engine(), c.Name, "", nil)
	nodes, err := lib.provider.ListInternalNodes(c.Name)
	if err != nil {
		return fmt.Errorf("listing the nodes of cluster %s: %w", c.Name, withOutput(err))
	}
	if len(nodes) == 0 {
		return fmt.Errorf("cluster %s has no nodes in %s any more", c.Name, c.Provider)
	}
	var group errgroup.Group
	for _, node := range nodes {
		group.Go(func() error {
			err := beside(ctx, func() error { return nodeutils.LoadImageArchive(node, bytes.NewReader(content)) })
			if err != nil {
				return fmt.Errorf("loading the image into node %s: %w", node, withOutput(err))
			}
			return nil
		})
	}
	return group.Wait()
}
