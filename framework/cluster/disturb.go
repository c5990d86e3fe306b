package cluster

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/podproof/podproof/framework/ground/engine"
	"github.com/podproof/podproof/framework/ground/process"
)

// Disturb says that programs on the nodes are about to be exchanged. A cluster that
// is kept for the next run is not kept any more until Settled, so that one whose run
// is killed meanwhile is made anew.
func (i *Info) Disturb() error {
	if !i.Own {
		return fmt.Errorf("cluster %s was not made by podproof: nothing on its nodes is exchanged", i.Context)
	}
	i.undisturbed = readState(i.dir())
	return forgetState(i.dir())
}

// Settled says that the nodes are as before Disturb.
func (i *Info) Settled() error {
	if i.undisturbed == nil {
		return nil
	}
	return writeState(i.dir(), *i.undisturbed)
}

// CopyToNode writes a file of this machine to a path on a node, as a program. The
// path's directory is made if it is missing.
func (i *Info) CopyToNode(ctx context.Context, node, file, path string) error {
	content, err := os.Open(file)
	if err != nil {
		return err
	}
	defer content.Close()
	e := &engine.Engine{Name: i.Provider}
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
func (i *Info) AwaitNodes(ctx context.Context, since map[string]time.Time) error {
	client, err := i.client()
	if err != nil {
		return err
	}
	_, err = awaitNodes(ctx, client, len(i.Nodes), takesPods(since), whyNot)
	return err
}
