// Package lockfile lets processes of this machine take turns. A lock is an flock(2) on a
// file, so the kernel releases it when its holder dies, however it dies. Beyond flock, the
// lock says who holds it, and holds although its file is removed with its directory.
package lockfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// ErrHeld says that another process, or another Lock of this one, holds the lock.
var ErrHeld = errors.New("lock is held")

// Lock is a lock that is held until Release or the end of the process.
type Lock struct{ file *flock.Flock }

// held has the locks of this process. The garbage collector closes a file that nobody
// refers to any more, and its lock would go with it.
var held sync.Map

// retryDelay is the pause between attempts to take a lock that is held.
const retryDelay = 100 * time.Millisecond

// Try takes the lock at path and creates the file and its directory if needed. When the
// lock is held, the error wraps ErrHeld and names the holder.
func Try(path string) (*Lock, error) {
	for {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, fmt.Errorf("lock: %w", err)
		}
		file := flock.New(path, flock.SetPermissions(0o644))
		taken, err := file.TryLock()
		if err != nil {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if !taken {
			return nil, fmt.Errorf("%s is held by %s: %w", path, Holder(path), ErrHeld)
		}
		// The holder before may have removed the file with its directory since it was
		// opened here. Then this lock is on a file that no other process can see.
		if !visible(file) {
			file.Close()
			continue
		}
		// The lock counts without the note, too.
		_ = os.WriteFile(path, fmt.Appendln(nil, os.Getpid()), 0o644)
		lock := &Lock{file}
		held.Store(lock, nil)
		return lock, nil
	}
}

// Acquire takes the lock at path, and waits for it as long as ctx allows. When the lock is
// held, waiting is called once with the holder ("process 123"), unless it is nil.
func Acquire(ctx context.Context, path string, waiting func(holder string)) (*Lock, error) {
	lock, err := Try(path)
	if errors.Is(err, ErrHeld) && waiting != nil {
		waiting(Holder(path))
	}
	for errors.Is(err, ErrHeld) {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the lock %s, held by %s: %w", path, Holder(path), context.Cause(ctx))
		case <-time.After(retryDelay):
			lock, err = Try(path)
		}
	}
	return lock, err
}

// Holder names the process that took the lock at path last, as "process 123", or "another
// process" when it is unknown.
func Holder(path string) string {
	content, err := os.ReadFile(path)
	if pid := strings.TrimSpace(string(content)); err == nil && pid != "" {
		return "process " + pid
	}
	return "another process"
}

// Release gives the lock back. The file stays.
func (l *Lock) Release() {
	held.Delete(l)
	l.file.Close()
}

// visible tells whether the file that is locked is still the one at its path.
func visible(file *flock.Flock) bool {
	locked, err := file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(file.Path())
	return err == nil && os.SameFile(locked, there)
}
