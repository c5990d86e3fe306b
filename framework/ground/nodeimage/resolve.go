// Package nodeimage finds, pulls or builds the image from which kind makes the
// nodes of a cluster. A build needs no image registry: Kubernetes and all that
// runs beside it are compiled from their Go modules, the rest is Debian.
package nodeimage

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/podproof/podproof/framework/ground/engine"
	"github.com/podproof/podproof/framework/progress"
)

// Source is where a node image came from.
type Source string

// The sources, in the order in which they are tried.
const (
	Asked  Source = "asked"  // the request named it
	Local  Source = "local"  // the engine had it already
	Pulled Source = "pulled" // kind's published image
	Built  Source = "built"  // from Go modules and Debian packages
)

// Request says which node image is wanted.
type Request struct {
	Image      string // the image to use, whatever it holds; "" lets Resolve find one
	Kubernetes string // "1.37", "1.37.2" or "v1.37.2"; "" is the newest that is supported
	CacheDir   string // where a build keeps its parts
	Offline    bool   // pull nothing
	Log        progress.Log
}

// Result is a node image that is in the engine.
type Result struct {
	Image      string
	Kubernetes string // for instance v1.37.2
	Source     Source
}

// ErrImage is wrapped when the image that was asked for cannot be had or is
// none of kind's nodes.
var ErrImage = errors.New("the node image asked for cannot be used")

// client is the part of an engine that is needed here.
type client interface {
	Command(ctx context.Context, args ...string) *exec.Cmd
	Output(ctx context.Context, args ...string) (string, error)
}

// Resolve gives a node image that is in the engine: the one asked for, else one
// that is there already, else kind's published image of the Kubernetes version,
// else one built here. Each source that is tried gets one line in the log. The
// error wraps ErrImage, ErrVersion, ErrTools, ErrDisk or ErrBuild, or is the
// context's.
func Resolve(ctx context.Context, e *engine.Engine, r Request) (*Result, error) {
	return resolve(ctx, e, r)
}

func resolve(ctx context.Context, engine client, r Request) (*Result, error) {
	if r.Log == nil {
		r.Log = progress.Discard()
	}
	if r.Image != "" {
		return asked(ctx, engine, r)
	}
	t, err := findTarget(r.Kubernetes)
	if err != nil {
		return nil, err
	}
	if result, err := local(ctx, engine, t, r.Log); result != nil || err != nil {
		return result, err
	}
	if result, err := pulled(ctx, engine, t, r); result != nil || err != nil {
		return result, err
	}
	return built(ctx, engine, t, r)
}

// asked uses the image that the request names.
func asked(ctx context.Context, engine client, r Request) (*Result, error) {
	if _, err := engine.Output(ctx, "image", "inspect", "--format", "{{.Id}}", r.Image); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if r.Offline {
			return nil, fmt.Errorf("%w: %s is not on this machine, and offline nothing is pulled", ErrImage, r.Image)
		}
		if err := pull(ctx, engine, r.Image, r.Log); err != nil {
			return nil, fmt.Errorf("%w: %s is not on this machine and could not be pulled: %w", ErrImage, r.Image, err)
		}
	}
	version, err := imageVersion(ctx, engine, r.Image)
	if err != nil {
		return nil, err
	}
	if want := r.Kubernetes; want != "" {
		if t, err := findTarget(want); err == nil && !t.allows(version) {
			return nil, fmt.Errorf("%w: %s holds Kubernetes %s, and %s was asked for; ask for one of the two", ErrImage, r.Image, version, want)
		}
	}
	r.Log.Info("node image: %s, as asked for (Kubernetes %s)", r.Image, version)
	return &Result{Image: r.Image, Kubernetes: version, Source: Asked}, nil
}

// imageVersion is the Kubernetes version that a node image names in its tag or
// in the file that kind reads.
func imageVersion(ctx context.Context, engine client, image string) (string, error) {
	tag, _, _ := strings.Cut(tagOf(image), "-")
	if minorOf(tag) != "" && strings.Count(tag, ".") == 2 {
		return "v" + strings.TrimPrefix(tag, "v"), nil
	}
	version, err := engine.Output(ctx, "run", "--rm", "--network", "none", "--entrypoint", "cat", image, "/kind/version")
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err != nil || minorOf(version) == "" {
		return "", fmt.Errorf("%w: %s is no node image of kind, there is no Kubernetes version in its /kind/version", ErrImage, image)
	}
	return version, nil
}

// local looks for an image that the engine has: the one that a build would
// make, then any of kind's own for the version.
func local(ctx context.Context, engine client, t target, log progress.Log) (*Result, error) {
	list, err := engine.Output(ctx, "image", "ls", "--digests", "--format", "{{.Repository}}:{{.Tag}}@{{.Digest}}")
	if err != nil {
		return nil, fmt.Errorf("listing the engine's images: %w", err)
	}
	published := ""
	for line := range strings.SplitSeq(list, "\n") {
		listed, digest, _ := strings.Cut(line, "@")
		if withoutHost(listed) == reference(t.Version) && t.allows(t.Build) {
			log.Info("node image: %s is on this machine", listed)
			return &Result{Image: listed, Kubernetes: t.Build, Source: Local}, nil
		}
		if image := t.kindImage(listed, digest); image != "" {
			published = image
		}
	}
	if published == "" {
		log.Info("node image: there is none for Kubernetes %s on this machine", t.wanted())
		return nil, nil
	}
	version, err := imageVersion(ctx, engine, published)
	if err != nil {
		return nil, err
	}
	log.Info("node image: %s is on this machine", published)
	return &Result{Image: published, Kubernetes: version, Source: Local}, nil
}

// withoutHost takes off the registry before the name of an image. podman puts
// one before every name, and people have mirrors.
func withoutHost(image string) string {
	host, rest, found := strings.Cut(image, "/")
	if found && (host == "localhost" || strings.ContainsAny(host, ".:")) {
		return rest
	}
	return image
}

// kindImage says under which name an image that the engine lists is kind's own
// for the target, or gives "". What was pulled by its digest has lost its tag.
func (t target) kindImage(listed, digest string) string {
	tag := tagOf(listed)
	wanted, wantedDigest, _ := strings.Cut(t.Published, "@")
	switch {
	case withoutHost(strings.TrimSuffix(listed, ":"+tag)) != "kindest/node":
		return ""
	case t.allows(tag):
		return listed
	case wantedDigest != "" && digest == wantedDigest && t.allows(tagOf(wanted)):
		return t.Published
	}
	return ""
}

// built makes the image, or waits for another process that makes it.
func built(ctx context.Context, engine client, t target, r Request) (*Result, error) {
	if !t.allows(t.Build) {
		return nil, fmt.Errorf("%w: Kubernetes %s is not on this machine and could not be pulled from kind's registry; %s can be built here, ask for %s",
			ErrVersion, t.exact, t.Build, t.Build)
	}
	if r.CacheDir == "" {
		return nil, errors.New("building a node image needs a cache directory, and none was given")
	}
	c := newCache(r.CacheDir)
	dir, err := filepath.Abs(c.dir)
	if err != nil {
		return nil, err
	}
	c.dir = dir
	release, err := lock(ctx, c.dir, r.Log)
	if err != nil {
		return nil, err
	}
	defer release()
	// Whoever held the lock may have made it.
	if result, err := local(ctx, engine, t, progress.Discard()); result != nil || err != nil {
		return result, err
	}
	r.Log.Info("node image: building Kubernetes %s from Go modules and Debian packages; this is done once", t.Build)
	image, err := build(ctx, t.Version, engine, c, r.Log)
	if err != nil {
		return nil, err
	}
	if err := removeOlder(ctx, engine, t.Version); err != nil {
		r.Log.Info("node image: one of an older recipe stays: %v", err)
	}
	return &Result{Image: image, Kubernetes: t.Build, Source: Built}, nil
}
