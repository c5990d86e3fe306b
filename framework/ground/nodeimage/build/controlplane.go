package build

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/podproof/podproof/framework/ground/process"
	"github.com/podproof/podproof/framework/oci"
)

// program is what a control-plane image runs.
type program struct {
	file string // on this machine
	path string // in the image; kubeadm's manifests expect it there
	base string // an archive to put below it, or ""
}

// controlPlaneImages asks kubeadm for its images, and returns the program that each of
// them runs.
func controlPlaneImages(ctx context.Context, kubeadm, kubernetes, pause string, programs map[string]program) (map[string]program, error) {
	list := process.Command{Args: []string{kubeadm, "config", "images", "list", "--kubernetes-version", kubernetes}}
	out, err := list.Output(ctx)
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

// programImage makes the image of one program, and keeps its layer in a file.
func programImage(file string, p program) (v1.Image, error) {
	layer, err := oci.FileLayer(file, p.write)
	if err != nil {
		return nil, err
	}
	return oci.Image(layer, runtime.GOARCH, v1.Config{Entrypoint: []string{p.path}, Env: []string{"PATH=" + oci.SystemPath}})
}

// write writes the files of the program's image.
func (p program) write(a *oci.Archive) error {
	inImage := strings.TrimPrefix(p.path, "/")
	if p.base == "" {
		return a.Copy(inImage, 0o755, p.file)
	}
	return errors.Join(
		a.Append(p.base), a.Text(inImage, 0o755, []byte(proxyScript)), a.Copy("usr/local/lib/kube-proxy", 0o755, p.file))
}
