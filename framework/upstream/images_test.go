package upstream

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	. "github.com/onsi/gomega"
)

func writeFile(t *testing.T, file, content string, mode os.FileMode) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(content), mode)); err != nil {
		t.Fatal(err)
	}
}

func TestUpstreamsImagesAreMadeForTheReferencesItAsksFor(t *testing.T) {
	g, dir := NewWithT(t), t.TempDir()
	s := sources{programs: dir, module: filepath.Join(dir, "module"), busybox: filepath.Join(dir, "busybox"), applets: []string{"busybox", "sh", "wget"}}
	for _, file := range []string{"agnhost", "nonewprivs", "pause", "busybox"} {
		writeFile(t, filepath.Join(dir, file), "program "+file, 0o755)
	}
	for _, file := range []string{"localhost.crt", "localhost.key"} {
		writeFile(t, filepath.Join(s.module, "test", "images", "agnhost", "porter", file), file, 0o644)
	}
	file := filepath.Join(dir, "images.tar")
	g.Expect(s.write(file, []string{
		"registry.k8s.io/e2e-test-images/agnhost:2.66.1", "registry.k8s.io/e2e-test-images/agnhost:2.55",
		"registry.k8s.io/e2e-test-images/busybox:1.37.0-2", "registry.k8s.io/e2e-test-images/nonewprivs:1.4",
		"registry.k8s.io/pause:3.10.2", "registry.k8s.io/e2e-test-images/nginx:1.27.0-2", "gcr.io/k8s-authenticated-test/agnhost:2.6",
	})).To(Succeed())

	manifest, err := tarball.LoadManifest(func() (io.ReadCloser, error) { return os.Open(file) })
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(manifest).To(HaveLen(5), "nginx is not made, nor what only has the name of agnhost")

	files := func(reference string) (map[string]*tar.Header, string) {
		tag, err := name.NewTag(reference)
		g.Expect(err).NotTo(HaveOccurred())
		image, err := tarball.ImageFromPath(file, &tag)
		g.Expect(err).NotTo(HaveOccurred())
		id, err := image.ConfigName()
		g.Expect(err).NotTo(HaveOccurred())
		content := mutate.Extract(image)
		defer content.Close()
		found := map[string]*tar.Header{}
		for r := tar.NewReader(content); ; {
			h, err := r.Next()
			if err == io.EOF {
				return found, id.String()
			}
			g.Expect(err).NotTo(HaveOccurred())
			found[filepath.Clean(h.Name)] = h
		}
	}
	agnhost, id := files("registry.k8s.io/e2e-test-images/agnhost:2.66.1")
	g.Expect(agnhost).To(HaveKey("agnhost"))
	g.Expect(agnhost["agnhost-2"].Linkname).To(Equal("agnhost"))
	g.Expect(agnhost["bin/sh"].Linkname).To(Equal("busybox"))
	g.Expect(agnhost).To(HaveKey("usr/bin/curl"))
	_, previous := files("registry.k8s.io/e2e-test-images/agnhost:2.55")
	g.Expect(previous).NotTo(Equal(id), "runtimes would take the two for one image")

	busybox, _ := files("registry.k8s.io/e2e-test-images/busybox:1.37.0-2")
	g.Expect(busybox["tmp"].Mode).To(Equal(int64(0o1777)), "containers that are not root write there")
	nonewprivs, _ := files("registry.k8s.io/e2e-test-images/nonewprivs:1.4")
	g.Expect(nonewprivs["usr/local/bin/nnp"].Mode).To(Equal(int64(0o4755)))
}
