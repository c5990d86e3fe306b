package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/podproof/podproof/framework/progress"
)

// tools are the programs that Docker needs here and the packages of Debian that
// have them.
var tools = []struct{ program, pkg string }{
	{"dockerd", "docker.io"},
	{"iptables", "iptables"},
	// Newer releases have Docker's command line in a package of its own; in the
	// others docker.io brings it.
	{"docker", "docker-cli"},
}

// install gets from the distribution's packages what is missing of Docker, and
// tells whether anything was.
func install(ctx context.Context, log progress.Log, missingCapabilities []capability) (installed bool, err error) {
	for _, tool := range tools {
		if _, err := exec.LookPath(tool.program); err == nil {
			continue
		}
		step := log.Step("installing "+tool.pkg, 40*time.Second)
		if err := installPackage(ctx, tool.pkg, len(missingCapabilities) > 0); err != nil {
			step.Fail(err)
			return installed, err
		}
		step.Done("")
		installed = true
	}
	return installed, nil
}

// installPackage installs one package. What apt knows about packages is brought
// up to date only when the package cannot be had with what it knows.
func installPackage(ctx context.Context, pkg string, holdService bool) error {
	if holdService {
		// The service that the package would start knows nothing of the
		// capabilities that this machine lacks.
		release, err := denyServices(policyFile)
		if err != nil {
			return fmt.Errorf("installing %s: %w", pkg, err)
		}
		defer release()
	}
	installing := func() error {
		return apt(ctx, "install", "--yes", "--no-install-recommends", "--option", "DPkg::Lock::Timeout=120", pkg)
	}
	if err := installing(); err == nil || ctx.Err() != nil {
		return err
	}
	if err := apt(ctx, "update", "--option", "DPkg::Lock::Timeout=120"); err != nil {
		return err
	}
	return installing()
}

func apt(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "apt-get", args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// An interrupt lets apt and dpkg leave their records in order.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second
	if output, err := cmd.CombinedOutput(); err != nil {
		return CommandError(ctx, cmd, err, output)
	}
	return nil
}

// policyFile is where Debian's packages look whether they may start their services.
// https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt
const policyFile = "/usr/sbin/policy-rc.d"

// policyMark is how a policy of ours begins.
const policyMark = "#!/bin/sh\n# By podproof, which installs a package: its service must not start meanwhile.\n"

// denyServices keeps packages from starting their services until the returned
// function is called or this process has ended. A policy that the machine has already
// is left as it is.
func denyServices(path string) (release func(), err error) {
	if err := removeStalePolicy(path); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return func() {}, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	release = func() { os.Remove(path) }
	if _, err := fmt.Fprintf(file, "%skill -0 %d 2>/dev/null && exit 101\nexit 0\n", policyMark, os.Getpid()); err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// AllowServices removes what keeps packages from starting their services, if it was
// left by an installation of ours that could not end.
func AllowServices() error { return removeStalePolicy(policyFile) }

func removeStalePolicy(path string) error {
	policy, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	// One whose process has ended allows everything.
	if strings.HasPrefix(string(policy), policyMark) && exec.Command("/bin/sh", path).Run() == nil {
		return os.Remove(path)
	}
	return nil
}

// isDebian tells from the text of /etc/os-release whether the system is Debian,
// Ubuntu or made from one of them.
// https://www.freedesktop.org/software/systemd/man/latest/os-release.html
func isDebian(osRelease string) bool {
	var families []string
	lines := bufio.NewScanner(strings.NewReader(osRelease))
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), "=")
		if key == "ID" || key == "ID_LIKE" {
			families = append(families, strings.Fields(strings.Trim(value, `"'`))...)
		}
	}
	return slices.Contains(families, "debian") || slices.Contains(families, "ubuntu")
}
