package kind

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/podproof/podproof/framework/ground/engine"
	"github.com/podproof/podproof/framework/ground/lockfile"
	"github.com/podproof/podproof/framework/progress"
)

// kindNetwork is the network that kind makes once for all of its clusters.
const kindNetwork = "kind"

// Clean deletes every cluster that podproof has made and that no run is using,
// kept ones too, in all engines that answer, also those whose state directory is
// gone; and the network of kind's clusters when podproof was the one to cause it
// and no cluster is left. It returns the names of those that live runs use.
func Clean(ctx context.Context, stateDir string, log progress.Log) (used []string, err error) {
	if log == nil {
		log = progress.Discard()
	}
	if stateDir, err = filepath.Abs(stateDir); err != nil {
		return nil, fmt.Errorf("cleaning up clusters: %w", err)
	}
	var errs []error
	for _, provider := range engine.Providers() {
		e, err := engine.Find(ctx, provider)
		if errors.Is(err, engine.ErrNone) {
			continue
		}
		if err == nil {
			err = cleanEngine(ctx, e, stateDir, log)
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	used, err = cleanState(stateDir)
	if err := errors.Join(append(errs, err)...); err != nil {
		return used, fmt.Errorf("cleaning up clusters: %w", err)
	}
	return used, nil
}

// cleanEngine deletes the clusters that one engine runs.
func cleanEngine(ctx context.Context, e *engine.Engine, stateDir string, log progress.Log) error {
	nodes, err := containers(ctx, e, "")
	if err != nil {
		return err
	}
	dirs := map[string]string{} // of podproof's clusters, by name
	for _, node := range nodes {
		if node.dir != "" {
			dirs[node.cluster] = node.dir
		}
	}
	var errs []error
	for name, dir := range dirs {
		if err := cleanCluster(ctx, e, name, dir, log); err != nil {
			errs = append(errs, fmt.Errorf("cluster %s: %w", name, err))
		}
	}
	if err := cleanNetwork(ctx, e, stateDir, log); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func cleanCluster(ctx context.Context, e *engine.Engine, name, dir string, log progress.Log) error {
	lock, err := lockfile.Try(filepath.Join(dir, lockFile))
	if errors.Is(err, lockfile.ErrHeld) {
		log.Info("Cluster %s is in use by %s and stays.", name, lockfile.Holder(filepath.Join(dir, lockFile)))
		return nil
	}
	if errors.Is(err, fs.ErrPermission) {
		log.Info("Cluster %s belongs to another user, by its directory %s, and stays.", name, dir)
		return nil
	}
	if err != nil {
		return err
	}
	defer lock.Release()
	if err := newLibrary(e, name, dir, nil).remove(ctx); err != nil {
		return err
	}
	log.Info("Deleted cluster %s.", name)
	return os.RemoveAll(dir)
}

// cleanState removes the directories of clusters that are gone, and returns the names of
// those that live runs use.
func cleanState(stateDir string) (used []string, err error) {
	entries, err := os.ReadDir(stateDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		dir := filepath.Join(stateDir, entry.Name())
		lock, err := lockfile.Try(filepath.Join(dir, lockFile))
		if errors.Is(err, lockfile.ErrHeld) {
			used = append(used, entry.Name())
			continue
		}
		if err == nil {
			err = os.RemoveAll(dir)
			lock.Release()
		}
		errs = append(errs, err)
	}
	return used, errors.Join(errs...)
}

// noteNetwork writes down that the network of kind's clusters is there because
// of podproof, when it is not there yet.
func noteNetwork(ctx context.Context, e *engine.Engine, stateDir string) error {
	if _, err := e.Output(ctx, "network", "inspect", kindNetwork); err == nil || ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return os.WriteFile(networkNote(e, stateDir), nil, 0o644)
}

func networkNote(e *engine.Engine, stateDir string) string {
	return filepath.Join(stateDir, "network-of-"+e.Name)
}

// cleanNetwork removes the network of kind's clusters when it is there because of
// podproof and no kind cluster is left, whoever made it.
func cleanNetwork(ctx context.Context, e *engine.Engine, stateDir string, log progress.Log) error {
	note := networkNote(e, stateDir)
	if _, err := os.Stat(note); err != nil {
		return nil
	}
	nodes, err := containers(ctx, e, "")
	if err != nil || len(nodes) > 0 {
		return err
	}
	if _, err := e.Output(ctx, "network", "inspect", kindNetwork); err != nil {
		if ctx.Err() == nil { // somebody else has removed it
			return os.Remove(note)
		}
		return context.Cause(ctx)
	}
	if _, err := e.Output(ctx, "network", "rm", kindNetwork); err != nil {
		return fmt.Errorf("network %s: %w", kindNetwork, err)
	}
	log.Info("Removed the network %s of %s.", kindNetwork, e.Name)
	return os.Remove(note)
}
