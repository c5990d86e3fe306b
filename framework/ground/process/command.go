// Package process runs other programs: bounded by a context, with all of their
// children, with their output kept and its last lines in the error.
package process

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Command is a program to run. The program and its children end when the context
// does.
type Command struct {
	Dir  string
	Env  []string // on top of the environment of this process
	Args []string
	// Stdout, when set, gets the standard output. Otherwise standard output and
	// standard error are one stream.
	Stdout io.Writer
	// Line, when set, is called with each finished line of that stream.
	Line func(string)
	// Log, when set, is a file to which that stream is appended.
	Log string
	// Isolated hides the mounts that the program makes from the rest of the
	// machine, and makes the kernel end every child with it (Linux only).
	Isolated bool
	// Gentle ends the program with an interrupt, as Ctrl-C does, and by force only
	// after gentleDelay.
	Gentle bool
	// Outlives lets the program finish when this process is killed.
	Outlives bool
}

const (
	gentleDelay = 30 * time.Second
	killDelay   = 5 * time.Second // to read what a killed program still wrote
)

// Run runs the command to its end. A command that fails gives an Error; one that
// the context ended gives the cause of that.
func (c Command) Run(ctx context.Context) error {
	// The parent-death signal is bound to the thread that starts the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	last := &Tail{Line: c.Line}
	var out io.Writer = last
	if c.Log != "" {
		file, err := openLog(c.Log, c.Args)
		if err != nil {
			return err
		}
		defer file.Close()
		out = io.MultiWriter(last, file)
	}
	err := c.prepared(ctx, out).Run()
	last.Flush()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return &Error{program: c.name(), err: err, tail: last.Text(), log: c.Log}
}

func (c Command) prepared(ctx context.Context, out io.Writer) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Dir = c.Dir
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.Stdout, cmd.Stderr = out, out
	if c.Stdout != nil {
		cmd.Stdout = c.Stdout
	}
	cmd.SysProcAttr = attributes(c.Isolated, c.Outlives)
	signal := syscall.SIGKILL
	cmd.WaitDelay = killDelay
	if c.Gentle {
		signal, cmd.WaitDelay = syscall.SIGINT, gentleDelay
	}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, signal) }
	return cmd
}

// name is the program with its sub-commands.
func (c Command) name() string {
	words := []string{filepath.Base(c.Args[0])}
	for _, arg := range c.Args[1:] {
		if strings.HasPrefix(arg, "-") || strings.ContainsAny(arg, "/\n") || len(words) == 3 {
			break
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}

// Output runs the command and returns its standard output.
func (c Command) Output(ctx context.Context) (string, error) {
	var out bytes.Buffer
	c.Stdout = &out
	err := c.Run(ctx)
	return out.String(), err
}

func openLog(path string, args []string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(file, "$ %s\n", strings.Join(args, " "))
	return file, err
}
