package process

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// Error is the failure of a command. It repeats the last lines of its output.
type Error struct {
	program string
	err     error
	tail    string
	log     string
}

func (e *Error) Error() string {
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

func (e *Error) Unwrap() error { return e.err }

// failureLines is how many of the last lines of its output Failure repeats.
const failureLines = 5

// Failure is the error of a command that was run without Command: it names the
// command, what ended it, and the last lines of its output.
func Failure(ctx context.Context, cmd *exec.Cmd, err error, output []byte) error {
	words := cmd.Args
	if len(words) > 3 {
		words = append(slices.Clone(words[:3]), "…")
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if tail := LastLines(output, failureLines); tail != "" {
		return fmt.Errorf("%s: %w: %s", strings.Join(words, " "), err, tail)
	}
	return fmt.Errorf("%s: %w", strings.Join(words, " "), err)
}
