// Package incluster is podproof in the cluster that it tests: its container image, the
// Job that runs it there, and podproof as a plugin of Sonobuoy.
package incluster

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/podproof/podproof/framework/witness"
	"github.com/podproof/podproof/reports"
)

// repository is the name of podproof's image. No registry has it.
const repository = "podproof.test/podproof"

// Where things are in the image. All that podproof writes is under writable.
const (
	programs = "usr/local/bin"
	program  = "podproof"
	kubectl  = "kubectl"
	writable = "/tmp"
)

// Image is podproof as a container image.
type Image struct {
	// Program is the path of podproof, a static Linux program.
	Program string
	// Kubectl is the path of a kubectl for claims on that; "" leaves it out.
	Kubectl string
	// Tag is the reference of the image.
	Tag string
	// Witness is the one that goes with it.
	Witness *witness.Image
}

// Reference is the default tag of the image of a program: it has the beginning of the
// program's SHA-256, so that no node takes another build for it, and none pulls it.
func Reference(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	return repository + ":" + hex.EncodeToString(sum.Sum(nil))[:12], nil
}

// CheckTag tells what is wrong with the reference of an image.
func CheckTag(reference string) error {
	tag, err := name.NewTag(reference)
	if err != nil {
		return fmt.Errorf("%q is no reference with a tag: %w", reference, err)
	}
	if tag.TagStr() == name.DefaultTag {
		return fmt.Errorf("%q has no tag but latest, with which the kubelet would pull it; give it another", reference)
	}
	return nil
}

// CheckStatic tells whether a program runs in an image that has nothing else.
func CheckStatic(path string) error {
	file, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("%s is no Linux program: %w", path, err)
	}
	defer file.Close()
	if slices.ContainsFunc(file.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		return fmt.Errorf("%s is linked dynamically and would not run in an image without libraries; build it with `make build`, or with CGO_ENABLED=0", path)
	}
	return nil
}

// Write writes the image as a docker archive, together with the witness and its twin, so
// that a node that has loaded this one file has all that a run needs.
func (i Image) Write(path string) error {
	image, err := i.build()
	if err != nil {
		return err
	}
	images := map[name.Tag]v1.Image{}
	for _, reference := range []string{i.Witness.Reference, i.Witness.Twin} {
		tag, err := name.NewTag(reference)
		if err != nil {
			return err
		}
		if images[tag], err = tarball.ImageFromPath(i.Witness.Archive, &tag); err != nil {
			return fmt.Errorf("the image %s in %s: %w", reference, i.Witness.Archive, err)
		}
	}
	tag, err := name.NewTag(i.Tag)
	if err != nil {
		return err
	}
	images[tag] = image
	var archive bytes.Buffer
	if err := tarball.MultiWrite(images, &archive); err != nil {
		return err
	}
	return reports.WriteFile(path, archive.Bytes())
}

func (i Image) build() (v1.Image, error) {
	files := []file{{i.Program, programs + "/" + program}}
	if i.Kubectl != "" {
		files = append(files, file{i.Kubectl, programs + "/" + kubectl})
	}
	content, err := layer(files)
	if err != nil {
		return nil, err
	}
	filled, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil })
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(empty.Image, filled)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Config = v1.Config{
		Entrypoint: []string{"/" + programs + "/" + program},
		User:       fmt.Sprintf("%d:%d", witness.User, witness.User),
		WorkingDir: writable,
		Env: []string{
			"PATH=/" + programs,
			"HOME=" + writable,
			"PODPROOF_CACHE=" + writable + "/cache",
			"PODPROOF_OUT=" + writable + "/results",
			witness.BuildVariable + "=" + i.Witness.Build,
		},
	}
	return mutate.ConfigFile(image, config)
}

// file is a program and its place in the image.
type file struct{ from, to string }

// layer is the file system of the image as a tar, without times, so that equal programs
// make equal images.
func layer(files []file) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: writable[1:] + "/", Mode: 0o1777}); err != nil {
		return nil, err
	}
	for _, f := range files {
		content, err := os.ReadFile(f.from)
		if err != nil {
			return nil, err
		}
		if err := addFile(w, f.to, 0o755, content); err != nil {
			return nil, err
		}
	}
	err := w.Close() // it writes the end of the archive
	return out.Bytes(), err
}

func addFile(w *tar.Writer, name string, mode int64, content []byte) error {
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(content))}); err != nil {
		return err
	}
	_, err := w.Write(content)
	return err
}
