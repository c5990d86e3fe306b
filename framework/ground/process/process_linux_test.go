package process

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func TestAFailedCommandSaysItsLastLines(t *testing.T) {
	g, log := NewWithT(t), filepath.Join(t.TempDir(), "logs", "x.log")
	script := `i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo line $i; done; printf 'the end' >&2; exit 3`
	err := Command{Args: []string{"sh", "-c", script}, Log: log}.Run(t.Context())
	g.Expect(err).To(MatchError(And(
		HavePrefix("sh: exit status 3; its last lines:\n  line 27\n"), ContainSubstring("\n  the end\nall of its output: "+log))))
	whole, readErr := os.ReadFile(log)
	g.Expect(readErr).NotTo(HaveOccurred())
	g.Expect(strings.Count(string(whole), "\n")).To(BeNumerically(">", 40))
}

func TestACancelledCommandEndsWithItsChildren(t *testing.T) {
	g := NewWithT(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped by hand")
	var child string
	began := time.Now()
	err := Command{
		Args: []string{"sh", "-c", "sleep 60 & echo $!; wait"},
		Line: func(line string) { child = line; cancel(stopped) },
	}.Run(ctx)
	g.Expect(err).To(MatchError(stopped))
	g.Expect(time.Since(began)).To(BeNumerically("<", 5*time.Second))
	g.Eventually(func() string { return stateOf(child) }).Should(Or(BeEmpty(), Equal("Z")), "the child has ended")
}

// stateOf is the letter of a process's state, or "" when there is none.
func stateOf(pid string) string {
	data, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	return fields[0]
}
