package nodeimage

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// storeConfig lets containerd keep images and nothing else. Without the plugins
// named here it touches nothing outside its own directories.
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

// fillImageStore imports an archive of images into a new containerd store,
// root, which then goes onto the node as /var/lib/containerd. The layers stay
// packed: the node unpacks those that it runs. It uses the containerd that was
// built for the node, on this machine and for itself.
func fillImageStore(ctx context.Context, bin, archive, root, log string) (err error) {
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

	// systemd's protocol of readiness: containerd says READY=1 to a socket.
	ready, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(state, "n"), Net: "unixgram"})
	if err != nil {
		return err
	}
	defer ready.Close()

	running, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ended := make(chan error, 1)
	go func() {
		daemon := command{
			log: log, args: []string{filepath.Join(bin, "containerd"), "--config", config}, gentle: true,
			env: []string{"NOTIFY_SOCKET=" + filepath.Join(state, "n")},
		}
		err := daemon.run(running)
		ready.Close() // wakes whoever waits for an answer
		ended <- err
	}()
	if err := awaitReady(ready); err != nil {
		stop(err)
		return errors.Join(<-ended, ctx.Err())
	}
	imports := command{log: log, args: []string{
		filepath.Join(bin, "ctr"), "--address", socket, "--namespace", "k8s.io",
		"images", "import", "--local", "--all-platforms", "--no-unpack",
		"--label", "io.cri-containerd.pinned=pinned", archive,
	}}
	imported := imports.run(ctx)
	stop(errStopped)
	if err := <-ended; err != nil && !errors.Is(err, errStopped) {
		return errors.Join(imported, fmt.Errorf("containerd ended before its time: %w", err))
	}
	return imported
}

// errStopped is why containerd is told to end when its work is done.
var errStopped = errors.New("stopped after use")

// awaitReady waits until containerd says that it serves.
func awaitReady(socket *net.UnixConn) error {
	if err := socket.SetReadDeadline(time.Now().Add(storeStart)); err != nil {
		return err
	}
	buffer := make([]byte, 4096)
	for {
		n, err := socket.Read(buffer)
		if err != nil {
			return fmt.Errorf("containerd did not say within %s that it is ready: %w", storeStart, err)
		}
		if strings.Contains(string(buffer[:n]), "READY=1") {
			return nil
		}
	}
}
