// Package mutation puts a component that is built wrong in the place of the one that
// a kind cluster of podproof's has, and puts the cluster's own back.
package mutation

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"time"

	"github.com/podproof/podproof/fixtures/mutants"
	"github.com/podproof/podproof/framework/ground/kind"
	"github.com/podproof/podproof/framework/ground/workshop"
)

// swapTime bounds how long a component may take to work again once it was
// exchanged. A kubelet takes about 2 s, the API server 10 s, and on a busy machine many
// times as long.
const swapTime = 4 * time.Minute

// component is how a component is built, and where it is in a cluster.
type component struct {
	// source is the component of the node image that it is built from.
	source string
	// programs are its packages.
	programs []string
	place    place
}

// place is where a component runs.
type place interface {
	// install puts the programs of a directory in their place, keeping the
	// originals on the node, and returns when they work.
	install(ctx context.Context, c *kind.Cluster, dir string) error
	// restore puts back what install has kept, as far as it came, and returns when
	// the originals work.
	restore(ctx context.Context, c *kind.Cluster) error
	// intact fails when what was installed has ended since.
	intact(ctx context.Context, c *kind.Cluster) error
}

var components = map[string]component{
	mutants.Kubelet: {"kubernetes", []string{"cmd/kubelet"}, &onNodes{
		role: "worker", service: "kubelet", paths: []string{"/usr/bin/kubelet"},
	}},
	mutants.Kubectl: {"kubernetes", []string{"cmd/kubectl"}, &onNodes{
		role: "control-plane", paths: []string{"/usr/bin/kubectl"},
	}},
	mutants.Containerd: {"containerd", []string{"cmd/containerd", "cmd/containerd-shim-runc-v2"}, &onNodes{
		role: "worker", service: "containerd", runsPods: true,
		paths: []string{"/usr/local/bin/containerd", "/usr/local/bin/containerd-shim-runc-v2"},
	}},
	mutants.Runc: {"runc", []string{""}, &onNodes{
		role: "worker", runsPods: true, paths: []string{"/usr/local/sbin/runc"},
	}},
	mutants.APIServer:         {"kubernetes", []string{"cmd/kube-apiserver"}, &staticPod{name: mutants.APIServer}},
	mutants.ControllerManager: {"kubernetes", []string{"cmd/kube-controller-manager"}, &staticPod{name: mutants.ControllerManager}},
	mutants.Scheduler:         {"kubernetes", []string{"cmd/kube-scheduler"}, &staticPod{name: mutants.Scheduler}},
	mutants.Proxy:             {"kubernetes", []string{"cmd/kube-proxy"}, &daemonSet{name: mutants.Proxy}},
}

// Version is the version of the component, such as v1.37.2, that the workshop
// builds.
func Version(w *workshop.Workshop, component string) (string, error) {
	return w.Version(components[component].source)
}

// Build makes the mutant's programs in the directory out. An error that wraps
// mutants.ErrEdit says that the mutant does not fit the version.
func Build(ctx context.Context, w *workshop.Workshop, m mutants.Mutant, out string) error {
	changed, err := Edit(ctx, w, m)
	if err != nil {
		return err
	}
	c := components[m.Component]
	return w.Build(ctx, c.source, c.programs, changed, out)
}

// Edit makes the mutant's edits on the sources of the workshop's version.
func Edit(ctx context.Context, w *workshop.Workshop, m mutants.Mutant) (workshop.Sources, error) {
	version, err := Version(w, m.Component)
	if err != nil {
		return nil, err
	}
	edits, err := m.For(version)
	if err != nil {
		return nil, err
	}
	changed := workshop.Sources{}
	for _, e := range edits {
		source, seen := changed[e.Module][e.File]
		if !seen {
			source, err = w.Source(ctx, components[m.Component].source, e.Module, e.File)
			if errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("%w: %w", mutants.ErrEdit, err)
			}
			if err != nil {
				return nil, err
			}
		}
		if source, err = e.Apply(source); err != nil {
			return nil, err
		}
		if changed[e.Module] == nil {
			changed[e.Module] = map[string]string{}
		}
		changed[e.Module][e.File] = source
	}
	return changed, nil
}

// Install exchanges the component for the programs in dir. When it fails, Restore
// has to follow all the same.
func Install(ctx context.Context, c *kind.Cluster, component, dir string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, swapTime, fmt.Errorf("it does not work %s after it was put in its place", swapTime))
	defer cancel()
	if err := components[component].place.install(ctx, c, dir); err != nil {
		return fmt.Errorf("putting a wrong %s into the cluster: %w", component, err)
	}
	return nil
}

// Intact fails when the installed component has ended since: what the specs saw is
// then not its doing alone.
func Intact(ctx context.Context, c *kind.Cluster, component string) error {
	return components[component].place.intact(ctx, c)
}

// Restore puts the cluster's own component back.
func Restore(ctx context.Context, c *kind.Cluster, component string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, swapTime, fmt.Errorf("it does not work %s after it was put back", swapTime))
	defer cancel()
	if err := components[component].place.restore(ctx, c); err != nil {
		return fmt.Errorf("putting the cluster's own %s back: %w", component, err)
	}
	return nil
}

// originals is where a node keeps what was exchanged, and brought where the wrong
// programs of pods lie. Nothing of it is in the node's data, which outlives it.
const (
	originals = "/usr/local/podproof/originals"
	brought   = "/usr/local/podproof/brought"
)

// nodesOf are the nodes of a role; "" is all.
func nodesOf(c *kind.Cluster, role string) []string {
	var names []string
	for _, n := range c.Nodes {
		if role == "" || n.Role == role {
			names = append(names, n.Name)
		}
	}
	return names
}

// program is the file in dir that goes to the path on a node.
func program(dir, on string) string { return filepath.Join(dir, path.Base(on)) }
