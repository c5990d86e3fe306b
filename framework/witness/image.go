package witness

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/podproof/podproof/fixtures/witness/record"
)

// Repository is the name of the witness image. No registry has it: the image
// is loaded into the nodes.
const Repository = "podproof.test/witness"

// Program is where the program is in the image.
const Program = "/witness"

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
	// the program, a static Linux one. Both are "" of an image that is only Known.
	Archive string
	Binary  string
}

// BuildVariable is the environment variable that tells podproof in an image of its own
// which build of the witness goes with it.
const BuildVariable = "PODPROOF_WITNESS_BUILD"

// Known is the image with that build ID, which is not here but where it is needed.
func Known(build string) *Image {
	reference := Repository + ":" + build
	return &Image{Reference: reference, Twin: reference + twinSuffix, Build: build}
}

// Build compiles the program and makes the image, in a directory of cacheDir
// named after all that goes into them; what is there already is used again.
// It needs the go command and podproof's source. Builds at the same time, and
// ones that are interrupted, leave either a whole image or none.
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

// twinSuffix is what the tag of the twin has more.
const twinSuffix = "-b"

// archive writes the image of a program, and its twin, as a docker archive.
func archive(binary, path, arch string) error {
	program, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	files, err := layerFiles(program)
	if err != nil {
		return err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(files)), nil
	})
	if err != nil {
		return err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return err
	}
	images := map[name.Tag]v1.Image{}
	for _, suffix := range []string{"", twinSuffix} {
		config := config.DeepCopy()
		config.OS, config.Architecture = "linux", arch
		config.Config = v1.Config{Entrypoint: []string{Program}, User: fmt.Sprintf("%d:%d", User, User), WorkingDir: "/"}
		if suffix != "" {
			// Runtimes know an image by the digest of its configuration, and
			// report one of its tags, no matter which of them a pod asked
			// for. So the twin has to differ in something.
			config.Config.Labels = map[string]string{"podproof.test/twin": "true"}
		}
		tag, err := name.NewTag(Repository+":"+buildID(program)+suffix, name.StrictValidation)
		if err != nil {
			return err
		}
		if images[tag], err = mutate.ConfigFile(image, config); err != nil {
			return err
		}
	}
	return tarball.MultiWriteToFile(path, images)
}

// layerFiles is the file system of the image as a tar: the program, and /tmp
// for everybody. It has no times, so equal programs make equal images.
func layerFiles(program []byte) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range []struct {
		header tar.Header
		data   []byte
	}{
		{tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777}, nil},
		{tar.Header{Typeflag: tar.TypeReg, Name: Program[1:], Mode: 0o755, Size: int64(len(program))}, program},
	} {
		if err := w.WriteHeader(&f.header); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	err := w.Close() // it writes the end of the archive
	return out.Bytes(), err
}
