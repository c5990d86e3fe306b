package nodeimage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// goTool runs the go command.
type goTool struct {
	version string // as in go1.26.8
	log     func(component string) string
	temp    string // for the files that a killed build leaves behind
}

func newGoTool(ctx context.Context, c cache) (*goTool, error) {
	version, err := command{args: []string{"go", "env", "GOVERSION"}, dir: c.dir}.output(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: the go command: %w", ErrTools, err)
	}
	return &goTool{version: strings.TrimSpace(version), log: c.log, temp: c.work()}, nil
}

func (g *goTool) command(dir string, c component, args ...string) command {
	return command{
		dir: dir, args: append([]string{"go"}, args...),
		env: append(c.env(), "GOTMPDIR="+g.temp), log: g.log(c.Name),
	}
}

// module is what `go mod download -json` says of one.
type module struct {
	Dir   string
	GoMod string
	Error string
}

// download puts a module into the module cache.
func (g *goTool) download(ctx context.Context, path, version string) (module, error) {
	c := command{
		dir: g.temp, args: []string{"go", "mod", "download", "-json", path + "@" + version},
		env: []string{"GOFLAGS=", "GOWORK=off", "GO111MODULE=on"},
	}
	out, err := c.output(ctx)
	var m module
	if jsonErr := json.Unmarshal([]byte(out), &m); jsonErr == nil && m.Error != "" {
		return m, fmt.Errorf("cannot download %s", m.Error) // it begins with the module
	}
	if err != nil {
		return m, fmt.Errorf("cannot download %s@%s: %w", path, version, err)
	}
	if m.Dir == "" {
		return m, fmt.Errorf("cannot download %s@%s: the go command named no directory for it", path, version)
	}
	return m, nil
}

// prepare writes a main module that requires the component, into dir, and
// downloads all that building it needs.
func (g *goTool) prepare(ctx context.Context, c component, dir string) error {
	m, err := g.download(ctx, c.Module, c.Version)
	if err != nil {
		return err
	}
	parsed, err := g.parse(ctx, m.GoMod)
	if err != nil {
		return err
	}
	var source strings.Builder
	source.WriteString("//go:build tools\n\npackage tools\n\nimport (\n")
	for _, path := range c.imports() {
		fmt.Fprintf(&source, "\t_ %q\n", path)
	}
	source.WriteString(")\n")
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mainModule(c, parsed)), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "tools.go"), []byte(source.String()), 0o644); err != nil {
		return err
	}
	return g.command(dir, c, "mod", "tidy").run(ctx)
}

// goMod is what `go mod edit -json` says of a go.mod file.
type goMod struct {
	Go      string
	Replace []replacement
}

type replacement struct{ Old, New struct{ Path string } }

// mainModule writes the go.mod file of a module that requires the component.
func mainModule(c component, of goMod) string {
	var mod strings.Builder
	// The language version of the component also sets the runtime defaults
	// that go with it.
	fmt.Fprintf(&mod, "module podproof.test/%s\n\ngo %s\n\nrequire %s %s\n", c.Name, of.Go, c.Module, c.Version)
	if c.Staging {
		// The replacements of a dependency do not count, so Kubernetes' own
		// are repeated, with the published modules in the place of paths.
		for _, r := range of.Replace {
			if strings.HasPrefix(r.New.Path, "./staging/") {
				fmt.Fprintf(&mod, "replace %[1]s => %[1]s v0%[2]s\n", r.Old.Path, strings.TrimPrefix(c.Version, "v1"))
			}
		}
	}
	return mod.String()
}

func (g *goTool) parse(ctx context.Context, path string) (goMod, error) {
	var parsed goMod
	out, err := command{dir: g.temp, args: []string{"go", "mod", "edit", "-json", path}}.output(ctx)
	if err != nil {
		return parsed, err
	}
	return parsed, json.Unmarshal([]byte(out), &parsed)
}

// build compiles the component's programs, in the module that prepare made in
// dir, into out. It reports how many of the packages that Go's build cache
// lacks are compiled.
func (g *goTool) build(ctx context.Context, c component, dir, out string, compiled func(done, total int)) error {
	list := g.command(dir, c, append(append([]string{"list", "-deps", "-f", "{{if .Stale}}{{.ImportPath}}{{end}}"}, c.flags()...), c.imports()...)...)
	stale, err := list.output(ctx)
	if err != nil {
		return err
	}
	total, done := len(strings.Fields(stale)), 0
	compiled(0, total)
	build := g.command(dir, c, append(append([]string{"build", "-v", "-o", out + string(filepath.Separator)}, c.flags()...), c.imports()...)...)
	build.line = func(line string) {
		// Other lines, about downloads or errors, have blanks in them.
		if line != "" && !strings.ContainsAny(line, " \t") {
			done = min(done+1, total)
			compiled(done, total)
		}
	}
	if err := build.run(ctx); err != nil {
		return err
	}
	for from, to := range c.Rename {
		err = errors.Join(err, os.Rename(filepath.Join(out, from), filepath.Join(out, to)))
	}
	return err
}
