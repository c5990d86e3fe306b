package nodeimage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/podproof/podproof/framework/progress"
)

// ErrTools is wrapped when something that a build needs is missing on this
// machine and podproof cannot install it.
var ErrTools = errors.New("this machine lacks what a node image is built with")

// requirement is something that a build needs on the machine, and the Debian
// package it comes from.
type requirement struct {
	what, debian string
	there        func() bool
}

func requirements() []requirement {
	program := func(name string) func() bool {
		return func() bool { _, err := exec.LookPath(name); return err == nil }
	}
	file := func(patterns ...string) func() bool {
		return func() bool {
			return slices.ContainsFunc(patterns, func(p string) bool {
				found, _ := filepath.Glob(p)
				return len(found) > 0
			})
		}
	}
	return []requirement{
		{"debootstrap", "debootstrap", program("debootstrap")},
		{"the keys of Debian's archive", "debian-archive-keyring", file("/usr/share/keyrings/debian-archive-keyring.*")},
		{"a C compiler (gcc)", "gcc", program("gcc")},
		{"the static C library", "libc6-dev", file("/usr/lib/*/libc.a", "/usr/lib/libc.a", "/usr/lib64/libc.a")},
		{"the static libseccomp and its header", "libseccomp-dev", file("/usr/lib/*/libseccomp.a", "/usr/lib/libseccomp.a", "/usr/lib64/libseccomp.a")},
		{"pkg-config", "pkg-config", program("pkg-config")},
	}
}

// ensureTools installs what is missing on a Debian or Ubuntu machine, and says
// what is missing elsewhere.
func ensureTools(ctx context.Context, needs []requirement, log progress.Log, logFile string) error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("%w: it is built on Linux only, and this is %s; name an image with the node image option", ErrTools, runtime.GOOS)
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: making its root file system takes root; run podproof as root once, or name an image with the node image option", ErrTools)
	}
	var missing []requirement
	for _, r := range needs {
		if !r.there() {
			missing = append(missing, r)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	var whats, packages []string
	for _, r := range missing {
		whats, packages = append(whats, r.what), append(packages, r.debian)
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("%w: %s; install them (Debian's packages are %s)", ErrTools, strings.Join(whats, ", "), strings.Join(packages, " "))
	}
	step := log.Step("install Debian packages "+strings.Join(packages, " "), 0)
	env := []string{"DEBIAN_FRONTEND=noninteractive"}
	// A package manager that is killed at work must be repaired by hand.
	install := command{env: env, log: logFile, gentle: true, outlives: true, args: append([]string{
		// Another one may be at work, for instance the nightly upgrade.
		"apt-get", "-o", "DPkg::Lock::Timeout=120", "install", "-y", "--no-install-recommends",
	}, packages...)}
	// The lists of packages may be there already, and fetching them is slow.
	err := install.run(ctx)
	if err != nil && ctx.Err() == nil {
		step.Update("after apt-get update")
		if err = (command{env: env, log: logFile, args: []string{"apt-get", "update"}}).run(ctx); err == nil {
			err = install.run(ctx)
		}
	}
	if err != nil {
		err = fmt.Errorf("%w: %s could not be installed: %w", ErrTools, strings.Join(packages, " "), err)
		step.Fail(err)
		return err
	}
	step.Done("")
	return nil
}
