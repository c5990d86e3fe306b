// Package incluster is podproof in the cluster that it tests: its container image, the
// Job that runs it there, and podproof as a plugin of Sonobuoy.
package incluster

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/podproof/podproof/framework/oci"
	"github.com/podproof/podproof/framework/witness/witnessimage"
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
	Witness *witnessimage.Image
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
	layer, err := oci.Layer(i.files)
	if err != nil {
		return nil, err
	}
	return oci.Image(layer, runtime.GOARCH, v1.Config{
		Entrypoint: []string{"/" + programs + "/" + program},
		User:       fmt.Sprintf("%d:%d", witnessimage.User, witnessimage.User),
		WorkingDir: writable,
		Env: []string{
			"PATH=/" + programs,
			"HOME=" + writable,
			"PODPROOF_CACHE=" + writable + "/cache",
			"PODPROOF_OUT=" + writable + "/results",
			witnessimage.BuildVariable + "=" + i.Witness.Build,
		},
	})
}

// files writes the file system of the image.
func (i Image) files(a *oci.Archive) error {
	errs := []error{a.Scratch(writable[1:]), a.Copy(programs+"/"+program, 0o755, i.Program)}
	if i.Kubectl != "" {
		errs = append(errs, a.Copy(programs+"/"+kubectl, 0o755, i.Kubectl))
	}
	return errors.Join(errs...)
}
