package kind

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
	kindcluster "sigs.k8s.io/kind/pkg/cluster"
	kindexec "sigs.k8s.io/kind/pkg/exec"

	"github.com/podproof/podproof/framework/ground/engine"
)

// library is one cluster in the hands of kind's library, which knows no context:
// what takes time runs beside the caller.
type library struct {
	engine   *engine.Engine
	name     string
	dir      string // all that is kept about the cluster
	log      *kindLog
	provider *kindcluster.Provider
}

func newLibrary(e *engine.Engine, name, dir string, update func(string)) *library {
	log := &kindLog{update: update}
	return &library{
		engine:   e,
		name:     name,
		dir:      dir,
		log:      log,
		provider: kindcluster.NewProvider(providerOption(e), kindcluster.ProviderWithLogger(log)),
	}
}

// providerOption is how kind's library is told to use an engine.
func providerOption(e *engine.Engine) kindcluster.ProviderOption {
	switch e.Name {
	case "podman":
		return kindcluster.ProviderWithPodman()
	case "nerdctl":
		return kindcluster.ProviderWithNerdctl("")
	default:
		return kindcluster.ProviderWithDocker()
	}
}

func (l *library) kubeconfig() string { return filepath.Join(l.dir, kubeconfigFile) }
func (l *library) ownerDir() string   { return filepath.Join(l.dir, ownerDir) }
func (l *library) context() string    { return "kind-" + l.name }

// create makes the kindcluster. When ctx ends before it is made, nothing is left of
// it; after another failure its nodes stay, to be looked at.
func (l *library) create(ctx context.Context, image string, config *v1alpha4.Cluster) error {
	if err := os.MkdirAll(l.ownerDir(), 0o755); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		done <- l.provider.Create(l.name,
			kindcluster.CreateWithV1Alpha4Config(config),
			kindcluster.CreateWithNodeImage(image),
			kindcluster.CreateWithKubeconfigPath(l.kubeconfig()),
			kindcluster.CreateWithRetain(true),
			kindcluster.CreateWithDisplayUsage(false),
			kindcluster.CreateWithDisplaySalutation(false))
	}()
	select {
	case err := <-done:
		return withOutput(err)
	case <-ctx.Done():
		return errors.Join(context.Cause(ctx), l.abandon(context.WithoutCancel(ctx), done))
	}
}

// abandon ends a creation that nobody waits for any more: kind stops at the
// first command that finds no container, so they are removed until it has.
func (l *library) abandon(ctx context.Context, done <-chan error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, removeTimeout, fmt.Errorf("kind has not ended within %s", removeTimeout))
	defer cancel()
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for {
		err := l.remove(ctx)
		select {
		case <-done:
			return l.remove(ctx)
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-again.C:
		}
	}
}

// removeTimeout bounds the removal of a cluster, which takes a few seconds.
const (
	removeTimeout = 90 * time.Second
	removeTries   = 8
)

// removeNodes deletes the nodes that belong to the directory. Others of the cluster's name
// are of somebody who has made one of that name in the meantime, and stay.
func (l *library) removeNodes(ctx context.Context) error {
	nodes, err := containers(ctx, l.engine, l.name)
	if err != nil {
		return err
	}
	if foreign(nodes, l.dir) == "" {
		return beside(ctx, func() error {
			return withOutput(l.provider.Delete(l.name, l.kubeconfig()))
		})
	}
	var errs []error
	for _, node := range nodes {
		if node.dir == l.dir {
			_, err := l.engine.Output(ctx, "rm", "--force", "--volumes", node.name)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// remove deletes the cluster's nodes and all in its directory but the lock.
func (l *library) remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, removeTimeout, fmt.Errorf("not deleted within %s", removeTimeout))
	defer cancel()
	for try := 1; ; try++ {
		// Whoever was killed while it wrote the kubeconfig has left its lock.
		os.Remove(l.kubeconfig() + ".lock")
		err := l.removeNodes(ctx)
		if err == nil {
			return emptyDir(l.dir)
		}
		if try == removeTries {
			return err
		}
		// A Ctrl-C at the terminal ends the command that kind has started for
		// this, while the engine goes on with it and refuses to do it twice.
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-time.After(time.Second):
		}
	}
}

// writeKubeconfig writes the kubeconfig of a cluster that runs already.
func (l *library) writeKubeconfig(ctx context.Context) error {
	for _, path := range []string{l.kubeconfig(), l.kubeconfig() + ".lock"} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return beside(ctx, func() error {
		return withOutput(l.provider.ExportKubeConfig(l.name, l.kubeconfig(), false))
	})
}

// logsTimeout bounds the collection of logs from nodes that may be half there.
const logsTimeout = 60 * time.Second

// collectLogs puts all that kind knows to collect into dir, and into one file
// there what could not be collected.
func (l *library) collectLogs(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, logsTimeout, fmt.Errorf("not collected within %s", logsTimeout))
	defer cancel()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "kind-create.log"), l.log.text(), 0o644); err != nil {
		return err
	}
	err := beside(ctx, func() error { return l.provider.CollectLogs(l.name, dir) })
	if err == nil {
		return nil
	}
	return os.WriteFile(filepath.Join(dir, "not-collected.txt"), []byte(err.Error()+"\n"), 0o644)
}

// beside runs what cannot be interrupted, and leaves it behind when ctx ends.
func beside(ctx context.Context, run func() error) error {
	done := make(chan error, 1)
	go func() { done <- run() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// withOutput adds to an error of kind's what the command that failed has to say,
// which kind keeps to itself.
func withOutput(err error) error {
	failed := kindexec.RunErrorForError(err)
	if failed == nil {
		return err
	}
	if said := errorLines(string(failed.Output)); said != "" {
		return fmt.Errorf("%w:\n%s", err, said)
	}
	return err
}

// chatter is what a component of Kubernetes logs when nothing is wrong.
// https://kubernetes.io/docs/concepts/cluster-administration/system-logs/#klog
var chatter = regexp.MustCompile(`^I[0-9]{4} [0-9:.]+ `)

// errorLines are the lines of an output that call themselves errors, as
// kubeadm's do in front of a stack trace, and otherwise the last ones that are
// no chatter.
func errorLines(output string) string {
	const most = 8
	var all, called []string
	for line := range strings.Lines(output) {
		if line = strings.TrimSpace(line); line == "" || chatter.MatchString(line) {
			continue
		}
		all = append(all, line)
		if lower := strings.ToLower(line); strings.HasPrefix(lower, "error") || strings.HasPrefix(lower, "[error") {
			called = append(called, line)
		}
	}
	if len(called) > 0 {
		all = called
	}
	return strings.Join(all[max(0, len(all)-most):], "\n")
}
