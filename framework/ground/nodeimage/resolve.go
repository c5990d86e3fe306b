// Package nodeimage finds, pulls or builds the image from which kind makes the nodes of
// a cluster.
package nodeimage

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/podproof/podproof/fixtures/versions"
	"github.com/podproof/podproof/framework/ground/engine"
	"github.com/podproof/podproof/framework/ground/nodeimage/build"
	"github.com/podproof/podproof/framework/ground/parts"
	"github.com/podproof/podproof/framework/progress"
)

// Source is where a node image came from.
type Source string

// The sources, in the order in which they are tried.
const (
	Asked  Source = "asked"  // named by the request
	Local  Source = "local"  // in the engine already
	Pulled Source = "pulled" // kind's published image
	Built  Source = "built"  // from Go modules and Debian packages
)

// Request says which node image is wanted.
type Request struct {
	Image      string // the image to use; "" lets Resolve find one
	Kubernetes string // "1.37", "1.37.2" or "v1.37.2"; "" is the newest supported version
	CacheDir   string // where a build keeps its parts
	Offline    bool   // do not pull
	Log        progress.Log
}

// Result is a node image that is in the engine.
type Result struct {
	Image      string
	Kubernetes string // for instance v1.37.2
	Source     Source
}

// ErrImage is wrapped when the requested image cannot be pulled, or is not a node image
// of kind.
var ErrImage = errors.New("the requested node image cannot be used")

// Resolve returns a node image that is in the engine. It takes the requested image, else
// one that the engine has already, else kind's published image of the Kubernetes version,
// else it builds one. Each of these gets a line in the log. The error wraps ErrImage,
// versions.ErrUnsupported or an error of building, or is the context's.
func Resolve(ctx context.Context, e *engine.Engine, r Request) (*Result, error) {
	if r.Log == nil {
		r.Log = progress.Discard()
	}
	if r.Image != "" {
		return asked(ctx, e, r)
	}
	t, err := versions.FindTarget(r.Kubernetes)
	if err != nil {
		return nil, err
	}
	if result, err := local(ctx, e, t, r.Log); result != nil || err != nil {
		return result, err
	}
	if result, err := pulled(ctx, e, t, r); result != nil || err != nil {
		return result, err
	}
	return built(ctx, e, t, r)
}

// asked uses the image that the request names.
func asked(ctx context.Context, e *engine.Engine, r Request) (*Result, error) {
	if _, err := e.Output(ctx, "image", "inspect", "--format", "{{.Id}}", r.Image); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if r.Offline {
			return nil, fmt.Errorf("%w: %s is not on this machine, and an offline run pulls nothing", ErrImage, r.Image)
		}
		if err := pull(ctx, e, r.Image, r.Log); err != nil {
			return nil, fmt.Errorf("%w: %s is not on this machine and could not be pulled: %w", ErrImage, r.Image, err)
		}
	}
	version, err := imageVersion(ctx, e, r.Image)
	if err != nil {
		return nil, err
	}
	if want := r.Kubernetes; want != "" {
		if t, err := versions.FindTarget(want); err == nil && !t.Allows(version) {
			return nil, fmt.Errorf("%w: %s holds Kubernetes %s, not the requested %s; leave out the image or the version", ErrImage, r.Image, version, want)
		}
	}
	r.Log.Info("node image: %s, as requested (Kubernetes %s)", r.Image, version)
	return &Result{Image: r.Image, Kubernetes: version, Source: Asked}, nil
}

// imageVersion is the Kubernetes version of a node image, from its tag or from the file
// that kind reads.
func imageVersion(ctx context.Context, e *engine.Engine, image string) (string, error) {
	tag, _, _ := strings.Cut(versions.Tag(image), "-")
	if versions.Minor(tag) != "" && strings.Count(tag, ".") == 2 {
		return "v" + strings.TrimPrefix(tag, "v"), nil
	}
	version, err := e.Output(ctx, "run", "--rm", "--network", "none", "--entrypoint", "cat", image, "/kind/version")
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err != nil || versions.Minor(version) == "" {
		return "", fmt.Errorf("%w: %s is not a node image of kind: its /kind/version names no Kubernetes version", ErrImage, image)
	}
	return version, nil
}

// local looks for an image in the engine: the one that a build would make, then any of
// kind's own for the version.
func local(ctx context.Context, e *engine.Engine, t versions.Target, log progress.Log) (*Result, error) {
	list, err := e.Output(ctx, "image", "ls", "--digests", "--format", "{{.Repository}}:{{.Tag}}@{{.Digest}}")
	if err != nil {
		return nil, fmt.Errorf("listing the engine's images: %w", err)
	}
	published := ""
	for line := range strings.SplitSeq(list, "\n") {
		listed, digest, _ := strings.Cut(line, "@")
		if withoutHost(listed) == build.Reference(t.Version) && t.Allows(t.Build) {
			log.Info("node image: %s is on this machine", listed)
			return &Result{Image: listed, Kubernetes: t.Build, Source: Local}, nil
		}
		if image := kindImage(t, listed, digest); image != "" {
			published = image
		}
	}
	if published == "" {
		log.Info("node image: this machine has none for Kubernetes %s", t)
		return nil, nil
	}
	version, err := imageVersion(ctx, e, published)
	if err != nil {
		return nil, err
	}
	log.Info("node image: %s is on this machine", published)
	return &Result{Image: published, Kubernetes: version, Source: Local}, nil
}

// withoutHost removes the registry from the name of an image. podman puts one before
// every name, and some users have mirrors.
func withoutHost(image string) string {
	host, rest, found := strings.Cut(image, "/")
	if found && (host == "localhost" || strings.ContainsAny(host, ".:")) {
		return rest
	}
	return image
}

// kindImage returns the name under which a listed image is kind's own for the target, or
// "". An image that was pulled by its digest has lost its tag.
func kindImage(t versions.Target, listed, digest string) string {
	tag := versions.Tag(listed)
	wanted, wantedDigest, _ := strings.Cut(t.Published, "@")
	switch {
	case withoutHost(strings.TrimSuffix(listed, ":"+tag)) != "kindest/node":
		return ""
	case t.Allows(tag):
		return listed
	case wantedDigest != "" && digest == wantedDigest && t.Allows(versions.Tag(wanted)):
		return t.Published
	}
	return ""
}

// built builds the image, or waits for another process that builds it.
func built(ctx context.Context, e *engine.Engine, t versions.Target, r Request) (*Result, error) {
	if !t.Allows(t.Build) {
		return nil, fmt.Errorf("%w: the image of Kubernetes %s is not on this machine and could not be pulled from kind's registry; %s can be built here, so ask for %s",
			versions.ErrUnsupported, t.Patch, t.Build, t.Build)
	}
	if r.CacheDir == "" {
		return nil, errors.New("building a node image needs a cache directory, and none was given")
	}
	dir, err := filepath.Abs(r.CacheDir)
	if err != nil {
		return nil, err
	}
	cache := parts.Cache{Dir: filepath.Join(dir, "nodeimage")}
	release, err := lock(ctx, cache.Dir, r.Log)
	if err != nil {
		return nil, err
	}
	defer release()
	// The process that held the lock may have built the image.
	if result, err := local(ctx, e, t, progress.Discard()); result != nil || err != nil {
		return result, err
	}
	r.Log.Info("node image: building Kubernetes %s from Go modules and Debian packages; this is done once", t.Build)
	image, err := build.Image(ctx, t.Version, e, cache, r.Log)
	if err != nil {
		return nil, err
	}
	if err := build.RemoveOlder(ctx, e, t.Version); err != nil {
		r.Log.Info("node image: an image of an older recipe stays: %v", err)
	}
	return &Result{Image: image, Kubernetes: t.Build, Source: Built}, nil
}
