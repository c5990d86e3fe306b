// Package component builds the programs of a node from their Go modules.
package component

import (
	"runtime"
	"strings"

	"github.com/podproof/podproof/framework/ground/parts"
)

// Component is built from one Go module. Each gets a main module of its own, because
// the requirements of two of them may contradict each other. The key of every part is
// made of these fields.
type Component struct {
	Name    string
	Module  string
	Version string
	// Packages are the main packages to build, below the module; "" is the
	// module itself.
	Packages []string
	// Rename gives a built program another name than that of its package.
	Rename map[string]string
	Tags   []string
	// CGO links statically against the C library of this machine.
	CGO bool
	// LDFlags are passed to the linker on top of -s -w.
	LDFlags []string
	// Staging replaces the modules that Kubernetes keeps in its own
	// repository by their published versions.
	Staging bool
}

// Key hashes all that decides what the component's programs are.
func (c Component) Key(goVersion string) string {
	return parts.Key(struct {
		Component    Component
		Go, OS, Arch string
	}{c, goVersion, runtime.GOOS, runtime.GOARCH})
}

// Imports are the full import paths of the packages to build.
func (c Component) Imports() []string {
	paths := make([]string, len(c.Packages))
	for i, p := range c.Packages {
		paths[i] = strings.TrimSuffix(c.Module+"/"+p, "/")
	}
	return paths
}

// Flags are the build flags that decide what the programs are.
func (c Component) Flags() []string {
	ldflags := append([]string{"-s -w"}, c.LDFlags...)
	flags := []string{"-trimpath", "-ldflags", strings.Join(ldflags, " ")}
	if len(c.Tags) > 0 {
		flags = append(flags, "-tags", strings.Join(c.Tags, ","))
	}
	return flags
}

func (c Component) env() []string {
	cgo := "CGO_ENABLED=0"
	if c.CGO {
		cgo = "CGO_ENABLED=1"
	}
	// What the user has set for other builds must not change this one.
	return []string{cgo, "GOFLAGS=", "GOWORK=off", "GOOS=" + runtime.GOOS, "GOARCH=" + runtime.GOARCH, "GO111MODULE=on"}
}

// Part is the name of the component's part in a cache.
func (c Component) Part() string { return c.Name + "-" + c.Version }

// String is the name and the version.
func (c Component) String() string { return c.Name + " " + c.Version }

// ModuleOr is a module of the component; "" is its own.
func (c Component) ModuleOr(module string) string {
	if module == "" {
		return c.Module
	}
	return module
}

// VersionOf is the version of one of the component's modules: its own, or one that
// Kubernetes publishes from the same repository.
func (c Component) VersionOf(module string) string {
	if c.Staging && module != "" && module != c.Module {
		return stagingVersion(c.Version)
	}
	return c.Version
}

// stagingVersion is the version under which Kubernetes publishes the modules that it
// keeps in its own repository: v0.37.2 for v1.37.2.
func stagingVersion(kubernetes string) string { return "v0" + strings.TrimPrefix(kubernetes, "v1") }
