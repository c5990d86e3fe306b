package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/podproof/podproof/framework/ground/debian"
	"github.com/podproof/podproof/framework/progress"
)

// tools are the programs that Docker needs, and Debian's packages of them.
var tools = []struct{ program, pkg string }{
	{"dockerd", "docker.io"},
	{"iptables", "iptables"},
	// Newer releases have Docker's command line in a package of its own, older ones
	// in docker.io.
	{"docker", "docker-cli"},
}

// install installs what is missing of Docker from the distribution's packages, and tells
// whether anything was missing.
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

// installPackage installs one package, with holdService without starting its service.
func installPackage(ctx context.Context, pkg string, holdService bool) error {
	if holdService {
		// The package's own service does not know which capabilities this machine
		// lacks.
		release, err := denyServices(policyFile)
		if err != nil {
			return fmt.Errorf("installing %s: %w", pkg, err)
		}
		defer release()
	}
	return debian.Apt{}.Install(ctx, pkg)
}

// policyFile tells Debian's packages whether they may start their services.
// https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt
const policyFile = "/usr/sbin/policy-rc.d"

// policyMark is the beginning of a policy that podproof wrote.
const policyMark = "#!/bin/sh\n# By podproof, which installs a package: its service must not start meanwhile.\n"

// denyServices keeps packages from starting their services until the returned function
// is called or this process has ended. A policy that the machine has already stays.
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

// AllowServices removes the policy that keeps packages from starting their services, if
// an interrupted installation has left it.
func AllowServices() error { return removeStalePolicy(policyFile) }

func removeStalePolicy(path string) error {
	policy, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	// A policy whose process has ended allows everything.
	if strings.HasPrefix(string(policy), policyMark) && exec.Command("/bin/sh", path).Run() == nil {
		return os.Remove(path)
	}
	return nil
}
