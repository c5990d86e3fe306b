// Command capruntime is an OCI runtime in front of runc, for machines that
// withhold capabilities. Engines ask runc to give a privileged container every
// capability there is, and runc gives up when it cannot; this one takes what the
// machine withholds off the request first. A container gets no more by it than
// without, and no less than the machine has.
//
// It imports nothing but the standard library: framework/engine builds it from
// its source alone, on the machine that needs it.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// withheld are the names of the capabilities to take off, separated by commas.
// It is set when the command is built (-ldflags -X).
var withheld string

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "podproof's runtime:", err)
		os.Exit(1)
	}
}

// run rewrites the request that the arguments name, when they name one, and
// becomes runc.
func run(args []string) error {
	if path := request(args); path != "" {
		if err := rewrite(path, strings.Split(withheld, ",")); err != nil {
			return err
		}
	}
	runc, err := exec.LookPath("runc")
	if err != nil {
		return err
	}
	return syscall.Exec(runc, append([]string{"runc"}, args...), os.Environ())
}

// rewrite puts the request at path in the place of what it was, or leaves it
// alone if it asks for nothing that is withheld.
func rewrite(path string, drop []string) error {
	asked, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	granted, err := without(asked, drop)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if string(granted) == string(asked) {
		return nil
	}
	mode := os.FileMode(0o600)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	return os.WriteFile(path, granted, mode)
}
