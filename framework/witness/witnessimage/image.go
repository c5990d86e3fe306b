// Package witnessimage builds the image of the witness, the one workload of all specs.
package witnessimage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/oci"
	"github.com/podproof/podproof/framework/witness"
)

// Repository is the name of the witness image. No registry has it: the image
// is loaded into the nodes.
const Repository = "podproof.test/witness"

// User is the user and group that the image runs as. It is a number, so that
// the kubelet can tell that it is not root (runAsNonRoot).
const User = 65534

// Image is a witness image that has been built.
type Image struct {
	// Reference is Repository with the build ID as its tag. It is never
	// "latest", which would make the kubelet pull.
	Reference string
	// Twin is Reference with "-b" after it, for specs that change the image
	// of a container: another image by its ID, with the same program. It is
	// in the same archive.
	Twin string
	// Build is the beginning of the program's SHA-256, which the program
	// also tells itself (`witness version`, record.Info).
	Build string
	// Archive is the path of the image as a docker archive (tar), and Binary that of
	// the program, a static Linux one. Both are "" for an image that is only Known.
	Archive string
	Binary  string
}

// BuildVariable is the environment variable that names, in podproof's own image, the
// build of the witness that goes with it.
const BuildVariable = "PODPROOF_WITNESS_BUILD"

// Known is the image with that build ID, which is on the nodes and not on this machine.
func Known(build string) *Image {
	reference := Repository + ":" + build
	return &Image{Reference: reference, Twin: reference + twinSuffix, Build: build}
}

// Build compiles the program and makes the image, in a directory of cacheDir that is named
// after their inputs; an image that is there is used again. It needs the go command and
// podproof's source. Concurrent and interrupted builds leave a whole image or none.
func Build(ctx context.Context, cacheDir string) (*Image, error) {
	src, err := findSource(ctx)
	if err != nil {
		return nil, fmt.Errorf("witness image: %w", err)
	}
	key, err := src.key(ctx)
	if err != nil {
		return nil, fmt.Errorf("witness image: %w", err)
	}
	dir := filepath.Join(cacheDir, key)
	image, err := open(dir)
	if err == nil {
		return image, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("witness image: %w; remove %s", err, dir)
	}
	if err := build(ctx, src, dir); err != nil {
		return nil, fmt.Errorf("witness image: %w", err)
	}
	return open(dir)
}

// The files of a built image in its directory of the cache.
const (
	binaryFile  = "witness"
	archiveFile = "image.tar"
)

// open returns the image in dir; the error is fs.ErrNotExist when it has not
// been built.
func open(dir string) (*Image, error) {
	archive := filepath.Join(dir, archiveFile)
	if _, err := os.Stat(archive); err != nil {
		return nil, err
	}
	program := filepath.Join(dir, binaryFile)
	binary, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	image := Known(buildID(binary))
	image.Archive, image.Binary = archive, program
	return image, nil
}

func buildID(binary []byte) string {
	sum := sha256.Sum256(binary)
	return hex.EncodeToString(sum[:])[:record.BuildIDLength]
}

// build makes the image beside dir and renames it when it is whole.
func build(ctx context.Context, src source, dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".building-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	binary := filepath.Join(tmp, binaryFile)
	if err := src.compile(ctx, binary); err != nil {
		return err
	}
	if err := archive(binary, filepath.Join(tmp, archiveFile), src.arch); err != nil {
		return err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	err = os.Rename(tmp, dir)
	if errors.Is(err, fs.ErrExist) {
		return nil // another process was faster; its image is the same
	}
	return err
}

// twinSuffix is the end of the twin's tag.
const twinSuffix = "-b"

// archive writes the image of a program, and its twin, as a docker archive.
func archive(binary, path, arch string) error {
	program, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	layer, err := oci.Layer(func(a *oci.Archive) error { return files(a, program) })
	if err != nil {
		return err
	}
	images := map[name.Tag]v1.Image{}
	for _, suffix := range []string{"", twinSuffix} {
		settings := v1.Config{Entrypoint: []string{witness.Program}, User: fmt.Sprintf("%d:%d", User, User), WorkingDir: "/"}
		if suffix != "" {
			// Runtimes know an image by the digest of its configuration, and report any
			// of its tags, not the one in the pod. So the twin has to differ in something.
			settings.Labels = map[string]string{"podproof.test/twin": "true"}
		}
		tag, err := name.NewTag(Repository+":"+buildID(program)+suffix, name.StrictValidation)
		if err != nil {
			return err
		}
		if images[tag], err = oci.Image(layer, arch, settings); err != nil {
			return err
		}
	}
	return tarball.MultiWriteToFile(path, images)
}

// files writes the file system of the image: the program, and /tmp for everybody.
func files(a *oci.Archive, program []byte) error {
	return errors.Join(a.Scratch("tmp"), a.Text(witness.Program[1:], 0o755, program))
}
