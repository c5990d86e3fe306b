package lockfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/gofrs/flock"
	. "github.com/onsi/gomega"
)

func TestOnlyOneHolds(t *testing.T) {
	g := NewWithT(t)
	path := filepath.Join(t.TempDir(), "made", "lock")

	first, err := Try(path)
	g.Expect(err).NotTo(HaveOccurred())

	_, err = Try(path)
	g.Expect(err).To(MatchError(ErrHeld))
	g.Expect(err).To(MatchError(ContainSubstring(fmt.Sprintf("process %d", os.Getpid()))), "the holder is named")

	first.Release()
	second, err := Try(path)
	g.Expect(err).NotTo(HaveOccurred(), "a lock that was given back is free")
	second.Release()
}

func TestALockThatNobodyRefersToIsHeld(t *testing.T) {
	g := NewWithT(t)
	path := filepath.Join(t.TempDir(), "lock")
	_, err := Try(path)
	g.Expect(err).NotTo(HaveOccurred())
	for range 3 {
		runtime.GC()
	}
	g.Consistently(func() error {
		lock, err := Try(path)
		if lock != nil {
			lock.Release()
		}
		return err
	}, "100ms").Should(MatchError(ErrHeld))
}

func TestAcquireWaitsForTheHolder(t *testing.T) {
	g := NewWithT(t)
	path := filepath.Join(t.TempDir(), "lock")
	first, err := Try(path)
	g.Expect(err).NotTo(HaveOccurred())

	var told string
	second, err := Acquire(t.Context(), path, func(holder string) {
		told = holder
		first.Release()
	})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(told).To(HavePrefix("process "))
	second.Release()
}

func TestAcquireEndsWithItsContext(t *testing.T) {
	g := NewWithT(t)
	path := filepath.Join(t.TempDir(), "lock")
	first, err := Try(path)
	g.Expect(err).NotTo(HaveOccurred())

	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("the user went away")
	_, err = Acquire(ctx, path, func(string) { cancel(gone) })
	g.Expect(err).To(MatchError(gone))

	first.Release()
	third, err := Acquire(t.Context(), path, nil)
	g.Expect(err).NotTo(HaveOccurred(), "whoever gave up does not keep the lock")
	third.Release()
}

func TestALockIsHeldThoughItsFileWasRemoved(t *testing.T) {
	g := NewWithT(t)
	path := filepath.Join(t.TempDir(), "state", "lock")
	first, err := Try(path)
	g.Expect(err).NotTo(HaveOccurred())

	got, waits := make(chan *Lock, 1), make(chan struct{})
	go func() {
		second, _ := Acquire(t.Context(), path, func(string) { close(waits) })
		got <- second
	}()
	// The holder removes the file, as the deletion of a cluster does.
	g.Eventually(waits).Should(BeClosed())
	g.Expect(os.RemoveAll(filepath.Dir(path))).To(Succeed())
	first.Release()

	var second *Lock
	g.Eventually(got).Should(Receive(&second))
	g.Expect(second).NotTo(BeNil())
	_, err = Try(path)
	g.Expect(err).To(MatchError(ErrHeld), "the lock is on the file that others see")
	second.Release()
}

func TestALockOnARemovedFileDoesNotCount(t *testing.T) {
	g := NewWithT(t)
	path := filepath.Join(t.TempDir(), "lock")
	file := flock.New(path)
	g.Expect(file.TryLock()).To(BeTrue())
	defer file.Close()
	g.Expect(visible(file)).To(BeTrue())
	g.Expect(os.Remove(path)).To(Succeed())
	g.Expect(visible(file)).To(BeFalse())
	g.Expect(os.WriteFile(path, nil, 0o644)).To(Succeed())
	g.Expect(visible(file)).To(BeFalse(), "it is another file by now")
}
