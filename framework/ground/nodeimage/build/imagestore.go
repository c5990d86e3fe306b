package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/podproof/podproof/framework/ground/notify"
	"github.com/podproof/podproof/framework/ground/process"
)

// storeConfig lets containerd keep images and nothing else. Without these plugins it
// touches nothing outside its own directories.
const storeConfig = `version = 3
root = %q
state = %q
disabled_plugins = [
  "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime", "io.containerd.grpc.v1.cri",
  "io.containerd.nri.v1.nri", "io.containerd.internal.v1.opt", "io.containerd.image-verifier.v1.bindir",
  "io.containerd.snapshotter.v1.erofs", "io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.monitor.task.v1.cgroups", "io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp",
]
[grpc]
  address = %q
[ttrpc]
  address = %q
`

// storeStart bounds how long containerd may take to answer.
const storeStart = 30 * time.Second

// fillImageStore imports an archive of images into a new containerd store, root, which
// becomes the node's /var/lib/containerd. The layers stay packed: the node unpacks those
// that it runs. It runs the containerd that was built for the node on this machine.
func fillImageStore(ctx context.Context, bin, archive, root, log string) error {
	// The path of a socket must be short.
	state, err := os.MkdirTemp("", "podproof-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(state)
	socket := filepath.Join(state, "s")
	config := filepath.Join(state, "config.toml")
	if err := os.WriteFile(config, fmt.Appendf(nil, storeConfig, root, filepath.Join(state, "state"), socket, socket+".ttrpc"), 0o600); err != nil {
		return err
	}
	return withContainerd(ctx, filepath.Join(bin, "containerd"), config, log, func() error {
		return process.Command{Log: log, Args: []string{
			filepath.Join(bin, "ctr"), "--address", socket, "--namespace", "k8s.io",
			"images", "import", "--local", "--all-platforms", "--no-unpack",
			"--label", "io.cri-containerd.pinned=pinned", archive,
		}}.Run(ctx)
	})
}

// errStopped is why containerd is told to end when its work is done.
var errStopped = errors.New("stopped after use")

// withContainerd runs containerd as long as use takes.
func withContainerd(ctx context.Context, program, config, log string, use func() error) error {
	listener, err := notify.Listen()
	if err != nil {
		return err
	}
	defer listener.Close()
	running, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ended := make(chan error, 1)
	go func() {
		ended <- process.Command{Log: log, Gentle: true, Env: []string{listener.Env()}, Args: []string{program, "--config", config}}.Run(running)
	}()
	select {
	case <-listener.Ready():
	case err := <-ended:
		return errors.Join(errors.New("containerd ended before it was ready"), err)
	case <-time.After(storeStart):
		err := fmt.Errorf("containerd was not ready within %s", storeStart)
		stop(err)
		<-ended
		return err
	}
	used := use()
	stop(errStopped)
	if err := <-ended; err != nil && !errors.Is(err, errStopped) {
		return errors.Join(used, fmt.Errorf("containerd ended before its time: %w", err))
	}
	return used
}
