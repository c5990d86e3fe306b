package kind

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/podproof/podproof/framework/api"
	"github.com/podproof/podproof/framework/cluster"
	"github.com/podproof/podproof/framework/ground/engine"
	"github.com/podproof/podproof/framework/ground/lockfile"
	"github.com/podproof/podproof/framework/progress"
)

// Request says which cluster is wanted.
type Request struct {
	Name      string // "" is podproof
	StateDir  string // where what is kept about podproof's clusters lies, one directory each
	Engine    *engine.Engine
	NodeImage string // one that the engine has
	Workers   int    // nodes beside the control plane
	Keep      bool   // Down leaves the cluster for the next run
	LogsDir   string // where the logs go of a cluster that could not be made
	Log       progress.Log
}

const (
	defaultName = "podproof"
	// names is how many runs on one machine can have a cluster of the same name:
	// the second has name-2.
	names = 4
	// attempts is how often a cluster is made before podproof gives up. A node
	// that misses the 30 s in which kind wants it to boot is worth another try.
	attempts = 2
	// readyTimeout bounds the time from kind being done to all nodes being
	// Ready, which takes a few seconds.
	readyTimeout = 120 * time.Second
	// wakeTimeout bounds how long the nodes of a kept cluster may take to be
	// Ready again after they were stopped; a new cluster is made in less.
	wakeTimeout = 60 * time.Second
)

// Up makes a cluster, or takes one that an earlier run kept if it has the same
// node image and as many workers. All its nodes are Ready then. What is left of
// a run that was killed is deleted first. When Up fails or ctx ends, nothing is
// left behind but the logs.
func Up(ctx context.Context, r Request) (*Cluster, error) {
	if r.Log == nil {
		r.Log = progress.Discard()
	}
	if r.Name == "" {
		r.Name = defaultName
	}
	var err error
	// The engine is told this path: it must not depend on where the process is.
	if r.StateDir, err = filepath.Abs(r.StateDir); err != nil {
		return nil, fmt.Errorf("cluster %s: %w", r.Name, err)
	}
	lock, nodes, err := r.takeName(ctx)
	if err != nil {
		return nil, err
	}
	c, err := r.up(ctx, nodes)
	if err != nil {
		if readState(r.dir()) == nil {
			os.RemoveAll(r.dir())
		}
		lock.Release()
		return nil, fmt.Errorf("cluster %s: %w", r.Name, err)
	}
	c.lock = lock
	return c, nil
}

func (r *Request) dir() string      { return filepath.Join(r.StateDir, r.Name) }
func (r *Request) lockPath() string { return filepath.Join(r.dir(), lockFile) }

// takeName takes the lock on the name that was asked for, or on the next one
// that is free, and returns the nodes that are there already under that name.
func (r *Request) takeName(ctx context.Context) (*lockfile.Lock, []container, error) {
	asked := r.Name
	var taken []string
	for n := 1; n <= names; n++ {
		if n > 1 {
			r.Name = fmt.Sprintf("%s-%d", asked, n)
		}
		lock, err := lockfile.Try(r.lockPath())
		if errors.Is(err, lockfile.ErrHeld) {
			taken = append(taken, r.Name+" is in use by "+lockfile.Holder(r.lockPath()))
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("cluster %s: %w", r.Name, err)
		}
		nodes, err := containers(ctx, r.Engine, r.Name)
		if err != nil {
			lock.Release()
			return nil, nil, fmt.Errorf("cluster %s: %w", r.Name, err)
		}
		if why := foreign(nodes, r.dir()); why != "" {
			taken = append(taken, r.Name+" "+why)
			os.RemoveAll(r.dir())
			lock.Release()
			continue
		}
		for _, why := range taken {
			r.Log.Info("Cluster %s: this run has %s.", why, r.Name)
		}
		return lock, nodes, nil
	}
	return nil, nil, fmt.Errorf("cluster %s: this name and the next are taken: %s", asked, strings.Join(taken, "; "))
}

// foreign is "" when all nodes are those of a cluster made with the given
// directory, else whose they are. Somebody else's cluster is not touched,
// whatever its name.
func foreign(nodes []container, dir string) string {
	for _, node := range nodes {
		switch node.dir {
		case dir:
		case "":
			return "is a kind cluster that podproof has not made"
		default:
			return "belongs to the podproof that keeps its state in " + node.dir
		}
	}
	return ""
}

func (r *Request) up(ctx context.Context, nodes []container) (*Cluster, error) {
	t, err := examine(ctx, r.Engine, r.NodeImage)
	if err != nil {
		return nil, err
	}
	if len(nodes) > 0 {
		c, err := r.reuse(ctx, t, nodes)
		if c != nil || err != nil {
			return c, err
		}
		if err := r.library(nil).remove(ctx); err != nil {
			return nil, fmt.Errorf("deleting what was there before: %w", err)
		}
	}
	if err := enoughInotify(r.Workers); err != nil {
		return nil, err
	}
	for attempt := 1; ; attempt++ {
		c, err := r.create(ctx, t, attempt)
		if err == nil {
			return c, nil
		}
		if ctx.Err() != nil || attempt == attempts {
			return nil, err
		}
		if _, gone := engine.Find(ctx, r.Engine.Name); gone != nil {
			return nil, fmt.Errorf("the container engine went away while the cluster was made; the next run deletes what is left of it: %w", gone)
		}
		r.Log.Info("Cluster %s could not be made, trying once more: %v", r.Name, err)
	}
}

// create makes a new cluster. After a failure its logs are collected and it is
// deleted.
func (r *Request) create(ctx context.Context, t *traits, attempt int) (c *Cluster, err error) {
	step := r.Log.Step("cluster "+r.Name, 25*time.Second)
	lib := r.library(step.Update)
	defer func() {
		if err == nil {
			return
		}
		cleaning := context.WithoutCancel(ctx)
		if ctx.Err() == nil && r.LogsDir != "" {
			dir := filepath.Join(r.LogsDir, fmt.Sprintf("%s-attempt-%d", r.Name, attempt))
			if failed := lib.collectLogs(cleaning, dir); failed != nil {
				r.Log.Info("The logs of cluster %s could not be collected: %v", r.Name, failed)
			}
			err = fmt.Errorf("%w (logs: %s)", err, dir)
		}
		if failed := lib.remove(cleaning); failed != nil {
			err = fmt.Errorf("%w; and deleting it again: %w", err, failed)
		}
	}()
	if err := noteNetwork(ctx, r.Engine, r.StateDir); err != nil {
		step.Fail(err)
		return nil, err
	}
	if err := lib.create(ctx, r.NodeImage, kindConfig(t, r.Workers, lib.ownerDir())); err != nil {
		step.Fail(err)
		return nil, err
	}
	step.Done(fmt.Sprintf("one control plane, workers: %d", r.Workers))
	c = r.cluster(lib)
	if err := r.settle(ctx, c, t, nil); err != nil {
		return nil, err
	}
	return c, nil
}

func (r *Request) library(update func(string)) *library {
	return newLibrary(r.Engine, r.Name, r.dir(), update)
}

func (r *Request) cluster(lib *library) *Cluster {
	return control(&cluster.Info{
		Name:       r.Name,
		Kubeconfig: lib.kubeconfig(),
		Context:    lib.context(),
		Kind:       true,
		Own:        true,
		Keep:       r.Keep,
		Provider:   r.Engine.Name,
	}, r.Log)
}

// settle brings a cluster whose nodes run to the point where it takes pods. A
// node that was started again, at the given time, counts as Ready if it has said
// so since.
func (r *Request) settle(ctx context.Context, c *Cluster, t *traits, started map[string]time.Time) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	count := 1 + r.Workers
	if !t.defaultCNI {
		step := r.Log.Step("network", 2*time.Second)
		if err := layNetwork(ctx, client, r.Engine, count); err != nil {
			step.Fail(err)
			return err
		}
		step.Done("")
	}
	step := r.Log.Step("nodes ready", 5*time.Second)
	if err := r.awaitReady(ctx, client, count, started); err != nil {
		step.Fail(err)
		return err
	}
	if err := c.Describe(ctx); err != nil {
		step.Fail(err)
		return err
	}
	step.Done("Kubernetes " + c.ServerVersion)
	if !r.Keep {
		// From here on the cluster is to be deleted, even if this run is killed.
		return forgetState(c.dir())
	}
	return writeState(c.dir(), state{NodeImage: t.imageID, Workers: r.Workers, Reserves: reservesNode(r.Workers)})
}

func (r *Request) awaitReady(ctx context.Context, client kubernetes.Interface, count int, started map[string]time.Time) error {
	timeout := readyTimeout
	if len(started) > 0 {
		timeout = wakeTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("not all nodes are Ready after %s", timeout))
	defer cancel()
	if _, err := awaitNodes(ctx, client, count, takesPods(started), whyNot); err != nil {
		return err
	}
	return api.AwaitServiceAccount(ctx, client, "default")
}
