package build

import (
	"context"
	"errors"
	"runtime"
	"strings"

	"github.com/podproof/podproof/fixtures/versions"
	"github.com/podproof/podproof/framework/ground/component"
	"github.com/podproof/podproof/framework/ground/engine"
	"github.com/podproof/podproof/framework/ground/parts"
)

// Repository is the name, without the tag, of the images that podproof builds.
const Repository = "podproof/node"

// recipeRevision is raised when this package makes something else of the same inputs,
// so that older images are not used any more.
const recipeRevision = 2

// recipe hashes all that decides what the node image of a version contains. The version
// of Go is not part of it: a new one is no reason to spend ten minutes on an image that
// behaves the same, and a machine without Go finds the image, too.
func recipe(v versions.Version) string {
	return parts.Key(struct {
		Kind, Arch, Rootfs string
		Components         []component.Component
		Storage, Proxy     string
		Revision           int
	}{kindVersion(), runtime.GOARCH, rootfsKey(), component.All(v), storageManifest, proxyScript, recipeRevision})
}

// Reference is the name of the image that a build of the version makes.
func Reference(v versions.Version) string { return Repository + ":" + v.Build + "-" + recipe(v) }

// RemoveOlder removes the images that older recipes made of the same version. An image
// that a cluster still uses stays, and is an error of the engine.
func RemoveOlder(ctx context.Context, e *engine.Engine, v versions.Version) error {
	list, err := e.Output(ctx, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}")
	if err != nil {
		return err
	}
	var errs []error
	for image := range strings.SplitSeq(list, "\n") {
		// podman puts this before the name of a local image.
		name := strings.TrimPrefix(image, "localhost/")
		if strings.HasPrefix(name, Repository+":"+v.Build+"-") && name != Reference(v) {
			_, err := e.Output(ctx, "image", "rm", image)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
