package engine

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func TestStopEndsOnlyAnEngineOfOurs(t *testing.T) {
	g := NewWithT(t)
	sleep, err := exec.LookPath("sleep")
	g.Expect(err).NotTo(HaveOccurred())
	program := func(name string) *exec.Cmd {
		path := filepath.Join(t.TempDir(), name)
		g.Expect(os.Symlink(sleep, path)).To(Succeed())
		cmd := exec.Command(path, "60")
		g.Expect(cmd.Start()).To(Succeed())
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		return cmd
	}
	state := t.TempDir()
	g.Expect(Stop(t.Context(), state)).To(Succeed(), "nothing was started")

	other := program("other")
	g.Expect(os.WriteFile(pidFile(state), []byte(strconv.Itoa(other.Process.Pid)), 0o644)).To(Succeed())
	g.Expect(Stop(t.Context(), state)).To(Succeed())
	_, alive := running(writePid(g, t, other), "other")
	g.Expect(alive).To(BeTrue(), "a process that only has the number of ours is left alone")
	g.Expect(pidFile(state)).NotTo(BeAnExistingFile(), "the stale file is removed")

	ours := program("dockerd")
	g.Expect(os.WriteFile(pidFile(state), []byte(strconv.Itoa(ours.Process.Pid)), 0o644)).To(Succeed())
	began := time.Now()
	g.Expect(Stop(t.Context(), state)).To(Succeed())
	g.Expect(time.Since(began)).To(BeNumerically("<", 10*time.Second))
	_, alive = running(writePid(g, t, ours), "dockerd")
	g.Expect(alive).To(BeFalse())
}

func writePid(g Gomega, t *testing.T, cmd *exec.Cmd) string {
	path := filepath.Join(t.TempDir(), "pid")
	g.Expect(os.WriteFile(path, []byte(strconv.Itoa(cmd.Process.Pid)), 0o644)).To(Succeed())
	return path
}
