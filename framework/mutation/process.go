package mutation

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/podproof/podproof/framework/ground/kind"
	"github.com/podproof/podproof/framework/ground/trial"
	"github.com/podproof/podproof/framework/witness"
)

// process is a program that runs in a container on a node.
type process struct {
	pid  string
	path string // of the program, as the container sees it
}

// findProcess finds the one process of that name on a node.
func findProcess(ctx context.Context, c *kind.Cluster, node, name string) (process, error) {
	printed, err := c.Run(ctx, node, "sh", "-c", findScript(name))
	if err != nil {
		return process{}, err
	}
	pid, path, found := strings.Cut(printed, " ")
	if !found || strings.Contains(path, "\n") {
		return process{}, fmt.Errorf("%s is not to be found on node %s as one process: %q", name, node, printed)
	}
	return process{pid, path}, nil
}

// findScript prints the ID and the program of each process whose program has the
// name. (The kernel cuts the name that it keeps of a process itself to 15 bytes.)
func findScript(name string) string {
	return fmt.Sprintf(`for p in /proc/[0-9]*; do
  exe=$(readlink $p/exe) || continue
  case "$exe" in */%s) echo "${p#/proc/} $exe" ;; esac
done`, name)
}

// awaitProcess waits until the only process of that name on a node runs the given
// file of the node, or, for "", a file that is none of the node's, and returns its ID.
// There is nothing to watch: the script looks five times a second.
func awaitProcess(ctx context.Context, c *kind.Cluster, node, name, file string) (string, error) {
	// A file that is mounted is the same inode on the same device from everywhere.
	same := fmt.Sprintf(`test "$(stat -L -c %%d:%%i %s 2>/dev/null)" = "$exe"`, file)
	if file == "" {
		same = fmt.Sprintf(`! test "$(stat -L -c %%d:%%i %s 2>/dev/null)" = "$exe"`, brought+"/"+name)
	}
	script := fmt.Sprintf(`while :; do
  set -- $(%s)
  exe=$(stat -L -c %%d:%%i /proc/$1/exe 2>/dev/null) # nothing of one that has just ended
  if test $# -eq 2 && test -n "$exe" && %s; then echo $1; exit; fi
  sleep 0.2
done`, findScript(name), same)
	pid, err := c.Run(ctx, node, "timeout", fmt.Sprint(int(swapTime.Seconds())), "sh", "-c", script)
	if err != nil {
		return "", fmt.Errorf("%s does not start on node %s: %w", name, node, err)
	}
	return pid, nil
}

// works waits until the cluster does what its control plane is for: the API answers,
// nodes are ready, and a pod that is created runs to its end on every node. It tries
// for as long as ctx lets it: on a busy machine the first pod can take too long.
func works(ctx context.Context, c *kind.Cluster) error {
	if err := c.AwaitNodes(ctx, nil); err != nil {
		return err
	}
	for {
		err := trial.Run(ctx, c.Info, trial.Request{Images: []string{c.WitnessImage}, Args: witness.Version(), Log: c.Log})
		if err == nil || ctx.Err() != nil {
			return err
		}
		// An API server that refuses at once would be asked without a pause.
		select {
		case <-ctx.Done():
		case <-time.After(2 * time.Second):
		}
	}
}
