package engine

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// fakePath makes a PATH that holds only the given shell scripts.
func fakePath(t *testing.T, programs map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, script := range programs {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
}

func TestFindTakesTheFirstThatAnswers(t *testing.T) {
	g := NewWithT(t)
	fakePath(t, map[string]string{
		"docker":  "echo 'Cannot connect to the Docker daemon' >&2; exit 1",
		"podman":  "echo 5.4.0",
		"nerdctl": "echo 2.0.0",
	})
	found, err := Find(t.Context(), "")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(*found).To(Equal(Engine{Name: "podman", Version: "5.4.0"}))

	found, err = Find(t.Context(), "nerdctl")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(found.Name).To(Equal("nerdctl"))
}

func TestFindSaysWhatEachEngineSaid(t *testing.T) {
	g := NewWithT(t)
	fakePath(t, map[string]string{
		"docker": "echo 'Cannot connect to the Docker daemon' >&2; exit 1",
		"podman": "exit 0", // a client without a server
	})
	_, err := Find(t.Context(), "")
	g.Expect(err).To(MatchError(ErrNone))
	g.Expect(err).To(MatchError(And(
		ContainSubstring("docker version --format …: exit status 1: Cannot connect to the Docker daemon"),
		ContainSubstring("podman: named no version of its server"),
		ContainSubstring("nerdctl: not on the PATH"),
	)))
}

func TestFindRefusesAnUnknownEngine(t *testing.T) {
	_, err := Find(t.Context(), "rkt")
	NewWithT(t).Expect(err).To(MatchError(`unknown container engine "rkt": podproof knows docker, podman, nerdctl`))
}

func TestOutputEndsWithItsContext(t *testing.T) {
	g := NewWithT(t)
	fakePath(t, map[string]string{"docker": "exec /bin/sleep 60"})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := (&Engine{Name: "docker"}).Output(ctx, "version")
	g.Expect(err).To(MatchError(context.DeadlineExceeded))
}

func TestErrorsCarryTheEndOfTheOutput(t *testing.T) {
	g := NewWithT(t)
	fakePath(t, map[string]string{"docker": `for i in 1 2 3 4 5 6 7; do echo "line $i"; echo; done >&2; exit 3`})
	_, err := (&Engine{Name: "docker"}).Output(t.Context(), "rm", "--force", "one", "two")
	g.Expect(err).To(MatchError("docker rm --force …: exit status 3: line 3\nline 4\nline 5\nline 6\nline 7"))
}

func TestWhoMayStartAnEngine(t *testing.T) {
	able := machine{root: true, debian: true}
	tests := map[string]struct {
		provider string
		machine  machine
		want     string // "" where podproof may
	}{
		"root on Debian":               {"", able, ""},
		"Docker by name":               {"docker", able, ""},
		"another engine by name":       {"podman", able, "install podman and start it"},
		"an engine elsewhere":          {"", machine{root: true, debian: true, dockerHost: "tcp://h:1"}, "DOCKER_HOST=tcp://h:1"},
		"another system":               {"", machine{root: true}, "install and start Docker, podman or nerdctl"},
		"not root":                     {"", machine{debian: true}, "run as root"},
		"neither root nor on a Debian": {"", machine{}, "install and start Docker, podman or nerdctl"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			err := mayStart(test.provider, test.machine)
			if test.want == "" {
				g.Expect(err).NotTo(HaveOccurred())
				return
			}
			g.Expect(err).To(MatchError(ContainSubstring(test.want)))
			g.Expect(err.Error()).NotTo(ContainSubstring("\n"), "one line")
		})
	}
}
