package oci

import (
	"archive/tar"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/oci/ocitest"
)

func TestAnArchiveHasEveryDirectoryOnceAndIsTheSameEachTime(t *testing.T) {
	g, dir := NewWithT(t), t.TempDir()
	ocitest.WriteFile(t, filepath.Join(dir, "program"), "binary", 0o644)
	write := func(a *Archive) error {
		for _, err := range []error{
			a.Text("kind/version", 0o644, []byte("v1.37.2")),
			a.Copy("usr/bin/kubelet", 0o755, filepath.Join(dir, "program")),
			a.Link("usr/bin/link", "kubelet"),
			a.Tree("opt", dir),
		} {
			if err != nil {
				return err
			}
		}
		return nil
	}
	first, second := filepath.Join(t.TempDir(), "1.tar"), filepath.Join(t.TempDir(), "2.tar")
	g.Expect(WriteFile(first, write)).To(Succeed())
	g.Expect(WriteFile(second, write)).To(Succeed())
	one, err := hashFile(first)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(hashFile(second)).To(Equal(one))

	all := ocitest.Entries(t, first)
	g.Expect(all).To(HaveLen(8))
	g.Expect(all).To(And(HaveKey("usr/"), HaveKey("usr/bin/"), HaveKey("kind/"), HaveKey("opt/")))
	g.Expect(all["kind/version"].Content).To(Equal("v1.37.2"))
	g.Expect(all["usr/bin/kubelet"].Header.Mode).To(BeEquivalentTo(0o755))
	g.Expect(all["usr/bin/kubelet"].Content).To(Equal("binary"))
	g.Expect(all["usr/bin/link"].Header.Linkname).To(Equal("kubelet"))
	g.Expect(all["opt/program"].Content).To(Equal("binary"))
}

func TestATreeIsPackedWithItsModesAndLinks(t *testing.T) {
	g, tree := NewWithT(t), t.TempDir()
	ocitest.WriteFile(t, filepath.Join(tree, "usr/bin/su"), "su", 0o755|os.ModeSetuid)
	g.Expect(os.Link(filepath.Join(tree, "usr/bin/su"), filepath.Join(tree, "usr/bin/sv"))).To(Succeed())
	g.Expect(os.Symlink("usr/bin", filepath.Join(tree, "bin"))).To(Succeed())
	ocitest.WriteFile(t, filepath.Join(tree, "proc/1/stat"), "", 0o644)
	file := filepath.Join(t.TempDir(), "tree.tar")
	g.Expect(PackTree(file, tree)).To(Succeed())

	all := ocitest.Entries(t, file)
	g.Expect(all["usr/bin/su"].Header.Mode).To(BeEquivalentTo(0o4755))
	g.Expect(all["usr/bin/su"].Header.Typeflag).To(BeEquivalentTo(tar.TypeReg))
	g.Expect(all["usr/bin/sv"].Header.Typeflag).To(BeEquivalentTo(tar.TypeLink))
	g.Expect(all["usr/bin/sv"].Header.Linkname).To(Equal("usr/bin/su"))
	g.Expect(all["bin"].Header.Linkname).To(Equal("usr/bin"))
	g.Expect(all).To(HaveKey("proc/"))
	g.Expect(all).NotTo(HaveKey("proc/1/"), "what is mounted at run time stays out")
}

func TestASavedImageCanBeLoaded(t *testing.T) {
	g, dir := NewWithT(t), t.TempDir()
	var layers []string
	for _, content := range []string{"one", "two"} {
		layer := filepath.Join(dir, content+".tar")
		g.Expect(WriteFile(layer, func(a *Archive) error { return a.Text(content, 0o644, []byte(content)) })).To(Succeed())
		layers = append(layers, layer)
	}
	file := filepath.Join(dir, "image.tar")
	out, err := os.Create(file)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(Save(out, "podproof/node:v1.37.2-x", v1.Config{Entrypoint: []string{"/init"}, StopSignal: "SIGRTMIN+3"}, layers)).To(Succeed())
	g.Expect(out.Close()).To(Succeed())

	tag, err := name.NewTag("podproof/node:v1.37.2-x")
	g.Expect(err).NotTo(HaveOccurred())
	image, err := tarball.ImageFromPath(file, &tag)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(validate.Image(image)).To(Succeed())
	config, err := image.ConfigFile()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(config.Config.Entrypoint).To(Equal([]string{"/init"}))
	g.Expect(config.Config.StopSignal).To(Equal("SIGRTMIN+3"))
	g.Expect(config.RootFS.DiffIDs).To(HaveLen(2))
}
