package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/onsi/ginkgo/v2/ginkgo/command"
	ginkgorun "github.com/onsi/ginkgo/v2/ginkgo/run"
)

// GinkgoCommand is the hidden command under which the binary is Ginkgo's
// command line tool, so that parallel runs need no second program.
const GinkgoCommand = "ginkgo"

// suiteBinary is the name under which the binary is the compiled suite:
// Ginkgo's tool only takes a file with that ending for one.
const suiteBinary = "podproof.test"

// RunGinkgo runs Ginkgo's command line tool with the arguments, and exits.
func RunGinkgo(args []string) {
	command.Program{Name: GinkgoCommand, DefaultCommand: ginkgorun.BuildRunCommand()}.RunAndExit(append([]string{GinkgoCommand}, args...))
}

// IsSuite tells whether the process was started as the compiled suite.
func IsSuite(program string) bool { return filepath.Base(program) == suiteBinary }

// ownProgram is a path to the program that runs. On Linux it also leads there when the
// file was replaced or removed meanwhile, as `make` does: a run must not go on with
// another build, nor end because there is none (proc(5) on /proc/PID/exe).
func ownProgram() (string, error) {
	if runtime.GOOS == "linux" {
		return fmt.Sprintf("/proc/%d/exe", os.Getpid()), nil
	}
	return os.Executable()
}

// Ginkgo is one run of Ginkgo's tool on a compiled suite, in a process of its own.
type Ginkgo struct {
	cmd   *exec.Cmd
	log   *os.File
	files []string // that are of no use when the specs have ended
}

// StartGinkgo starts Ginkgo's tool with the arguments, and variables on top of the
// environment. What it prints goes to the log.
func StartGinkgo(logFile string, env []string, args ...string) (*Ginkgo, error) {
	self, err := ownProgram()
	if err != nil {
		return nil, err
	}
	log, err := os.Create(logFile)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, append([]string{GinkgoCommand}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = log, log
	// A group of its own: an interrupt reaches it when we pass it on, once,
	// and not also from the terminal.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return &Ginkgo{cmd: cmd, log: log}, nil
}

// interrupt asks Ginkgo to end the specs and clean up; a second time, to end
// without cleaning up.
func (s *Ginkgo) interrupt() { s.signal(syscall.SIGINT) }

func (s *Ginkgo) signal(sig syscall.Signal) { _ = syscall.Kill(-s.cmd.Process.Pid, sig) }

// wait returns when the specs have ended; an error says that Ginkgo itself
// did not end as it does after specs that passed or failed.
func (s *Ginkgo) wait(ctx context.Context) error {
	defer s.log.Close()
	err := s.cmd.Wait()
	for _, file := range s.files {
		os.Remove(file)
	}
	// Test processes that outlive Ginkgo's tool have lost their purpose.
	s.signal(syscall.SIGKILL)
	var exit *exec.ExitError
	if err == nil || errors.As(err, &exit) && exit.ExitCode() == 1 {
		return nil
	}
	if ctx.Err() != nil {
		return nil // it was told to
	}
	return fmt.Errorf("the test processes ended in disorder (%w); what they printed is in %s", err, s.log.Name())
}
