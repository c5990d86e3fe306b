package nodeimage

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

	"github.com/podproof/podproof/framework/ground/lockfile"
	"github.com/podproof/podproof/framework/progress"
)

// Workshop builds programs of a node from sources of which some files were
// changed, as they would be built for the node image otherwise. What it keeps
// between calls are copies of modules, because Go changes nothing that is in the
// module cache, and Go's own build cache.
type Workshop struct {
	version Version
	cache   cache
	lock    *lockfile.Lock // on the directory of the cache
	goTool  *goTool
	log     progress.Log
}

// workshops is how many processes of a machine can have a workshop at a time.
const workshops = 8

// Sources are changed files: their text, by their path in their module, by module.
type Sources map[string]map[string]string

// OpenWorkshop opens a workshop for the exact Kubernetes version that a cluster
// has, such as v1.37.2. It takes the first that no other process has, and removes what
// a process that was killed left lying there. The caller closes it.
func OpenWorkshop(ctx context.Context, kubernetes, cacheDir string, log progress.Log) (*Workshop, error) {
	v, err := Find(minorOf(kubernetes))
	if err != nil {
		return nil, err
	}
	v.Build = kubernetes
	w := &Workshop{version: v, log: log}
	for n := 1; w.lock == nil; n++ {
		w.cache = cache{filepath.Join(cacheDir, "workshop", fmt.Sprint(n))}
		w.lock, err = lockfile.Try(filepath.Join(w.cache.dir, "lock"))
		if err != nil && (n == workshops || !errors.Is(err, lockfile.ErrHeld)) {
			return nil, err
		}
	}
	if err = w.cache.clear(); err == nil {
		w.goTool, err = newGoTool(ctx, w.cache)
	}
	if err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// Close leaves the workshop to the next process.
func (w *Workshop) Close() { w.lock.Release() }

// Bench makes an empty directory in the workshop, for what is built there.
func (w *Workshop) Bench() (string, error) { return os.MkdirTemp(w.cache.work(), "bench-") }

// component finds the component of the image, by its name.
func (w *Workshop) component(name string) (component, error) {
	for _, c := range components(w.version) {
		if c.Name == name {
			return c, nil
		}
	}
	return component{}, fmt.Errorf("nothing in the node image is built from a component %q", name)
}

// Version is the version of a component of the node image, such as v1.37.2 for
// "kubernetes".
func (w *Workshop) Version(component string) (string, error) {
	c, err := w.component(component)
	return c.Version, err
}

// Source is the text of a file in a module of the component; the module "" is
// that of the component itself. The error wraps fs.ErrNotExist when there is no
// such file.
func (w *Workshop) Source(ctx context.Context, component, module, file string) (string, error) {
	c, err := w.component(component)
	if err != nil {
		return "", err
	}
	m, err := w.goTool.download(ctx, c.moduleOr(module), c.versionOf(module))
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(filepath.Join(m.Dir, file))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s %s has no file %s: %w", c.moduleOr(module), c.versionOf(module), file, fs.ErrNotExist)
	}
	return string(text), err
}

func (c component) moduleOr(module string) string {
	if module == "" {
		return c.Module
	}
	return module
}

// versionOf is the version of one of the component's modules: its own, or one
// that Kubernetes publishes out of the same repository.
func (c component) versionOf(module string) string {
	if c.Staging && module != "" && module != c.Module {
		return "v0" + strings.TrimPrefix(c.Version, "v1")
	}
	return c.Version
}

// Build compiles programs of the component, named like cmd/kubelet, with the
// changed sources, into the directory out.
func (w *Workshop) Build(ctx context.Context, component string, programs []string, changed Sources, out string) error {
	c, err := w.component(component)
	if err != nil {
		return err
	}
	main, err := w.mainModule(ctx, c)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp(w.cache.work(), "build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)

	modfile := filepath.Join(work, "go.mod")
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(main, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(work, name), text, 0o644)
		}
		if err != nil {
			return err
		}
	}
	overlay := map[string]string{}
	for n, module := range slices.Sorted(maps.Keys(changed)) {
		copied, err := w.copyOf(ctx, c.moduleOr(module), c.versionOf(module))
		if err != nil {
			return err
		}
		if err := w.goTool.command(main, c, "mod", "edit", "-replace="+c.moduleOr(module)+"="+copied, modfile).run(ctx); err != nil {
			return err
		}
		for file, text := range changed[module] {
			replacement := filepath.Join(work, fmt.Sprintf("%d-%d-%s", n, len(overlay), path.Base(file)))
			if err := os.WriteFile(replacement, []byte(text), 0o644); err != nil {
				return err
			}
			overlay[filepath.Join(copied, file)] = replacement
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(work, "overlay.json"), list, 0o644); err != nil {
		return err
	}
	c.Packages = programs
	args := append([]string{
		"build", "-modfile", modfile, "-overlay", filepath.Join(work, "overlay.json"), "-o", out + string(filepath.Separator),
	}, c.flags()...)
	return w.gently(main, c, append(args, c.imports()...)).run(ctx)
}

// gently is a go command that makes way for all else: it shares the machine with specs
// that measure time.
func (w *Workshop) gently(dir string, c component, args []string) command {
	g := w.goTool.command(dir, c, args...)
	g.args = append([]string{"nice", "-n", "19"}, g.args...)
	return g
}

// mainModule is a main module for the component, with all that building any of
// its programs needs.
func (w *Workshop) mainModule(ctx context.Context, c component) (string, error) {
	return w.cache.fill("main-"+c.part(), c.key(w.goTool.version), func(dir string) error {
		step := w.log.Step("download the modules of "+c.String(), 0)
		if err := w.goTool.prepare(ctx, c, dir); err != nil {
			step.Fail(err)
			return err
		}
		step.Done("")
		return nil
	})
}

// copyOf is a copy of a module outside of Go's module cache.
func (w *Workshop) copyOf(ctx context.Context, module, version string) (string, error) {
	name := strings.ReplaceAll(module, "/", "-") + "-" + version
	return w.cache.fill(name, keyOf([]string{module, version}), func(dir string) error {
		m, err := w.goTool.download(ctx, module, version)
		if err != nil {
			return err
		}
		return os.CopyFS(dir, os.DirFS(m.Dir))
	})
}
