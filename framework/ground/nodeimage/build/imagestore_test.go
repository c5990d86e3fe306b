package build

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/oci/ocitest"
)

// fakeContainerd is a containerd that does what the script says.
func fakeContainerd(t *testing.T, script string) string {
	program := filepath.Join(t.TempDir(), "containerd")
	ocitest.WriteFile(t, program, "#!/bin/sh\n"+script, 0o755)
	return program
}

func TestAContainerdThatEndsIsNotWaitedFor(t *testing.T) {
	for script, want := range map[string]string{"exit 0": "ended before it was ready", "echo broken; exit 3": "broken"} {
		g := NewWithT(t)
		err := withContainerd(t.Context(), fakeContainerd(t, script), "config.toml", "", func() error { return errors.New("used") })
		g.Expect(err).To(MatchError(And(ContainSubstring(want), Not(ContainSubstring("used")))))
	}
}

func TestAnInterruptEndsContainerd(t *testing.T) {
	g := NewWithT(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("interrupted")
	cancel(cause)
	err := withContainerd(ctx, fakeContainerd(t, "exec sleep 60"), "config.toml", "", func() error { return errors.New("used") })
	g.Expect(err).To(MatchError(cause))
}
