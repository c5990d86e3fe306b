// Package lockfile lets processes of this machine take turns: a lock is an
// flock(2) on a file, so the kernel gives it back when its holder dies, however
// it dies.
package lockfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// ErrHeld says that another process, or another Lock of this one, holds the
// lock.
var ErrHeld = errors.New("lock is held")

// Lock is a lock that is held until Release or the end of the process.
type Lock struct{ file *os.File }

// held has the locks of this process. A file that nobody refers to any more is
// closed by the garbage collector, and its lock would go with it.
var held sync.Map

// Try takes the lock at path, making the file and its directory as needed. The
// error is ErrHeld (wrapped, with the process that holds it) when somebody else
// has it.
func Try(path string) (*Lock, error) {
	return take(path, syscall.LOCK_NB)
}

// Acquire takes the lock at path and waits for it as long as ctx allows. The
// function waiting, when there is one, is called once if somebody else has the
// lock, with that holder as text ("process 123").
func Acquire(ctx context.Context, path string, waiting func(holder string)) (*Lock, error) {
	lock, err := Try(path)
	if !errors.Is(err, ErrHeld) {
		return lock, err
	}
	if waiting != nil {
		waiting(Holder(path))
	}
	type outcome struct {
		lock *Lock
		err  error
	}
	done := make(chan outcome, 1)
	go func() {
		lock, err := take(path, 0)
		done <- outcome{lock, err}
	}()
	select {
	case o := <-done:
		return o.lock, o.err
	case <-ctx.Done():
		// flock cannot be interrupted: when it comes through after all, it is
		// given back at once.
		go func() {
			if o := <-done; o.lock != nil {
				o.lock.Release()
			}
		}()
		return nil, fmt.Errorf("waiting for the lock %s, held by %s: %w", path, Holder(path), context.Cause(ctx))
	}
}

// Holder names who took the lock at path last, as "process 123", or "another
// process" where that is not known.
func Holder(path string) string {
	content, err := os.ReadFile(path)
	if pid := strings.TrimSpace(string(content)); err == nil && pid != "" {
		return "process " + pid
	}
	return "another process"
}

// Release gives the lock back. The file stays, unless its directory was
// removed while the lock was held.
func (l *Lock) Release() {
	held.Delete(l)
	l.file.Close()
}

func take(path string, flags int) (*Lock, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	for {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			return nil, fmt.Errorf("lock: %w", err)
		}
		if err := flock(file, syscall.LOCK_EX|flags); err != nil {
			file.Close()
			if errors.Is(err, syscall.EWOULDBLOCK) {
				return nil, fmt.Errorf("%s is held by %s: %w", path, Holder(path), ErrHeld)
			}
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		// The holder before us may have removed the file together with its
		// directory: then this lock is on a file that nobody else can see.
		if !same(file, path) {
			file.Close()
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return nil, fmt.Errorf("lock: %w", err)
			}
			continue
		}
		if err := file.Truncate(0); err == nil {
			fmt.Fprintf(file, "%d\n", os.Getpid())
		}
		lock := &Lock{file: file}
		held.Store(lock, nil)
		return lock, nil
	}
}

func flock(file *os.File, how int) error {
	for {
		if err := syscall.Flock(int(file.Fd()), how); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

func same(file *os.File, path string) bool {
	locked, err := file.Stat()
	if err != nil {
		return false
	}
	visible, err := os.Stat(path)
	return err == nil && os.SameFile(locked, visible)
}
