package build

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/tarball"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/oci"
	"github.com/podproof/podproof/framework/oci/ocitest"
)

func TestCleaningStaysInsideTheTree(t *testing.T) {
	g, tree, outside := NewWithT(t), t.TempDir(), t.TempDir()
	ocitest.WriteFile(t, filepath.Join(outside, "precious"), "", 0o644)
	ocitest.WriteFile(t, filepath.Join(tree, "var/cache/apt/archives/x.deb"), "", 0o644)
	ocitest.WriteFile(t, filepath.Join(tree, "etc/systemd/system/multi-user.target.wants/x.service"), "", 0o644)
	ocitest.WriteFile(t, filepath.Join(tree, "etc/systemd/journald.conf"), "[Journal]\n", 0o644)
	ocitest.WriteFile(t, filepath.Join(tree, "etc/resolv.conf"), "nameserver of this machine", 0o644)
	ocitest.WriteFile(t, filepath.Join(tree, "usr/sbin/keep"), "", 0o755)
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
	g.Expect(oci.WriteFile(file, func(a *oci.Archive) error { return addKindFiles(a, kind) })).To(Succeed())
	all := ocitest.Entries(t, file)
	g.Expect(all["usr/local/bin/entrypoint"].Header.Mode).To(BeEquivalentTo(0o755))
	g.Expect(all["kind/bin/mount-product-files.sh"].Header.Mode).To(BeEquivalentTo(0o755))
	g.Expect(all["etc/systemd/system/kubelet.service.d/10-kubeadm.conf"].Header.Mode).To(BeEquivalentTo(0o644))
	g.Expect(all["etc/systemd/system/multi-user.target.wants/kubelet.service"].Header.Linkname).To(Equal("/etc/systemd/system/kubelet.service"))
	g.Expect(all["kind/manifests/default-storage.yaml"].Content).To(ContainSubstring("is-default-class"))
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

func TestTheControlPlanesImagesAreKubeadms(t *testing.T) {
	g, kubeadm := NewWithT(t), filepath.Join(t.TempDir(), "kubeadm")
	ocitest.WriteFile(t, kubeadm, "#!/bin/sh\n[ \"$*\" = 'config images list --kubernetes-version v1.37.2' ] && "+
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
	ocitest.WriteFile(t, filepath.Join(dir, "etcd"), "binary", 0o755)
	archive := filepath.Join(dir, "images.tar")
	g.Expect(writeImages(archive, dir, map[string]program{"r.test/etcd:3.7.0-0": {file: filepath.Join(dir, "etcd"), path: "/usr/local/bin/etcd"}})).To(Succeed())
	image, err := tarball.ImageFromPath(archive, nil)
	g.Expect(err).NotTo(HaveOccurred())
	config, err := image.ConfigFile()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(config.Config.Entrypoint).To(Equal([]string{"/usr/local/bin/etcd"}))
	all := ocitest.Entries(t, filepath.Join(dir, "etcd.tar"))
	g.Expect(all["usr/local/bin/etcd"].Content).To(Equal("binary"))
	g.Expect(all["usr/local/bin/etcd"].Header.Mode).To(BeEquivalentTo(0o755))
}
