package lockfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

	// The holder removes its directory, as the deletion of a cluster does, while
	// somebody waits on the file that was in it.
	second, err := Acquire(t.Context(), path, func(string) {
		g.Expect(os.RemoveAll(filepath.Dir(path))).To(Succeed())
		first.Release()
	})
	g.Expect(err).NotTo(HaveOccurred())
	_, err = Try(path)
	g.Expect(err).To(MatchError(ErrHeld), "the lock is on the file that others see")
	second.Release()
}
