package nodeimage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podproof/podproof/framework/progress"
)

// lock holds the directory of the cache until release. While another process
// holds it, it says so and waits. The kernel lets go of the lock when the
// process ends, however it ends.
func lock(ctx context.Context, dir string, log progress.Log) (release func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "lock")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := waitForLock(ctx, file, log); err != nil {
		file.Close()
		return nil, err
	}
	// The number is only for the message of those who wait.
	if err := file.Truncate(0); err == nil {
		_, _ = file.WriteAt([]byte(fmt.Sprintln(os.Getpid())), 0)
	}
	return func() { file.Close() }, nil
}

// waitForLock asks again and again, because a call that blocks in the kernel
// could not be given up when the context ends.
func waitForLock(ctx context.Context, file *os.File, log progress.Log) error {
	ticker := time.NewTicker(500 * time.Millisecond)
	defer ticker.Stop()
	var waiting progress.Step
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			if waiting != nil {
				waiting.Done("it has finished")
			}
			return nil
		case !errors.Is(err, unix.EWOULDBLOCK):
			return fmt.Errorf("cannot lock %s: %w", file.Name(), err)
		}
		if waiting == nil {
			holder, _ := os.ReadFile(file.Name())
			waiting = log.Step(fmt.Sprintf("waiting for the node image that another podproof builds (process %s)",
				strings.TrimSpace(string(holder))), 0)
		}
		select {
		case <-ctx.Done():
			waiting.Fail(context.Cause(ctx))
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}
