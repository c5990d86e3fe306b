package nodeimage

import (
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/compression"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// systemPath is where an image's programs are looked for when their manifest
// gives no path.
const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// program is what a control-plane image runs.
type program struct {
	file string // on this machine
	path string // in the image; kubeadm's manifests expect it there
	base string // an archive to put below it, or ""
}

// controlPlaneImages finds out which images kubeadm wants, and which of the
// built programs each of them runs.
func controlPlaneImages(ctx context.Context, kubeadm, kubernetes, pause string, programs map[string]program) (map[string]program, error) {
	list := command{args: []string{kubeadm, "config", "images", "list", "--kubernetes-version", kubernetes}}
	out, err := list.output(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking kubeadm for its images: %w", err)
	}
	images := make(map[string]program)
	for _, reference := range strings.Fields(out) {
		repository, _, _ := strings.Cut(path.Base(reference), ":")
		if repository == "pause" {
			continue // kind's containerd configuration decides on this one
		}
		p, known := programs[repository]
		if !known {
			return nil, fmt.Errorf("kubeadm %s wants the image %s, and podproof does not know how to make it", kubernetes, reference)
		}
		images[reference] = p
	}
	images[pause] = programs["pause"]
	return images, nil
}

// writeImages makes the images and writes them as one archive that containerd
// imports.
func writeImages(file, work string, images map[string]program) error {
	tagged := make(map[name.Tag]v1.Image)
	for reference, p := range images {
		tag, err := name.NewTag(reference)
		if err != nil {
			return err
		}
		layer := filepath.Join(work, path.Base(p.path)+".tar")
		if tagged[tag], err = programImage(layer, p); err != nil {
			return fmt.Errorf("%s: %w", reference, err)
		}
	}
	return tarball.MultiWriteToFile(file, tagged)
}

// programImage makes the image of one program, of which the layer is kept in a
// file.
func programImage(file string, p program) (v1.Image, error) {
	return layerImage(file, func(a *archive) error {
		if p.base == "" {
			return a.copy(strings.TrimPrefix(p.path, "/"), 0o755, p.file)
		}
		if err := a.append(p.base); err != nil {
			return err
		}
		if err := a.text(strings.TrimPrefix(p.path, "/"), 0o755, []byte(proxyScript)); err != nil {
			return err
		}
		return a.copy("usr/local/lib/kube-proxy", 0o755, p.file)
	}, v1.Config{Entrypoint: []string{p.path}})
}

// layerImage makes an image of one layer, which is kept in a file.
func layerImage(file string, write func(*archive) error, settings v1.Config) (v1.Image, error) {
	if err := writeArchive(file, write); err != nil {
		return nil, err
	}
	// Every node unpacks these when it starts, and zstd is the quickest.
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return os.Open(file) },
		tarball.WithCompression(compression.ZStd))
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Config = settings
	config.Config.Env = []string{"PATH=" + systemPath}
	return mutate.ConfigFile(image, config)
}

// buildPause compiles the program of a sandbox from the source that Kubernetes'
// module carries. It also reaps the processes of pods that share their process
// namespace, so nothing simpler will do.
func buildPause(ctx context.Context, kubernetesModule, out, log string) error {
	source := filepath.Join(kubernetesModule, "build", "pause", "linux", "pause.c")
	c := command{log: log, args: []string{"gcc", "-Os", "-Wall", "-static", "-s", "-DVERSION=podproof", "-o", out, source}}
	return c.run(ctx)
}
