package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/podproof/podproof/framework/ground/notify"
	"github.com/podproof/podproof/framework/ground/process"
)

const (
	// startTimeout bounds the time until dockerd is ready. It takes a few seconds,
	// and longer when it has containers to start again.
	startTimeout = 90 * time.Second
	// stopTimeout leaves dockerd the time to stop containers, for which it
	// allows each 10 s by default.
	stopTimeout = 60 * time.Second
	// hangTimeout is stopTimeout for an engine that does not answer.
	hangTimeout = 5 * time.Second

	userConfig = "/etc/docker/daemon.json"
	// Where Docker keeps the process IDs of an engine started in the usual way
	// and of the containerd that dockerd starts for itself.
	usualPidFile      = "/var/run/docker.pid"
	containerdPidFile = "/var/run/docker/containerd/containerd.pid"
)

func pidFile(stateDir string) string { return filepath.Join(stateDir, "dockerd.pid") }

// start starts dockerd, detached from this process, and returns when it is
// ready.
func start(ctx context.Context, stateDir string, missing []capability) (*Engine, error) {
	if pid, alive := running(usualPidFile, "dockerd"); alive {
		return nil, fmt.Errorf("%w: dockerd runs as process %d but does not answer: look at its log, or stop it and try again", ErrNone, pid)
	}
	// An engine of podproof that does not answer was killed, or hangs. The containerd
	// that it started for itself goes with it.
	for _, left := range []struct{ pidFile, program string }{
		{pidFile(stateDir), "dockerd"},
		{containerdPidFile, "containerd"},
	} {
		if err := clearAway(ctx, left.pidFile, left.program, hangTimeout); err != nil {
			return nil, fmt.Errorf("removing the rest of an earlier engine: %w", err)
		}
	}
	var runtime string
	if len(missing) > 0 {
		var err error
		if runtime, err = buildRuntime(ctx, stateDir, missing); err != nil {
			return nil, err
		}
	}
	users, err := os.ReadFile(userConfig)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the configuration of Docker: %w", err)
	}
	config, err := daemonConfig(users, pidFile(stateDir), runtime)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", userConfig, err)
	}
	configFile := filepath.Join(stateDir, "daemon.json")
	if err := os.WriteFile(configFile, config, 0o644); err != nil {
		return nil, err
	}
	if err := launch(ctx, configFile, filepath.Join(stateDir, "dockerd.log")); err != nil {
		return nil, err
	}
	started, err := Find(ctx, "docker")
	if err != nil {
		return nil, fmt.Errorf("dockerd runs, but the docker command line gets no answer: %w", err)
	}
	started.Started = true
	return started, nil
}

// launch runs dockerd in a session of its own and waits until it says that it is ready.
func launch(ctx context.Context, configFile, logFile string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("not ready within %s", startTimeout))
	defer cancel()
	listener, err := notify.Listen()
	if err != nil {
		return err
	}
	defer listener.Close()

	log, err := os.Create(logFile)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command("dockerd", "--config-file", configFile)
	cmd.Env = append(os.Environ(), listener.Env())
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting dockerd: %w", err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()

	select {
	case <-listener.Ready():
		return nil
	case err := <-exited:
		return fmt.Errorf("dockerd ended (%w); the last lines of its log %s:\n%s", orZero(err), logFile, logTail(logFile))
	case <-ctx.Done():
		if err := end(context.WithoutCancel(ctx), cmd.Process.Pid, 15*time.Second); err != nil {
			return fmt.Errorf("dockerd, process %d, is still there: %w", cmd.Process.Pid, err)
		}
		return fmt.Errorf("dockerd was stopped: %w; the last lines of its log %s:\n%s", context.Cause(ctx), logFile, logTail(logFile))
	}
}

func orZero(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

func logTail(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return process.LastLines(content, 8)
}

// daemonConfig is the configuration for a dockerd that podproof starts: the user's own,
// with the file of its process ID and, when there is one, the runtime to use instead of
// runc.
// https://docs.docker.com/reference/cli/dockerd/#daemon-configuration-file
func daemonConfig(users []byte, pidFile, runtime string) ([]byte, error) {
	config := map[string]any{}
	if len(bytes.TrimSpace(users)) > 0 {
		decoder := json.NewDecoder(bytes.NewReader(users))
		decoder.UseNumber()
		if err := decoder.Decode(&config); err != nil {
			return nil, fmt.Errorf("not JSON: %w", err)
		}
	}
	config["pidfile"] = pidFile
	if runtime != "" {
		runtimes, _ := config["runtimes"].(map[string]any)
		if runtimes == nil {
			runtimes = map[string]any{}
		}
		runtimes["podproof"] = map[string]any{"path": runtime}
		config["runtimes"] = runtimes
		config["default-runtime"] = "podproof"
	}
	return json.MarshalIndent(config, "", "  ")
}

// Stop ends the engine that podproof started with this state directory, if it still runs.
// It never touches another engine.
func Stop(ctx context.Context, stateDir string) error {
	stateDir, err := filepath.Abs(stateDir)
	if err != nil {
		return fmt.Errorf("stopping the container engine: %w", err)
	}
	if _, err := os.Stat(pidFile(stateDir)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := clearAway(ctx, pidFile(stateDir), "dockerd", stopTimeout); err != nil {
		return fmt.Errorf("stopping the container engine: %w", err)
	}
	return nil
}

// clearAway ends the process in a pid file, if it is that program, and removes the file.
// dockerd refuses to start when its pid file names any living process, and a killed one
// leaves its file.
func clearAway(ctx context.Context, pidFile, program string, timeout time.Duration) error {
	if pid, alive := running(pidFile, program); alive {
		if err := end(ctx, pid, timeout); err != nil {
			return fmt.Errorf("%s, process %d: %w", program, pid, err)
		}
	}
	if err := os.Remove(pidFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// running reads a pid file and tells whether that process lives and is the named program.
func running(path, program string) (pid int, alive bool) {
	content, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	pid, err = strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return 0, false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return pid, err == nil && lives(string(stat), program)
}

// lives reads a /proc/PID/stat: "pid (program) state …", where the states Z and
// X are those of a process that has ended.
// https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
func lives(stat, program string) bool {
	open, shut := strings.Index(stat, "("), strings.LastIndex(stat, ") ")
	if open < 0 || shut < open || shut+2 >= len(stat) {
		return false
	}
	return stat[open+1:shut] == program && !strings.ContainsRune("ZX", rune(stat[shut+2]))
}
