package cluster

import (
	"context"
	"os/exec"
	"time"
)

// RecoverTimeout bounds how long a lost node may take to be whole again: its
// kubelet starts, registers the node, and reports it Ready, in about 10 s.
const RecoverTimeout = 90 * time.Second

// Control is what a spec may do to a cluster whose nodes can be reached.
type Control interface {
	// Run runs a command on a node as a privileged root and returns what it printed,
	// without the space around it.
	Run(ctx context.Context, node string, args ...string) (string, error)
	// Command is a command on a node that is not started yet, with its standard input
	// or a terminal where asked for.
	Command(ctx context.Context, node string, stdin, terminal bool, args ...string) *exec.Cmd
	// Lose takes the reserved node away, as a failure would: nothing reaches it any
	// more and its kubelet is dead, while its containers go on. The cluster is not
	// told. It is an error when another run has taken it. Recover brings it back,
	// also after an error.
	Lose(ctx context.Context) error
	// Recover brings the reserved node back if this process has taken it away: when
	// it returns, the Node object is there, Ready and reserved as before, and pods
	// get addresses of its range and are reached from the other nodes. It takes no
	// longer than RecoverTimeout.
	Recover(ctx context.Context) error
	// AwaitEnded waits until the container, by the ID that its status has, does not
	// run on the node any more.
	AwaitEnded(ctx context.Context, node, containerID string, most time.Duration) error
}
