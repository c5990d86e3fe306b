package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"github.com/onsi/ginkgo/v2/ginkgo/command"
	ginkgorun "github.com/onsi/ginkgo/v2/ginkgo/run"
	"github.com/podproof/podproof/framework/setup"
)

// ginkgoCommand is the hidden command under which the binary is Ginkgo's
// command line tool, so that parallel runs need no second program.
const ginkgoCommand = "ginkgo"

// suiteBinary is the name under which the binary is the compiled suite:
// Ginkgo's tool only takes a file with that ending for one.
const suiteBinary = "podproof.test"

// runGinkgo runs Ginkgo's command line tool with the arguments, and exits.
func runGinkgo(args []string) {
	command.Program{Name: ginkgoCommand, DefaultCommand: ginkgorun.BuildRunCommand()}.RunAndExit(append([]string{ginkgoCommand}, args...))
}

// isSuite tells whether the process was started as the compiled suite.
func isSuite(program string) bool { return filepath.Base(program) == suiteBinary }

// ownProgram is a path to the program that runs. On Linux it also leads there when the
// file was replaced or removed meanwhile, as `make` does: a run must not go on with
// another build, nor end because there is none (proc(5) on /proc/PID/exe).
func ownProgram() (string, error) {
	if runtime.GOOS == "linux" {
		return fmt.Sprintf("/proc/%d/exe", os.Getpid()), nil
	}
	return os.Executable()
}

// specs is one run of Ginkgo's tool on a compiled suite.
type specs struct {
	cmd   *exec.Cmd
	log   *os.File
	files []string // that are of no use when the specs have ended
}

// startSpecs starts the specs of the environment. What Ginkgo prints goes to
// ginkgo.log in the run's directory: it is for debugging the suite, the
// console and the record are for everybody else.
func startSpecs(env *setup.Environment, seed int64, socket string) (*specs, error) {
	self, err := ownProgram()
	if err != nil {
		return nil, err
	}
	suite := filepath.Join(env.Dir, suiteBinary)
	if err := os.Symlink(self, suite); err != nil {
		return nil, err
	}
	data, err := env.Marshal()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(env.Dir, "environment.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return nil, err
	}
	running, err := startGinkgo(filepath.Join(env.Dir, "ginkgo.log"),
		[]string{setup.EnvironmentVariable + "=" + file, setup.ProgressVariable + "=" + socket},
		"--procs="+strconv.Itoa(env.Options.Processes()), "--seed="+strconv.FormatInt(seed, 10), "--no-color", "--silence-skips", suite)
	if err != nil {
		return nil, err
	}
	running.files = []string{suite, file}
	return running, nil
}

// startGinkgo starts Ginkgo's tool with the arguments, and variables on top of the
// environment. What it prints goes to the log.
func startGinkgo(logFile string, env []string, args ...string) (*specs, error) {
	self, err := ownProgram()
	if err != nil {
		return nil, err
	}
	log, err := os.Create(logFile)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, append([]string{ginkgoCommand}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = log, log
	// A group of its own: an interrupt reaches it when we pass it on, once,
	// and not also from the terminal.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return &specs{cmd: cmd, log: log}, nil
}

// interrupt asks Ginkgo to end the specs and clean up; a second time, to end
// without cleaning up.
func (s *specs) interrupt() { s.signal(syscall.SIGINT) }

func (s *specs) signal(sig syscall.Signal) { _ = syscall.Kill(-s.cmd.Process.Pid, sig) }

// wait returns when the specs have ended; an error says that Ginkgo itself
// did not end as it does after specs that passed or failed.
func (s *specs) wait(ctx context.Context) error {
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
