// Package engine finds the container engine in which kind makes its nodes. Where
// there is none, on Debian and Ubuntu and for root, it installs Docker and starts
// it. An engine that answers is used as it is: never reconfigured, never
// restarted.
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
)

// ErrNone says that no container engine answers.
var ErrNone = errors.New("no container engine answers")

// answerTimeout bounds how long an engine may take to tell its version. One that
// works takes a fraction of a second.
const answerTimeout = 10 * time.Second

// Engine is a container engine that answers. Its Name alone is enough to use
// it: &Engine{Name: "docker"} is what a process makes of a name that it was
// handed.
type Engine struct {
	Name    string // docker, podman or nerdctl: the name of its command line, too
	Version string // of the server
	Started bool   // by the call that returned it
}

// questions are the commands that only a working server can answer, in the
// order in which engines are tried. podman and nerdctl have no "version" that
// needs more than the client.
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

// Find looks for an engine that answers: the one named, or with "" docker,
// podman and nerdctl in this order. The error is ErrNone, wrapped with what each
// of them said.
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

// Command is a call of the engine's command line. It runs in a process group of
// its own, so that a Ctrl-C at the terminal reaches it through ctx only, and
// cleaning up is not cut short by a second one.
func (e *Engine) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, e.Name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// Output runs the engine's command line and returns what it printed, without
// the space around it. The error carries the last lines that it wrote to its
// standard error.
func (e *Engine) Output(ctx context.Context, args ...string) (string, error) {
	cmd := e.Command(ctx, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", CommandError(ctx, cmd, err, stderr.Bytes())
	}
	return strings.TrimSpace(stdout.String()), nil
}

// CommandError words the failure of a command: which one, what ended it, and
// the last lines of its output.
func CommandError(ctx context.Context, cmd *exec.Cmd, err error, output []byte) error {
	words := cmd.Args
	if len(words) > 3 {
		words = append(slices.Clone(words[:3]), "…")
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if tail := lastLines(output, 5); tail != "" {
		return fmt.Errorf("%s: %w: %s", strings.Join(words, " "), err, tail)
	}
	return fmt.Errorf("%s: %w", strings.Join(words, " "), err)
}

// lastLines is the end of an output: at most n lines that are not blank.
func lastLines(output []byte, n int) string {
	var lines []string
	for line := range strings.Lines(string(output)) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
