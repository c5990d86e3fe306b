package component

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/podproof/podproof/framework/ground/parts"
	"github.com/podproof/podproof/framework/ground/process"
)

// ErrTools is wrapped when this machine lacks something that a build needs and
// podproof cannot install it.
var ErrTools = errors.New("this machine lacks what a node image is built with")

// GoTool runs the go command.
type GoTool struct {
	Version string // as in go1.26.8
	log     func(component string) string
	temp    string // for the files that a killed build leaves behind
}

// NewGoTool finds the go command. Its logs and temporary files go into the cache.
func NewGoTool(ctx context.Context, c parts.Cache) (*GoTool, error) {
	version, err := process.Command{Args: []string{"go", "env", "GOVERSION"}, Dir: c.Dir}.Output(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: the go command: %w", ErrTools, err)
	}
	return &GoTool{Version: strings.TrimSpace(version), log: c.Log, temp: c.Work()}, nil
}

// Command is a go command for the component, in a directory.
func (g *GoTool) Command(dir string, c Component, args ...string) process.Command {
	return process.Command{
		Dir: dir, Args: append([]string{"go"}, args...),
		Env: append(c.env(), "GOTMPDIR="+g.temp), Log: g.log(c.Name),
	}
}

// Module is what `go mod download -json` says of a module.
type Module struct {
	Dir   string
	GoMod string
	Error string
}

// Download puts a module into the module cache.
func (g *GoTool) Download(ctx context.Context, path, version string) (Module, error) {
	c := process.Command{
		Dir: g.temp, Args: []string{"go", "mod", "download", "-json", path + "@" + version},
		Env: []string{"GOFLAGS=", "GOWORK=off", "GO111MODULE=on"},
	}
	out, err := c.Output(ctx)
	var m Module
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

// Prepare writes a main module that requires the component into dir, and downloads
// everything that is needed to build it.
func (g *GoTool) Prepare(ctx context.Context, c Component, dir string) error {
	m, err := g.Download(ctx, c.Module, c.Version)
	if err != nil {
		return err
	}
	parsed, err := g.parse(ctx, m.GoMod)
	if err != nil {
		return err
	}
	var source strings.Builder
	source.WriteString("//go:build tools\n\npackage tools\n\nimport (\n")
	for _, path := range c.Imports() {
		fmt.Fprintf(&source, "\t_ %q\n", path)
	}
	source.WriteString(")\n")
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mainModule(c, parsed)), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "tools.go"), []byte(source.String()), 0o644); err != nil {
		return err
	}
	return g.Command(dir, c, "mod", "tidy").Run(ctx)
}

// goMod is what `go mod edit -json` says of a go.mod file.
type goMod struct {
	Go      string
	Replace []replacement
}

type replacement struct{ Old, New struct{ Path string } }

// mainModule writes the go.mod file of a module that requires the component.
func mainModule(c Component, of goMod) string {
	var mod strings.Builder
	// The language version of the component also sets the runtime defaults
	// that go with it.
	fmt.Fprintf(&mod, "module podproof.test/%s\n\ngo %s\n\nrequire %s %s\n", c.Name, of.Go, c.Module, c.Version)
	if c.Staging {
		// The replacements of a dependency do not count, so Kubernetes' own
		// are repeated, with published modules instead of paths.
		for _, r := range of.Replace {
			if strings.HasPrefix(r.New.Path, "./staging/") {
				fmt.Fprintf(&mod, "replace %[1]s => %[1]s %[2]s\n", r.Old.Path, stagingVersion(c.Version))
			}
		}
	}
	return mod.String()
}

func (g *GoTool) parse(ctx context.Context, path string) (goMod, error) {
	var parsed goMod
	out, err := process.Command{Dir: g.temp, Args: []string{"go", "mod", "edit", "-json", path}}.Output(ctx)
	if err != nil {
		return parsed, err
	}
	return parsed, json.Unmarshal([]byte(out), &parsed)
}

// Build compiles the component's programs into out, in the module that Prepare made in
// dir. It reports how many of the packages that are missing in Go's build cache are
// compiled.
func (g *GoTool) Build(ctx context.Context, c Component, dir, out string, compiled func(done, total int)) error {
	list := g.Command(dir, c, append(append([]string{"list", "-deps", "-f", "{{if .Stale}}{{.ImportPath}}{{end}}"}, c.Flags()...), c.Imports()...)...)
	stale, err := list.Output(ctx)
	if err != nil {
		return err
	}
	total, done := len(strings.Fields(stale)), 0
	compiled(0, total)
	build := g.Command(dir, c, append(append([]string{"build", "-v", "-o", out + string(filepath.Separator)}, c.Flags()...), c.Imports()...)...)
	build.Line = func(line string) {
		// Other lines, about downloads or errors, have spaces in them.
		if line != "" && !strings.ContainsAny(line, " \t") {
			done = min(done+1, total)
			compiled(done, total)
		}
	}
	if err := build.Run(ctx); err != nil {
		return err
	}
	for from, to := range c.Rename {
		err = errors.Join(err, os.Rename(filepath.Join(out, from), filepath.Join(out, to)))
	}
	return err
}
