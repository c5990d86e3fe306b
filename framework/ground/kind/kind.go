// Package kind makes the cluster that a run works on, with kind's library, and does to it
// what no API does: it exchanges files on nodes, loses one, and removes all again. A
// cluster of podproof's has a kubeconfig file of its own; the user's is never written to.
package kind

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/podproof/podproof/framework/cluster"
	"github.com/podproof/podproof/framework/ground/engine"
	"github.com/podproof/podproof/framework/ground/lockfile"
	"github.com/podproof/podproof/framework/progress"
)

// Cluster is a kind cluster whose nodes are containers on this machine. It is the Control
// of its Info. Only in the process whose Up made it, it holds the lock on its name.
type Cluster struct {
	*cluster.Info
	// Log is told what takes time.
	Log progress.Log

	// made says that podproof made the cluster, maybe for another run.
	made bool
	// takenAway are the nodes that another run has taken away at the moment.
	takenAway map[string]bool

	lock *lockfile.Lock
	down bool // already: by now the name may be another run's
	// undisturbed is what Disturb found written down about the cluster.
	undisturbed *state
}

var _ cluster.Control = (*Cluster)(nil)

// control makes the Cluster of an Info, and its Control.
func control(info *cluster.Info, log progress.Log) *Cluster {
	if log == nil {
		log = progress.Discard()
	}
	c := &Cluster{Info: info, Log: log}
	info.Control = c
	return c
}

// Attach gives an Info that came from another process its Control, if its nodes can be
// reached.
func Attach(info *cluster.Info) {
	if info != nil && info.Provider != "" {
		control(info, nil)
	}
}

// Of is the kind cluster of an Info that has its Control, nil where it is none or its nodes
// are out of reach.
func Of(info *cluster.Info) *Cluster {
	c, _ := info.Control.(*Cluster)
	return c
}

func (c *Cluster) engine() *engine.Engine { return &engine.Engine{Name: c.Provider} }

// dir is the directory of a cluster of our own.
func (c *Cluster) dir() string { return filepath.Dir(c.Kubeconfig) }

// Run runs a command on a node; see cluster.Control.
func (c *Cluster) Run(ctx context.Context, node string, args ...string) (string, error) {
	return c.engine().Output(ctx, append([]string{"exec", "--privileged", node}, args...)...)
}

// Command is a command on a node that is not started yet; see cluster.Control.
func (c *Cluster) Command(ctx context.Context, node string, stdin, terminal bool, args ...string) *exec.Cmd {
	call := []string{"exec"}
	if stdin || terminal {
		call = append(call, "-i")
	}
	if terminal {
		call = append(call, "-t")
	}
	return c.engine().Command(ctx, append(append(call, node), args...)...)
}

// Down deletes a cluster that podproof made, with all that belongs to it, unless
// it is to be kept. It does nothing to any other cluster, and nothing the second
// time.
func (c *Cluster) Down(ctx context.Context) error {
	if !c.Own || c.down {
		return nil
	}
	if c.lock != nil {
		defer c.lock.Release()
	}
	if c.Keep {
		c.down = true
		return nil
	}
	if err := newLibrary(c.engine(), c.Name, c.dir(), nil).remove(ctx); err != nil {
		return fmt.Errorf("deleting cluster %s: %w", c.Name, err)
	}
	c.down = true
	return os.RemoveAll(c.dir())
}

// Describe fills in what only the running cluster can tell.
func (c *Cluster) Describe(ctx context.Context) error {
	if err := c.Ask(ctx, c.Own || c.made); err != nil || len(c.Nodes) == 0 {
		return err
	}
	for n := range c.Nodes {
		if c.takenAway[c.Nodes[n].Name] {
			// The API may say Ready for almost a minute more.
			c.Nodes[n].Ready = false
		}
	}
	first := c.Nodes[0].Name
	filesystem, err := c.Run(ctx, first, "stat", "--file-system", "--format", "%T", "/sys/fs/cgroup")
	if err != nil {
		return fmt.Errorf("looking at the cgroups of node %s: %w", first, err)
	}
	c.Cgroup = cgroupVersion(filesystem)
	return nil
}

// cgroupVersion reads the type of the file system at /sys/fs/cgroup.
// https://kubernetes.io/docs/concepts/architecture/cgroups/#check-cgroup-version
func cgroupVersion(filesystem string) string {
	if strings.TrimSpace(filesystem) == "cgroup2fs" {
		return "v2"
	}
	return "v1"
}
