package nodeimage

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

// tailLines is how many of the last lines of a command's output an error
// repeats.
const tailLines = 15

// command is a program that the build runs. All of it, children included, ends
// when the context does.
type command struct {
	dir  string
	env  []string // on top of the environment of this process
	args []string
	// stdout, when set, gets the standard output; otherwise it goes where the
	// errors go.
	stdout io.Writer
	// line, when set, is called with every finished line of the other output.
	line func(string)
	// log is the file that keeps all output; "" keeps none.
	log string
	// isolated hides the mounts that the program makes from the rest of the
	// machine, and makes the kernel end every child with it (Linux only).
	isolated bool
	// gentle asks the program to end, as a Ctrl-C would, and forces it only
	// after gentleDelay.
	gentle bool
	// outlives lets the program finish its work when this process is killed.
	outlives bool
}

const gentleDelay = 30 * time.Second

func (c command) run(ctx context.Context) (err error) {
	// The parent-death signal is bound to the thread that starts the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	last := &tail{line: c.line}
	var out io.Writer = last
	if c.log != "" {
		file, err := openLog(c.log, c.args)
		if err != nil {
			return err
		}
		defer file.Close()
		out = io.MultiWriter(last, file)
	}
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Stdout, cmd.Stderr = out, out
	if c.stdout != nil {
		cmd.Stdout = c.stdout
	}
	cmd.SysProcAttr = processAttributes(c.isolated, c.outlives)
	signal, delay := syscall.SIGKILL, 5*time.Second
	if c.gentle {
		signal, delay = syscall.SIGINT, gentleDelay
	}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, signal) }
	cmd.WaitDelay = delay
	err = cmd.Run()
	last.flush()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return &commandError{program: c.name(), err: err, tail: last.text(), log: c.log}
}

// name is the program with its sub-commands, as a person would say it.
func (c command) name() string {
	words := []string{filepath.Base(c.args[0])}
	for _, arg := range c.args[1:] {
		if strings.HasPrefix(arg, "-") || strings.ContainsAny(arg, "/\n") || len(words) == 3 {
			break
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}

// output runs the command and gives its standard output.
func (c command) output(ctx context.Context) (string, error) {
	var out bytes.Buffer
	c.stdout = &out
	err := c.run(ctx)
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

// commandError says what a program that failed had to say.
type commandError struct {
	program string
	err     error
	tail    string
	log     string
}

func (e *commandError) Error() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s: %v", e.program, e.err)
	if e.tail != "" {
		s.WriteString("; its last lines:\n  " + strings.ReplaceAll(e.tail, "\n", "\n  "))
	}
	if e.log != "" {
		s.WriteString("\nall of its output: " + e.log)
	}
	return s.String()
}

func (e *commandError) Unwrap() error { return e.err }

// tail keeps the last lines written to it.
type tail struct {
	line    func(string)
	partial []byte
	lines   []string
}

func (t *tail) Write(p []byte) (int, error) {
	t.partial = append(t.partial, p...)
	for {
		end := bytes.IndexByte(t.partial, '\n')
		if end < 0 {
			return len(p), nil
		}
		t.add(string(t.partial[:end]))
		t.partial = t.partial[end+1:]
	}
}

// flush takes what came after the last newline as a line too.
func (t *tail) flush() {
	if len(t.partial) > 0 {
		t.add(string(t.partial))
		t.partial = nil
	}
}

func (t *tail) add(line string) {
	line = strings.TrimRight(line, "\r ")
	if t.line != nil {
		t.line(line)
	}
	if len(t.lines) == tailLines {
		t.lines = append(t.lines[:0], t.lines[1:]...)
	}
	t.lines = append(t.lines, line)
}

func (t *tail) text() string { return strings.TrimSpace(strings.Join(t.lines, "\n")) }
