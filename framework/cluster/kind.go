package cluster

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
	"sigs.k8s.io/kind/pkg/cluster"
	kindexec "sigs.k8s.io/kind/pkg/exec"

	"github.com/podproof/podproof/framework/ground/engine"
)

// kind is one cluster in the hands of kind's library, which knows no context:
// what takes time runs beside the caller.
type kind struct {
	engine   *engine.Engine
	name     string
	dir      string // all that is kept about the cluster
	log      *kindLog
	provider *cluster.Provider
}

func newKind(e *engine.Engine, name, dir string, update func(string)) *kind {
	log := &kindLog{update: update}
	return &kind{
		engine:   e,
		name:     name,
		dir:      dir,
		log:      log,
		provider: cluster.NewProvider(e.KindProvider(), cluster.ProviderWithLogger(log)),
	}
}

func (k *kind) kubeconfig() string { return filepath.Join(k.dir, kubeconfigFile) }
func (k *kind) ownerDir() string   { return filepath.Join(k.dir, ownerDir) }
func (k *kind) context() string    { return "kind-" + k.name }

// create makes the cluster. When ctx ends before it is made, nothing is left of
// it; after another failure its nodes stay, to be looked at.
func (k *kind) create(ctx context.Context, image string, config *v1alpha4.Cluster) error {
	if err := os.MkdirAll(k.ownerDir(), 0o755); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		done <- k.provider.Create(k.name,
			cluster.CreateWithV1Alpha4Config(config),
			cluster.CreateWithNodeImage(image),
			cluster.CreateWithKubeconfigPath(k.kubeconfig()),
			cluster.CreateWithRetain(true),
			cluster.CreateWithDisplayUsage(false),
			cluster.CreateWithDisplaySalutation(false))
	}()
	select {
	case err := <-done:
		return withOutput(err)
	case <-ctx.Done():
		return errors.Join(context.Cause(ctx), k.abandon(context.WithoutCancel(ctx), done))
	}
}

// abandon ends a creation that nobody waits for any more: kind stops at the
// first command that finds no container, so they are removed until it has.
func (k *kind) abandon(ctx context.Context, done <-chan error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, removeTimeout, fmt.Errorf("kind has not ended within %s", removeTimeout))
	defer cancel()
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for {
		err := k.remove(ctx)
		select {
		case <-done:
			return k.remove(ctx)
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
func (k *kind) removeNodes(ctx context.Context) error {
	nodes, err := containers(ctx, k.engine, k.name)
	if err != nil {
		return err
	}
	if foreign(nodes, k.dir) == "" {
		return beside(ctx, func() error {
			return withOutput(k.provider.Delete(k.name, k.kubeconfig()))
		})
	}
	var errs []error
	for _, node := range nodes {
		if node.dir == k.dir {
			_, err := k.engine.Output(ctx, "rm", "--force", "--volumes", node.name)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// remove deletes the cluster's nodes and all in its directory but the lock.
func (k *kind) remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, removeTimeout, fmt.Errorf("not deleted within %s", removeTimeout))
	defer cancel()
	for try := 1; ; try++ {
		// Whoever was killed while it wrote the kubeconfig has left its lock.
		os.Remove(k.kubeconfig() + ".lock")
		err := k.removeNodes(ctx)
		if err == nil {
			return emptyDir(k.dir)
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
func (k *kind) writeKubeconfig(ctx context.Context) error {
	for _, path := range []string{k.kubeconfig(), k.kubeconfig() + ".lock"} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return beside(ctx, func() error {
		return withOutput(k.provider.ExportKubeConfig(k.name, k.kubeconfig(), false))
	})
}

// logsTimeout bounds the collection of logs from nodes that may be half there.
const logsTimeout = 60 * time.Second

// collectLogs puts all that kind knows to collect into dir, and into one file
// there what could not be collected.
func (k *kind) collectLogs(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, logsTimeout, fmt.Errorf("not collected within %s", logsTimeout))
	defer cancel()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "kind-create.log"), k.log.text(), 0o644); err != nil {
		return err
	}
	err := beside(ctx, func() error { return k.provider.CollectLogs(k.name, dir) })
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
	var all, errors []string
	for line := range strings.Lines(output) {
		if line = strings.TrimSpace(line); line == "" || chatter.MatchString(line) {
			continue
		}
		all = append(all, line)
		if lower := strings.ToLower(line); strings.HasPrefix(lower, "error") || strings.HasPrefix(lower, "[error") {
			errors = append(errors, line)
		}
	}
	if len(errors) > 0 {
		all = errors
	}
	return strings.Join(all[max(0, len(all)-most):], "\n")
}
