// Package workshop builds programs of a node from changed sources, such as mutants.
package workshop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/podproof/podproof/fixtures/versions"
	"github.com/podproof/podproof/framework/ground/component"
	"github.com/podproof/podproof/framework/ground/lockfile"
	"github.com/podproof/podproof/framework/ground/parts"
	"github.com/podproof/podproof/framework/ground/process"
	"github.com/podproof/podproof/framework/progress"
)

// Workshop builds programs of a node as the node image has them, but from sources of
// which some files are changed. It keeps copies of modules, because the -overlay of the go
// command does not reach into the module cache.
type Workshop struct {
	version versions.Version
	cache   parts.Cache
	lock    *lockfile.Lock // on the directory of the cache
	goTool  *component.GoTool
	log     progress.Log
}

// workshops is how many processes of a machine can have a workshop at a time.
const workshops = 8

// Sources are changed files: their text, by their path in their module, by module.
type Sources map[string]map[string]string

// Open opens a workshop for the exact Kubernetes version of a cluster, such as v1.37.2.
// It takes the first workshop that no other process has, and removes what a killed
// process left there. The caller closes it.
func Open(ctx context.Context, kubernetes, cacheDir string, log progress.Log) (*Workshop, error) {
	v, err := versions.Find(versions.Minor(kubernetes))
	if err != nil {
		return nil, err
	}
	v.Build = kubernetes
	w := &Workshop{version: v, log: log}
	for n := 1; w.lock == nil; n++ {
		w.cache = parts.Cache{Dir: filepath.Join(cacheDir, "workshop", fmt.Sprint(n))}
		w.lock, err = lockfile.Try(filepath.Join(w.cache.Dir, "lock"))
		if err != nil && (n == workshops || !errors.Is(err, lockfile.ErrHeld)) {
			return nil, err
		}
	}
	if err = w.cache.Clear(); err == nil {
		w.goTool, err = component.NewGoTool(ctx, w.cache)
	}
	if err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// Close leaves the workshop to the next process.
func (w *Workshop) Close() { w.lock.Release() }

// Bench makes an empty directory in the workshop.
func (w *Workshop) Bench() (string, error) { return os.MkdirTemp(w.cache.Work(), "bench-") }

// component finds a component of the node image by its name.
func (w *Workshop) component(name string) (component.Component, error) {
	for _, c := range component.All(w.version) {
		if c.Name == name {
			return c, nil
		}
	}
	return component.Component{}, fmt.Errorf("the node image has no component %q", name)
}

// Version is the version of a component of the node image, such as v1.37.2 for
// "kubernetes".
func (w *Workshop) Version(of string) (string, error) {
	c, err := w.component(of)
	return c.Version, err
}

// Source is the text of a file in a module of the component; "" is the component's own
// module. The error wraps fs.ErrNotExist when there is no such file.
func (w *Workshop) Source(ctx context.Context, of, module, file string) (string, error) {
	c, err := w.component(of)
	if err != nil {
		return "", err
	}
	m, err := w.goTool.Download(ctx, c.ModuleOr(module), c.VersionOf(module))
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(filepath.Join(m.Dir, file))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s %s has no file %s: %w", c.ModuleOr(module), c.VersionOf(module), file, fs.ErrNotExist)
	}
	return string(text), err
}

// Build compiles programs of the component, such as cmd/kubelet, from the changed
// sources into the directory out.
func (w *Workshop) Build(ctx context.Context, of string, programs []string, changed Sources, out string) error {
	c, err := w.component(of)
	if err != nil {
		return err
	}
	main, err := w.mainModule(ctx, c)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp(w.cache.Work(), "build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)

	overlay, err := w.overlay(ctx, main, work, c, changed)
	if err != nil {
		return err
	}
	c.Packages = programs
	args := append([]string{
		"build", "-modfile", filepath.Join(work, "go.mod"), "-overlay", overlay, "-o", out + string(filepath.Separator),
	}, c.Flags()...)
	return w.gently(main, c, append(args, c.Imports()...)).Run(ctx)
}

// overlay writes into the directory work a go.mod that takes the changed modules from
// their copies, and the file for Go's -overlay that changes files there. It returns the
// path of the latter.
func (w *Workshop) overlay(ctx context.Context, main, work string, c component.Component, changed Sources) (string, error) {
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(main, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(work, name), text, 0o644)
		}
		if err != nil {
			return "", err
		}
	}
	replaced := map[string]string{}
	for n, module := range slices.Sorted(maps.Keys(changed)) {
		copied, err := w.copyOf(ctx, c.ModuleOr(module), c.VersionOf(module))
		if err != nil {
			return "", err
		}
		edit := w.goTool.Command(main, c, "mod", "edit", "-replace="+c.ModuleOr(module)+"="+copied, filepath.Join(work, "go.mod"))
		if err := edit.Run(ctx); err != nil {
			return "", err
		}
		for file, text := range changed[module] {
			replacement := filepath.Join(work, fmt.Sprintf("%d-%d-%s", n, len(replaced), path.Base(file)))
			if err := os.WriteFile(replacement, []byte(text), 0o644); err != nil {
				return "", err
			}
			replaced[filepath.Join(copied, file)] = replacement
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		return "", err
	}
	file := filepath.Join(work, "overlay.json")
	return file, os.WriteFile(file, list, 0o644)
}

// gently is a go command with the lowest priority: it shares the machine with specs that
// measure time.
func (w *Workshop) gently(dir string, c component.Component, args []string) process.Command {
	g := w.goTool.Command(dir, c, args...)
	g.Args = append([]string{"nice", "-n", "19"}, g.Args...)
	return g
}

// mainModule is a main module for the component, with everything that is needed to build
// any of its programs.
func (w *Workshop) mainModule(ctx context.Context, c component.Component) (string, error) {
	return w.cache.Fill("main-"+c.Part(), c.Key(w.goTool.Version), func(dir string) error {
		step := w.log.Step("download the modules of "+c.String(), 0)
		if err := w.goTool.Prepare(ctx, c, dir); err != nil {
			step.Fail(err)
			return err
		}
		step.Done("")
		return nil
	})
}

// copyOf is a copy of a module outside Go's module cache.
func (w *Workshop) copyOf(ctx context.Context, module, version string) (string, error) {
	name := strings.ReplaceAll(module, "/", "-") + "-" + version
	return w.cache.Fill(name, parts.Key([]string{module, version}), func(dir string) error {
		m, err := w.goTool.Download(ctx, module, version)
		if err != nil {
			return err
		}
		return os.CopyFS(dir, os.DirFS(m.Dir))
	})
}
