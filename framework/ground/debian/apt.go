// Package debian installs and unpacks packages of Debian and of the distributions made
// from it.
package debian

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/podproof/podproof/framework/ground/process"
)

// Apt runs apt-get.
type Apt struct {
	// Log, when set, is a file that keeps what the programs print.
	Log string
	// Updating, when set, is called before the lists of packages are fetched.
	Updating func()
}

// HasApt tells whether this machine has apt-get.
func HasApt() bool {
	_, err := exec.LookPath("apt-get")
	return err == nil
}

// Install installs packages, without those that they only recommend.
func (a Apt) Install(ctx context.Context, packages ...string) error {
	install := a.command("", append([]string{"install", "--yes", "--no-install-recommends"}, packages...)...)
	return a.retried(ctx, install)
}

// Unpack unpacks a package into a directory, without installing it.
func (a Apt) Unpack(ctx context.Context, name, dir string) error {
	if err := a.retried(ctx, a.command(dir, "download", name)); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(dir, name+"_*.deb"))
	if err != nil || len(files) != 1 {
		return errors.Join(err, fmt.Errorf("apt-get download %s left %d files", name, len(files)))
	}
	return process.Command{Log: a.Log, Args: []string{"dpkg-deb", "--extract", files[0], dir}}.Run(ctx)
}

// retried runs a command. When it fails, the lists of packages are fetched and it runs
// once more: often the lists are there already, and fetching them is slow.
func (a Apt) retried(ctx context.Context, c process.Command) error {
	err := c.Run(ctx)
	if err == nil || ctx.Err() != nil {
		return err
	}
	if a.Updating != nil {
		a.Updating()
	}
	if err := a.command("", "update").Run(ctx); err != nil {
		return err
	}
	return c.Run(ctx)
}

func (a Apt) command(dir string, args ...string) process.Command {
	return process.Command{
		Dir: dir, Log: a.Log, Env: []string{"DEBIAN_FRONTEND=noninteractive"},
		// Another package manager may be running, such as the nightly upgrade.
		Args: append([]string{"apt-get", "--option", "DPkg::Lock::Timeout=120"}, args...),
		// One that is killed at work has to be repaired by hand.
		Gentle: true, Outlives: true,
	}
}
