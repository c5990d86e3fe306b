package build

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/podproof/podproof/framework/ground/component"
	"github.com/podproof/podproof/framework/ground/debian"
	"github.com/podproof/podproof/framework/progress"
)

// requirement is something that a build needs on the machine, and Debian's package of
// it.
type requirement struct {
	what, pkg string
	there     func() bool
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

// ensureTools installs missing requirements on Debian and Ubuntu. On other systems the
// error says what is missing.
func ensureTools(ctx context.Context, needs []requirement, log progress.Log, logFile string) error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("%w: a node image is built on Linux only, and this is %s; name an image with --node-image", component.ErrTools, runtime.GOOS)
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: its root file system can only be made by root; run podproof as root once, or name an image with --node-image", component.ErrTools)
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
		whats, packages = append(whats, r.what), append(packages, r.pkg)
	}
	if !debian.HasApt() {
		return fmt.Errorf("%w: %s; install them (Debian's packages are %s)", component.ErrTools, strings.Join(whats, ", "), strings.Join(packages, " "))
	}
	step := log.Step("install Debian packages "+strings.Join(packages, " "), 0)
	apt := debian.Apt{Log: logFile, Updating: func() { step.Update("after apt-get update") }}
	if err := apt.Install(ctx, packages...); err != nil {
		err = fmt.Errorf("%w: %s could not be installed: %w", component.ErrTools, strings.Join(packages, " "), err)
		step.Fail(err)
		return err
	}
	step.Done("")
	return nil
}
