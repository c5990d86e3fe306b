package kind

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/podproof/podproof/framework/ground/process"
)

// Disturb says that programs on the nodes are about to be exchanged. A cluster that
// is kept for the next run is not kept any more until Settled, so that one whose run
// is killed meanwhile is made anew.
func (c *Cluster) Disturb() error {
	if !c.Own {
		return fmt.Errorf("podproof did not make cluster %s and changes no programs on its nodes", c.Context)
	}
	c.undisturbed = readState(c.dir())
	return forgetState(c.dir())
}

// Settled says that the nodes are as before Disturb.
func (c *Cluster) Settled() error {
	if c.undisturbed == nil {
		return nil
	}
	return writeState(c.dir(), *c.undisturbed)
}

// CopyToNode writes a file of this machine to a path on a node, as a program. The
// path's directory is made if it is missing.
func (c *Cluster) CopyToNode(ctx context.Context, node, file, path string) error {
	content, err := os.Open(file)
	if err != nil {
		return err
	}
	defer content.Close()
	e := c.engine()
	cmd := e.Command(ctx, "exec", "--privileged", "--interactive", node, "sh", "-c",
		`mkdir -p "$(dirname "$0")" && cat > "$0" && chmod 755 "$0"`, path)
	cmd.Stdin = content
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("copying %s to node %s: %w", path, node, process.Failure(ctx, cmd, err, output))
	}
	return nil
}

// AwaitNodes waits until all nodes take pods, those that are named having reported
// since the given time by their own clock.
func (c *Cluster) AwaitNodes(ctx context.Context, since map[string]time.Time) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	_, err = awaitNodes(ctx, client, len(c.Nodes), takesPods(since), whyNot)
	return err
}
