package workshop

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/fixtures/versions"
	"github.com/podproof/podproof/framework/progress"
)

func TestAWorkshopIsOneProcessesAndFoundTidy(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	open := func() *Workshop {
		w, err := Open(t.Context(), "v1.37.2", dir, progress.Discard())
		g.Expect(err).NotTo(HaveOccurred())
		return w
	}
	first, second := open(), open()
	defer second.Close()
	one, err := first.Bench()
	g.Expect(err).NotTo(HaveOccurred())
	other, err := second.Bench()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(filepath.Dir(one)).NotTo(Equal(filepath.Dir(other)), "two processes must not share one")

	// A process that is killed leaves its bench, and gives back its lock.
	g.Expect(os.WriteFile(filepath.Join(one, "kubelet"), []byte("half"), 0o755)).To(Succeed())
	first.Close()
	again := open()
	defer again.Close()
	g.Expect(one).NotTo(BeADirectory())
	g.Expect(other).To(BeADirectory(), "what another process works on must stay")
}

func TestVersionsOfAComponentsModules(t *testing.T) {
	g := NewWithT(t)
	w, err := Open(t.Context(), "v1.36.1", t.TempDir(), progress.Discard())
	g.Expect(err).NotTo(HaveOccurred())
	defer w.Close()
	g.Expect(w.Version("kubernetes")).To(Equal("v1.36.1"), "the very patch of the cluster")
	c, err := w.component("kubernetes")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(c.VersionOf("")).To(Equal("v1.36.1"))
	g.Expect(c.VersionOf("k8s.io/client-go")).To(Equal("v0.36.1"), "published out of the same repository")
	_, err = w.component("kubernetess")
	g.Expect(err).To(MatchError(ContainSubstring("kubernetess")))
	_, err = Open(t.Context(), "v1.99.0", t.TempDir(), progress.Discard())
	g.Expect(err).To(MatchError(versions.ErrUnsupported))
}
