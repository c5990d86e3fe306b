package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/podproof/podproof/framework/ground/debian"
	"github.com/podproof/podproof/framework/ground/lockfile"
	"github.com/podproof/podproof/framework/progress"
)

// Request says which engine is wanted.
type Request struct {
	// Provider is docker, podman or nerdctl; "" takes the first that answers, in
	// this order.
	Provider string
	// StateDir holds the process ID, the log and the configuration of an engine
	// that podproof started. Two processes that share it take turns.
	StateDir string
	Log      progress.Log
}

// Ensure returns an engine that answers. When none does, on Debian and Ubuntu and as
// root, it installs and starts Docker, and says so. Otherwise the error says what to
// install or to start.
func Ensure(ctx context.Context, r Request) (*Engine, error) {
	if r.Log == nil {
		r.Log = progress.Discard()
	}
	found, err := Find(ctx, r.Provider)
	if !errors.Is(err, ErrNone) {
		return found, err
	}
	if helpless := mayStart(r.Provider, host()); helpless != nil {
		return nil, fmt.Errorf("%w: %w", err, helpless)
	}
	stateDir, err := filepath.Abs(r.StateDir)
	if err != nil {
		return nil, fmt.Errorf("container engine: %w", err)
	}
	lock, err := lockfile.Acquire(ctx, filepath.Join(stateDir, "lock"), func(holder string) {
		r.Log.Info("Waiting for %s, which is starting the container engine.", holder)
	})
	if err != nil {
		return nil, fmt.Errorf("container engine: %w", err)
	}
	defer lock.Release()

	// Another process may have started it in the meantime.
	found, err = Find(ctx, r.Provider)
	if !errors.Is(err, ErrNone) {
		return found, err
	}
	r.Log.Info("No container engine answers: podproof installs Docker if it is missing, and starts it.")
	missing := missingCapabilities()
	installed, err := install(ctx, r.Log, missing)
	if err != nil {
		return nil, err
	}
	if installed {
		// On a machine with systemd the package starts its engine by itself.
		if found, err = Find(ctx, "docker"); err == nil {
			found.Started = true
			return found, nil
		}
	}
	step := r.Log.Step("starting Docker", 5*time.Second)
	found, err = start(ctx, stateDir, missing)
	if err != nil {
		step.Fail(err)
		return nil, err
	}
	note := "Docker " + found.Version
	if len(missing) > 0 {
		note += fmt.Sprintf(", with a runtime that drops %s, which this machine does not grant", capabilityList(missing))
	}
	step.Done(note)
	return found, nil
}

// machine says whether podproof may install and start an engine.
type machine struct {
	root       bool
	debian     bool
	dockerHost string // $DOCKER_HOST
}

func host() machine {
	release, _ := os.ReadFile("/etc/os-release")
	return machine{
		root:       os.Geteuid() == 0,
		debian:     debian.IsFamily(string(release)),
		dockerHost: os.Getenv("DOCKER_HOST"),
	}
}

// mayStart is nil when podproof may install and start Docker. Otherwise it says what the
// user has to do.
func mayStart(provider string, m machine) error {
	switch {
	case provider != "" && provider != "docker":
		return fmt.Errorf("install %s and start it, or let podproof take another engine", provider)
	case m.dockerHost != "":
		return fmt.Errorf("start the engine at DOCKER_HOST=%s, or unset DOCKER_HOST", m.dockerHost)
	case !m.debian:
		return errors.New("install and start Docker, podman or nerdctl (podproof does so itself only on Debian and Ubuntu)")
	case !m.root:
		return errors.New("start Docker (Debian's package docker.io) and give yourself access to it, or run as root to let podproof do both")
	}
	return nil
}
