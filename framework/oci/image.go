package oci

import (
	"bytes"
	"io"
	"os"

	"github.com/google/go-containerregistry/pkg/compression"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// SystemPath is the usual PATH of an image with a whole system.
const SystemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Layer makes a layer in memory.
func Layer(write func(*Archive) error) (v1.Layer, error) {
	var content bytes.Buffer
	a := NewArchive(&content)
	if err := write(a); err != nil {
		return nil, err
	}
	if err := a.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content.Bytes())), nil
	})
}

// FileLayer makes a layer and keeps it in a file. It is compressed with zstd, which
// nodes unpack fastest.
func FileLayer(file string, write func(*Archive) error) (v1.Layer, error) {
	if err := WriteFile(file, write); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return os.Open(file) },
		tarball.WithCompression(compression.ZStd))
}

// Image makes a Linux image of one layer.
func Image(layer v1.Layer, arch string, settings v1.Config) (v1.Image, error) {
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Config = "linux", arch, settings
	return mutate.ConfigFile(image, config)
}
