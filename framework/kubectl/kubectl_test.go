package kubectl

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/cluster"
	"k8s.io/apimachinery/pkg/util/version"
)

// install puts a script on the PATH as the only kubectl.
func install(t *testing.T, script string) *cluster.Info {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("PATH", dir+":/bin:/usr/bin")
	if err := os.WriteFile(filepath.Join(dir, "kubectl"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	return &cluster.Info{Kubeconfig: "/one:/two", Context: "here"}
}

const tellsVersion = `case "$*" in *version*) echo '{"clientVersion":{"gitVersion":"v1.36.4-gke.1"}}'; exit;; esac
`

func TestKubectlMustBeWithinOneMinorOfTheServer(t *testing.T) {
	for server, fits := range map[string]bool{"1.34.0": false, "1.35.9": true, "1.36.0": true, "1.37.2": true, "1.38.0": false} {
		t.Run(server, func(t *testing.T) {
			g := NewWithT(t)
			k, err := Find(t.Context(), install(t, tellsVersion), version.MustParseGeneric(server))
			if !fits {
				g.Expect(err).To(MatchError(And(ContainSubstring("1.36.4"), ContainSubstring("out of reach"))))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(k.Version.String()).To(HavePrefix("1.36.4"))
		})
	}
}

func TestNoKubectlSaysWhy(t *testing.T) {
	g := NewWithT(t)
	t.Setenv("PATH", t.TempDir())
	_, err := Find(t.Context(), &cluster.Info{}, version.MustParseGeneric("1.37.0"))
	g.Expect(err).To(MatchError(ContainSubstring("none on the PATH")))
	_, err = Find(t.Context(), install(t, "echo broken; exit 3\n"), version.MustParseGeneric("1.37.0"))
	g.Expect(err).To(MatchError(ContainSubstring("does not report its version")))
}

func TestRunTellsStreamsAndCodeApart(t *testing.T) {
	g := NewWithT(t)
	k, err := Find(t.Context(), install(t, tellsVersion+`echo "$* $KUBECONFIG"; cat; echo complaint >&2; exit 42`), version.MustParseGeneric("1.37.0"))
	g.Expect(err).NotTo(HaveOccurred())
	r, err := k.Run(t.Context(), "from stdin", "get", "pods")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(r.Stdout).To(Equal("--context=here get pods /one:/two\nfrom stdin"))
	g.Expect(r.Stderr).To(Equal("complaint\n"))
	g.Expect(r.Code).To(Equal(42))
	r, err = k.Run(t.Context(), "")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(r.Stdout).To(Equal("--context=here /one:/two\n"), "no stdin is an empty one")
}

func TestRunInTerminalGivesATerminal(t *testing.T) {
	g := NewWithT(t)
	k, err := Find(t.Context(), install(t, tellsVersion+`test -t 0 && test -t 1 && test -t 2 && read line && echo "got $line"; exit 7`), version.MustParseGeneric("1.37.0"))
	g.Expect(err).NotTo(HaveOccurred())
	r, err := k.RunInTerminal(t.Context(), "typed\n", false)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(r.Stdout).To(ContainSubstring("got typed"))
	g.Expect(r.Code).To(Equal(7))
}

func TestRunInTerminalCanHaveAPipeAfterIt(t *testing.T) {
	g := NewWithT(t)
	k, err := Find(t.Context(), install(t, tellsVersion+`test -t 0 && test ! -t 1 && test -t 2 && read line && echo "got $line"; exit 7`), version.MustParseGeneric("1.37.0"))
	g.Expect(err).NotTo(HaveOccurred())
	r, err := k.RunInTerminal(t.Context(), "typed\n", true)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(r.Stdout).To(ContainSubstring("got typed"))
	g.Expect(r.Code).To(Equal(7))
}

func TestAnEngineThatRefusesIsNotKubectl(t *testing.T) {
	for printed, refused := range map[string]bool{
		"Error response from daemon: No such container: node":     true,
		"OCI runtime exec failed: exec failed: no such file":      true,
		"Error from server (NotFound): pods \"web\" not found":    false,
		"error: Internal error occurred: OCI runtime exec failed": false,
	} {
		t.Run(printed, func(t *testing.T) {
			g := NewWithT(t)
			k, err := Find(t.Context(), install(t, tellsVersion+"echo '"+printed+"' >&2; exit 1"), version.MustParseGeneric("1.37.0"))
			g.Expect(err).NotTo(HaveOccurred())
			r, err := k.Run(t.Context(), "", "get", "pods")
			g.Expect(errors.Is(err, ErrEngine)).To(Equal(refused))
			if !refused {
				g.Expect(r.Code).To(Equal(1))
			}
		})
	}
}
