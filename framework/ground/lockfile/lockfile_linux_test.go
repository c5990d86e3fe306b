package lockfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

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

func TestLockOnARemovedFileDoesNotCount(t *testing.T) {
	g := NewWithT(t)
	path := filepath.Join(t.TempDir(), "state", "lock")
	first, err := Try(path)
	g.Expect(err).NotTo(HaveOccurred())

	got := make(chan *Lock, 1)
	go func() {
		second, _ := Acquire(t.Context(), path, nil)
		got <- second
	}()
	// Somebody waits on the file by now; its holder removes it, as the deletion
	// of a cluster does.
	g.Eventually(func() int { return opened(path) }).Should(Equal(2))
	g.Expect(os.RemoveAll(filepath.Dir(path))).To(Succeed())
	first.Release()

	var second *Lock
	g.Eventually(got).Should(Receive(&second))
	g.Expect(second).NotTo(BeNil())
	_, err = Try(path)
	g.Expect(err).To(MatchError(ErrHeld), "the lock is on the file that others see")
	second.Release()
}

// opened counts the descriptors of this process that are open on a file.
func opened(path string) int {
	descriptors, _ := filepath.Glob("/proc/self/fd/*")
	count := 0
	for _, descriptor := range descriptors {
		if target, err := os.Readlink(descriptor); err == nil && target == path {
			count++
		}
	}
	return count
}
