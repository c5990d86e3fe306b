package nodeimage

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	. "github.com/onsi/gomega"
)

type entry struct {
	header  *tar.Header
	content string
}

// entries reads an archive by names.
func entries(t *testing.T, file string) map[string]entry {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]entry)
	for r := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := all[h.Name]; twice {
			t.Errorf("%s is in the archive twice", h.Name)
		}
		all[h.Name] = entry{h, string(content)}
	}
}

func writeFile(t *testing.T, file, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
}

func TestAnArchiveHasEveryDirectoryOnceAndIsTheSameEachTime(t *testing.T) {
	g, dir := NewWithT(t), t.TempDir()
	writeFile(t, filepath.Join(dir, "program"), "binary", 0o644)
	write := func(a *archive) error {
		for _, err := range []error{
			a.text("kind/version", 0o644, []byte("v1.37.2")),
			a.copy("usr/bin/kubelet", 0o755, filepath.Join(dir, "program")),
			a.link("usr/bin/link", "kubelet"),
			a.tree("opt", dir),
		} {
			if err != nil {
				return err
			}
		}
		return nil
	}
	first, second := filepath.Join(t.TempDir(), "1.tar"), filepath.Join(t.TempDir(), "2.tar")
	g.Expect(writeArchive(first, write)).To(Succeed())
	g.Expect(writeArchive(second, write)).To(Succeed())
	one, err := hashFile(first)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(hashFile(second)).To(Equal(one))

	all := entries(t, first)
	g.Expect(all).To(HaveLen(8))
	g.Expect(all).To(And(HaveKey("usr/"), HaveKey("usr/bin/"), HaveKey("kind/"), HaveKey("opt/")))
	g.Expect(all["kind/version"].content).To(Equal("v1.37.2"))
	g.Expect(all["usr/bin/kubelet"].header.Mode).To(BeEquivalentTo(0o755))
	g.Expect(all["usr/bin/kubelet"].content).To(Equal("binary"))
	g.Expect(all["usr/bin/link"].header.Linkname).To(Equal("kubelet"))
	g.Expect(all["opt/program"].content).To(Equal("binary"))
}

func TestATreeIsPackedWithItsModesAndLinks(t *testing.T) {
	g, tree := NewWithT(t), t.TempDir()
	writeFile(t, filepath.Join(tree, "usr/bin/su"), "su", 0o755|os.ModeSetuid)
	g.Expect(os.Link(filepath.Join(tree, "usr/bin/su"), filepath.Join(tree, "usr/bin/sv"))).To(Succeed())
	g.Expect(os.Symlink("usr/bin", filepath.Join(tree, "bin"))).To(Succeed())
	writeFile(t, filepath.Join(tree, "proc/1/stat"), "", 0o644)
	file := filepath.Join(t.TempDir(), "tree.tar")
	g.Expect(packTree(file, tree)).To(Succeed())

	all := entries(t, file)
	g.Expect(all["usr/bin/su"].header.Mode).To(BeEquivalentTo(0o4755))
	g.Expect(all["usr/bin/su"].header.Typeflag).To(BeEquivalentTo(tar.TypeReg))
	g.Expect(all["usr/bin/sv"].header.Typeflag).To(BeEquivalentTo(tar.TypeLink))
	g.Expect(all["usr/bin/sv"].header.Linkname).To(Equal("usr/bin/su"))
	g.Expect(all["bin"].header.Linkname).To(Equal("usr/bin"))
	g.Expect(all).To(HaveKey("proc/"))
	g.Expect(all).NotTo(HaveKey("proc/1/"), "what is mounted at run time stays out")
}

func TestCleaningStaysInsideTheTree(t *testing.T) {
	g, tree, outside := NewWithT(t), t.TempDir(), t.TempDir()
	writeFile(t, filepath.Join(outside, "precious"), "", 0o644)
	writeFile(t, filepath.Join(tree, "var/cache/apt/archives/x.deb"), "", 0o644)
	writeFile(t, filepath.Join(tree, "etc/systemd/system/multi-user.target.wants/x.service"), "", 0o644)
	writeFile(t, filepath.Join(tree, "etc/systemd/journald.conf"), "[Journal]\n", 0o644)
	writeFile(t, filepath.Join(tree, "etc/resolv.conf"), "nameserver of this machine", 0o644)
	writeFile(t, filepath.Join(tree, "usr/sbin/keep"), "", 0o755)
	g.Expect(os.MkdirAll(filepath.Join(tree, "var/log"), 0o755)).To(Succeed())
	g.Expect(os.Symlink(filepath.Join(outside, "precious"), filepath.Join(tree, "var/log/link"))).To(Succeed())

	g.Expect(cleanRootfs(tree)).To(Succeed())
	for _, gone := range []string{"var/cache/apt/archives", "etc/systemd/system/multi-user.target.wants/x.service", "etc/resolv.conf", "var/log/link"} {
		_, err := os.Lstat(filepath.Join(tree, gone))
		g.Expect(err).To(MatchError(os.ErrNotExist), gone)
	}
	g.Expect(filepath.Join(tree, "usr/sbin/keep")).To(BeAnExistingFile())
	g.Expect(filepath.Join(outside, "precious")).To(BeAnExistingFile())
	g.Expect(os.Readlink(filepath.Join(tree, "usr/sbin/init"))).To(Equal("/usr/lib/systemd/systemd"))
	g.Expect(os.Readlink(filepath.Join(tree, "etc/systemd/system/systemd-binfmt.service"))).To(Equal("/dev/null"))
	g.Expect(os.ReadFile(filepath.Join(tree, "etc/systemd/journald.conf"))).To(HaveSuffix("ReadKMsg=no\n"))
}

func TestTheMirrorIsThatOfTheMachine(t *testing.T) {
	for name, test := range map[string]struct{ file, text, want string }{
		"deb822": {"sources.list.d/debian.sources", "# main\nTypes: deb\nURIs: http://mirror.test/debian\nSuites: bookworm bookworm-updates\n\n" +
			"Types: deb\nURIs: http://security.test\nSuites: bookworm-security\n", "http://mirror.test/debian"},
		"one line":        {"sources.list", "# deb http://old.test bookworm main\ndeb [signed-by=/k] https://mirror.test/debian bookworm main\n", "https://mirror.test/debian"},
		"another release": {"sources.list", "deb http://mirror.test/debian trixie main\n", ""},
		"a disc":          {"sources.list", "deb cdrom:[Debian]/ bookworm main\n", ""},
		"nothing":         {"other", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeFile(t, filepath.Join(dir, test.file), test.text, 0o644)
			NewWithT(t).Expect(debianMirror(dir, "bookworm")).To(Equal(test.want))
		})
	}
}

// kindDir is where the go command keeps the kind module of this program.
func kindDir(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Version}} {{.Dir}}", kindModule).Output()
	if err != nil {
		t.Fatal(err)
	}
	version, dir, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	if version != kindVersion() {
		t.Fatalf("go.mod has kind %s and the program says %s", version, kindVersion())
	}
	return dir
}

func TestKindsFilesAreWhatABuildReliesOn(t *testing.T) {
	g, kind := NewWithT(t), kindDir(t)
	file := filepath.Join(t.TempDir(), "kind.tar")
	g.Expect(writeArchive(file, func(a *archive) error { return addKindFiles(a, kind) })).To(Succeed())
	all := entries(t, file)
	g.Expect(all["usr/local/bin/entrypoint"].header.Mode).To(BeEquivalentTo(0o755))
	g.Expect(all["kind/bin/mount-product-files.sh"].header.Mode).To(BeEquivalentTo(0o755))
	g.Expect(all["etc/systemd/system/kubelet.service.d/10-kubeadm.conf"].header.Mode).To(BeEquivalentTo(0o644))
	g.Expect(all["etc/systemd/system/multi-user.target.wants/kubelet.service"].header.Linkname).To(Equal("/etc/systemd/system/kubelet.service"))
	g.Expect(all["kind/manifests/default-storage.yaml"].content).To(ContainSubstring("is-default-class"))
	g.Expect(all).To(HaveKey("etc/kubernetes/manifests/"))
	g.Expect(pauseImage(kind)).To(MatchRegexp(`^[a-z0-9.-]+/pause:\d+\.\d+`))
}

func TestAProgramBringsItsLibraries(t *testing.T) {
	const shell = "usr/bin/dash"
	if _, err := os.Stat("/" + shell); err != nil {
		t.Skip("this machine has no dash, as Debian has, to look at")
	}
	g := NewWithT(t)
	files, err := withLibraries(os.DirFS("/"), []string{shell})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(files).To(ContainElements(shell, HaveSuffix("/libc.so.6"), MatchRegexp(`^usr/lib/[^/]+/ld-linux[^/]*$`)))

	_, err = withLibraries(os.DirFS(t.TempDir()), []string{shell})
	g.Expect(err).To(MatchError(os.ErrNotExist))
}

func TestTheBaseSpecIsEdited(t *testing.T) {
	g := NewWithT(t)
	edited, err := editSpec([]byte(`{"process": {"cwd": "/", "rlimits": [{"type": "RLIMIT_NOFILE"}]}, "hooks": {"createContainer": [{"path": "/first"}]}}`))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(edited).To(MatchJSON(`{"process": {"cwd": "/"}, "hooks": {"createContainer": [{"path": "/first"}]}}`))
	_, err = editSpec([]byte(`{}`))
	g.Expect(err).To(MatchError(ContainSubstring("no process")))
}

func TestTheImageCanBeLoaded(t *testing.T) {
	g, dir := NewWithT(t), t.TempDir()
	var layers []string
	for _, content := range []string{"one", "two"} {
		layer := filepath.Join(dir, content+".tar")
		g.Expect(writeArchive(layer, func(a *archive) error { return a.text(content, 0o644, []byte(content)) })).To(Succeed())
		layers = append(layers, layer)
	}
	file := filepath.Join(dir, "image.tar")
	out, err := os.Create(file)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(writeImage(out, "podproof/node:v1.37.2-x", nodeConfig("v1.37.2", "x"), layers)).To(Succeed())
	g.Expect(out.Close()).To(Succeed())

	tag, err := name.NewTag("podproof/node:v1.37.2-x")
	g.Expect(err).NotTo(HaveOccurred())
	image, err := tarball.ImageFromPath(file, &tag)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(validate.Image(image)).To(Succeed())
	config, err := image.ConfigFile()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(config.Config.Entrypoint).To(Equal([]string{"/usr/local/bin/entrypoint", "/sbin/init"}))
	g.Expect(config.Config.StopSignal).To(Equal("SIGRTMIN+3"))
	g.Expect(config.Config.Env).To(ContainElement("container=docker"))
	g.Expect(config.RootFS.DiffIDs).To(HaveLen(2))
}

func TestTheControlPlanesImagesAreKubeadms(t *testing.T) {
	g, kubeadm := NewWithT(t), filepath.Join(t.TempDir(), "kubeadm")
	writeFile(t, kubeadm, "#!/bin/sh\n[ \"$*\" = 'config images list --kubernetes-version v1.37.2' ] && "+
		"printf 'r.test/etcd:3.7.0-0\\nr.test/coredns/coredns:v1.14.6\\nr.test/pause:3.10.2\\n'\n", 0o755)
	etcd, coredns, pause := program{path: "/etcd"}, program{path: "/coredns"}, program{path: "/pause"}
	programs := map[string]program{"etcd": etcd, "coredns": coredns, "pause": pause}
	images, err := controlPlaneImages(t.Context(), kubeadm, "v1.37.2", "r.test/pause:3.10", programs)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(images).To(Equal(map[string]program{
		"r.test/etcd:3.7.0-0": etcd, "r.test/coredns/coredns:v1.14.6": coredns, "r.test/pause:3.10": pause,
	}), "the sandbox image is the one that containerd is configured with")

	delete(programs, "coredns")
	_, err = controlPlaneImages(t.Context(), kubeadm, "v1.37.2", "r.test/pause:3.10", programs)
	g.Expect(err).To(MatchError(ContainSubstring("wants the image r.test/coredns/coredns:v1.14.6, and podproof does not know how to make it")))
}

func TestAProgramsImageRunsIt(t *testing.T) {
	g, dir := NewWithT(t), t.TempDir()
	writeFile(t, filepath.Join(dir, "etcd"), "binary", 0o755)
	archive := filepath.Join(dir, "images.tar")
	g.Expect(writeImages(archive, dir, map[string]program{"r.test/etcd:3.7.0-0": {file: filepath.Join(dir, "etcd"), path: "/usr/local/bin/etcd"}})).To(Succeed())
	image, err := tarball.ImageFromPath(archive, nil)
	g.Expect(err).NotTo(HaveOccurred())
	config, err := image.ConfigFile()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(config.Config.Entrypoint).To(Equal([]string{"/usr/local/bin/etcd"}))
	all := entries(t, filepath.Join(dir, "etcd.tar"))
	g.Expect(all["usr/local/bin/etcd"].content).To(Equal("binary"))
	g.Expect(all["usr/local/bin/etcd"].header.Mode).To(BeEquivalentTo(0o755))
}

func TestTheGeneratedModuleReplacesKubernetesStaging(t *testing.T) {
	g := NewWithT(t)
	c := kubernetes("v1.37.2")
	text := mainModule(c, goMod{Go: "1.26.0", Replace: replacements(t, `[
		{"Old": {"Path": "k8s.io/api"}, "New": {"Path": "./staging/src/k8s.io/api"}},
		{"Old": {"Path": "other.test/x"}, "New": {"Path": "other.test/y"}}]`)})
	g.Expect(text).To(Equal("module podproof.test/kubernetes\n\ngo 1.26.0\n\nrequire k8s.io/kubernetes v1.37.2\nreplace k8s.io/api => k8s.io/api v0.37.2\n"))
	g.Expect(mainModule(components(Supported()[0])[1], goMod{Go: "1.25.0"})).NotTo(ContainSubstring("replace"))
	g.Expect(c.LDFlags).To(ContainElements("-X k8s.io/component-base/version.gitVersion=v1.37.2", "-X k8s.io/component-base/version.gitMinor=37"))
	g.Expect(c.imports()).To(ContainElement("k8s.io/kubernetes/cmd/kubelet"))
}

func replacements(t *testing.T, data string) (all []replacement) {
	t.Helper()
	if err := json.Unmarshal([]byte(data), &all); err != nil {
		t.Fatal(err)
	}
	return all
}
