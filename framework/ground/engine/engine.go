// Package engine finds the container engine in which kind makes its nodes. When none
// answers, it installs and starts Docker, on Debian and Ubuntu and as root. An engine
// that answers is used as it is: never reconfigured, never restarted.
package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/podproof/podproof/framework/ground/process"
)

// ErrNone says that no container engine answers.
var ErrNone = errors.New("no container engine answers")

// answerTimeout bounds how long an engine may take to tell its version. A working one
// takes a fraction of a second.
const answerTimeout = 10 * time.Second

// Engine is a container engine that answers. Its Name alone is enough to use it: a
// process that only knows the name uses &Engine{Name: "docker"}.
type Engine struct {
	Name    string // docker, podman or nerdctl: the name of its command line, too
	Version string // of the server
	Started bool   // by the call that returned it
}

// questions are commands that only a working server can answer, in the order in which
// engines are tried. The "version" of podman and nerdctl needs the client alone.
var questions = []struct {
	name string
	ask  []string
}{
	{"docker", []string{"version", "--format", "{{.Server.Version}}"}},
	{"podman", []string{"info", "--format", "{{.Version.Version}}"}},
	{"nerdctl", []string{"info", "--format", "{{.ServerVersion}}"}},
}

// Providers are the names of the engines that kind can use, in the order in
// which they are tried.
func Providers() []string {
	var names []string
	for _, q := range questions {
		names = append(names, q.name)
	}
	return names
}

// Find looks for an engine that answers: the one named, or with "" docker, podman and
// nerdctl in this order. The error wraps ErrNone and says what each of them answered.
func Find(ctx context.Context, provider string) (*Engine, error) {
	if provider != "" && !slices.Contains(Providers(), provider) {
		return nil, fmt.Errorf("unknown container engine %q: podproof knows %s", provider, strings.Join(Providers(), ", "))
	}
	var said []string
	for _, q := range questions {
		if provider != "" && provider != q.name {
			continue
		}
		version, err := ask(ctx, &Engine{Name: q.name}, q.ask)
		if err == nil {
			return &Engine{Name: q.name, Version: version}, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("looking for a container engine: %w", context.Cause(ctx))
		}
		said = append(said, err.Error())
	}
	return nil, fmt.Errorf("%w (%s)", ErrNone, strings.Join(said, "; "))
}

func ask(ctx context.Context, e *Engine, question []string) (string, error) {
	if _, err := exec.LookPath(e.Name); err != nil {
		return "", fmt.Errorf("%s: not on the PATH", e.Name)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout, fmt.Errorf("no answer within %s", answerTimeout))
	defer cancel()
	version, err := e.Output(ctx, question...)
	if err != nil {
		return "", err
	}
	if version == "" {
		return "", fmt.Errorf("%s: named no version of its server", e.Name)
	}
	return version, nil
}

// Command is a call of the engine's command line. It runs in a process group of its own:
// a Ctrl-C at the terminal reaches it through ctx only, and a second one does not cut
// cleaning up short.
func (e *Engine) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, e.Name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// Output runs the engine's command line and returns what it printed, without the space
// around it. The error has the last lines of its standard error.
func (e *Engine) Output(ctx context.Context, args ...string) (string, error) {
	cmd := e.Command(ctx, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", process.Failure(ctx, cmd, err, stderr.Bytes())
	}
	return strings.TrimSpace(stdout.String()), nil
}
