package witnessimage

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	. "github.com/onsi/gomega"
)

var built *Image

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "witness-test-")
		if err == nil {
			defer os.RemoveAll(dir)
			built, err = Build(context.Background(), dir)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// inArchive reads one image of an archive.
func inArchive(t *testing.T, archive, reference string) v1.Image {
	t.Helper()
	tag, err := name.NewTag(reference)
	if err != nil {
		t.Fatal(err)
	}
	image, err := tarball.ImageFromPath(archive, &tag)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func TestArchiveHoldsTheProgramForAnUnprivilegedUser(t *testing.T) {
	g := NewWithT(t)
	g.Expect(built.Reference).To(Equal(Repository + ":" + built.Build))
	image := inArchive(t, built.Archive, built.Reference)
	config, err := image.ConfigFile()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(config.OS).To(Equal("linux"))
	g.Expect(config.Config.Entrypoint).To(Equal([]string{"/witness"}))
	g.Expect(config.Config.User).To(Equal("65534:65534"))

	layers, err := image.Layers()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(layers).To(HaveLen(1))
	layer, err := layers[0].Uncompressed()
	g.Expect(err).NotTo(HaveOccurred())
	defer layer.Close()
	files, err := io.ReadAll(layer)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(bytes.HasSuffix(files, make([]byte, 1024))).To(BeTrue(), "two empty blocks end a tar")

	modes := map[string]int64{}
	var program []byte
	content := mutate.Extract(image)
	defer content.Close()
	for r := tar.NewReader(content); ; {
		header, err := r.Next()
		if err == io.EOF {
			break
		}
		g.Expect(err).NotTo(HaveOccurred())
		modes[header.Name] = header.Mode
		if header.Name == "witness" {
			program, err = io.ReadAll(r)
			g.Expect(err).NotTo(HaveOccurred())
		}
	}
	g.Expect(modes).To(Equal(map[string]int64{"tmp": 0o1777, "witness": 0o755}))
	binary, err := os.ReadFile(built.Binary)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(program).To(Equal(binary))
}

func TestTwinIsAnotherImageOfTheSameContent(t *testing.T) {
	g := NewWithT(t)
	g.Expect(built.Twin).To(Equal(built.Reference + "-b"))
	image, twin := inArchive(t, built.Archive, built.Reference), inArchive(t, built.Archive, built.Twin)
	g.Expect(id(t, twin)).NotTo(Equal(id(t, image)), "the runtime could not tell them apart")
	layers, err := image.Layers()
	g.Expect(err).NotTo(HaveOccurred())
	twins, err := twin.Layers()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(twins).To(HaveLen(len(layers)))
	for i := range layers {
		digest, err := layers[i].Digest()
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(twins[i].Digest()).To(Equal(digest))
	}
	config, err := image.ConfigFile()
	g.Expect(err).NotTo(HaveOccurred())
	again, err := twin.ConfigFile()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(again.Config.Entrypoint).To(Equal(config.Config.Entrypoint))
	g.Expect(again.Config.User).To(Equal(config.Config.User))
}

// id is what a runtime calls an image.
func id(t *testing.T, image v1.Image) v1.Hash {
	t.Helper()
	hash, err := image.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func TestProgramIsStaticAndDoesNotTellWhereItWasBuilt(t *testing.T) {
	g := NewWithT(t)
	root, err := filepath.Abs("../../..")
	g.Expect(err).NotTo(HaveOccurred())
	program, err := os.ReadFile(built.Binary)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(bytes.Contains(program, []byte(root+"/"))).To(BeFalse(), "the build ID would depend on the place of the checkout")
	file, err := elf.Open(built.Binary)
	g.Expect(err).NotTo(HaveOccurred())
	defer file.Close()
	for _, segment := range file.Progs {
		g.Expect(segment.Type).NotTo(Equal(elf.PT_INTERP), "a dynamic linker is asked for, and the image has none")
	}
}

func TestASecondBuildDoesNotCompile(t *testing.T) {
	g := NewWithT(t)
	fakeGo(t, "echo compiled again >&2; exit 1")
	t.Chdir("/") // outside of any module the source is found all the same
	again, err := Build(t.Context(), filepath.Dir(filepath.Dir(built.Archive)))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(again).To(Equal(built))
}

func TestBuildsAtOnceAgreeAndLeaveNothingElse(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	var images [2]*Image
	var errs [2]error
	var both sync.WaitGroup
	for i := range images {
		both.Go(func() { images[i], errs[i] = Build(t.Context(), dir) })
	}
	both.Wait()
	g.Expect(errs).To(HaveEach(BeNil()))
	g.Expect(images[0]).To(Equal(images[1]))
	g.Expect(images[0].Build).To(Equal(built.Build), "the same source makes the same program")
	for _, reference := range []string{built.Reference, built.Twin} {
		g.Expect(id(t, inArchive(t, images[0].Archive, reference))).To(Equal(id(t, inArchive(t, built.Archive, reference))), "and the same image")
	}
	left, err := os.ReadDir(dir)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(left).To(HaveLen(1))
}

// fakeGo puts a go command on PATH that builds by a shell script and is the
// real one for all else.
func fakeGo(t *testing.T, build string) {
	t.Helper()
	program, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\ncase $1 in\nbuild) %s;;\n*) exec '%s' \"$@\";;\nesac\n", build, program)
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

func TestAnInterruptedBuildLeavesNothing(t *testing.T) {
	g := NewWithT(t)
	started := filepath.Join(t.TempDir(), "started")
	g.Expect(syscall.Mkfifo(started, 0o600)).To(Succeed())
	fakeGo(t, "echo yes > "+started+"; exec sleep 60")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = os.ReadFile(started) // until the script writes
		cancel()
	}()
	dir := t.TempDir()
	_, err := Build(ctx, dir)
	g.Expect(err).To(MatchError(context.Canceled))
	left, err := os.ReadDir(dir)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(left).To(BeEmpty())
}

func TestAFailedBuildShowsWhatTheCompilerSaid(t *testing.T) {
	g := NewWithT(t)
	fakeGo(t, "echo main.go:1: no such thing >&2; exit 1")
	dir := t.TempDir()
	_, err := Build(t.Context(), dir)
	g.Expect(err).To(MatchError(And(HavePrefix("witness image: go build:"), HaveSuffix("main.go:1: no such thing"))))
	left, err := os.ReadDir(dir)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(left).To(BeEmpty())
}

func TestWithoutGoTheErrorSaysWhatToInstall(t *testing.T) {
	g := NewWithT(t)
	t.Setenv("PATH", t.TempDir())
	_, err := Build(t.Context(), t.TempDir())
	g.Expect(err).To(MatchError(ContainSubstring("install Go")))
}
