package cluster

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/kind/pkg/cluster/nodeutils"

	"github.com/podproof/podproof/framework/ground/engine"
)

// LoadImage puts the images of an archive (what docker save writes) into every
// node of a kind cluster. What they are is said on the console.
func (i *Info) LoadImage(ctx context.Context, what string, archive io.Reader) error {
	if !i.Kind {
		return fmt.Errorf("an image can be loaded into the nodes of a kind cluster only: for others, push it to a registry that they pull from")
	}
	step := i.logger().Step(what+" load", 2*time.Second)
	if err := i.loadImage(ctx, archive); err != nil {
		step.Fail(err)
		return err
	}
	step.Done("")
	return nil
}

func (i *Info) loadImage(ctx context.Context, archive io.Reader) error {
	content, err := io.ReadAll(archive)
	if err != nil {
		return fmt.Errorf("reading the image: %w", err)
	}
	k := newKind(&engine.Engine{Name: i.Provider}, i.Name, "", nil)
	nodes, err := k.provider.ListInternalNodes(i.Name)
	if err != nil {
		return fmt.Errorf("listing the nodes of cluster %s: %w", i.Name, withOutput(err))
	}
	if len(nodes) == 0 {
		return fmt.Errorf("cluster %s has no nodes in %s any more", i.Name, i.Provider)
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
