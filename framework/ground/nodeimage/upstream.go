package nodeimage

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Upstream is Kubernetes' own end-to-end suite of a version, and the images that its
// pods run.
type Upstream struct {
	Suite  string // the compiled suite
	Images string // an archive, as docker save writes it
}

// Files of the part of the cache that makeUpstream makes.
const (
	upstreamSuite  = "e2e.test" // Ginkgo's tool only takes a file with that ending for a suite
	upstreamImages = "images.tar"
)

// upstreamRevision is raised when the code below makes something else of the same
// sources.
const upstreamRevision = 1

// upstreamPackage is the suite's package; it is a test, not a program.
const upstreamPackage = "test/e2e"

// busyboxPackage is the Debian package with a BusyBox that needs no library.
const busyboxPackage = "busybox-static"

// usualUpstream is what building takes on two cores that have built Kubernetes before.
const usualUpstream = 3 * time.Minute

// upstreamComponent is the suite and the programs of its images that are written in Go.
func upstreamComponent(version string) component {
	c := kubernetes(version)
	c.Name, c.Packages = "kubernetes-e2e", []string{upstreamPackage, "test/images/agnhost", "test/images/nonewprivs"}
	return c
}

// Upstream gives the end-to-end suite of the workshop's Kubernetes version. Where it is
// not in the cache it is built, which takes minutes.
func (w *Workshop) Upstream(ctx context.Context) (Upstream, error) {
	c := upstreamComponent(w.version.Build)
	key := keyOf(struct {
		Component, Busybox string
		Revision           int
	}{c.key(w.goTool.version), busyboxPackage, upstreamRevision})
	dir, err := w.cache.fill(c.part(), key, func(dir string) error {
		step := w.log.Step("build Kubernetes' own end-to-end suite "+c.Version, usualUpstream)
		if err := w.makeUpstream(ctx, c, dir, step.Update); err != nil {
			step.Fail(err)
			return err
		}
		step.Done("")
		return nil
	})
	return Upstream{Suite: filepath.Join(dir, upstreamSuite), Images: filepath.Join(dir, upstreamImages)}, err
}

// makeUpstream builds the suite and its images into dir.
func (w *Workshop) makeUpstream(ctx context.Context, c component, dir string, doing func(string)) error {
	log := w.cache.log(c.Name)
	main, err := w.mainModule(ctx, c)
	if err != nil {
		return err
	}
	module, err := w.goTool.download(ctx, c.Module, c.Version)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp(w.cache.work(), "upstream-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)

	doing("compiling the programs of its images")
	programs := c
	programs.Packages = c.Packages[1:]
	build := append([]string{"build", "-o", work + string(filepath.Separator)}, c.flags()...)
	if err := w.gently(main, c, append(build, programs.imports()...)).run(ctx); err != nil {
		return err
	}
	doing("compiling the suite")
	suite := filepath.Join(dir, upstreamSuite)
	// Vetting it, with all that it imports, takes longer than compiling it.
	test := append([]string{"test", "-c", "-vet=off", "-o", suite}, c.flags()...)
	if err := w.gently(main, c, append(test, c.Module+"/"+upstreamPackage)).run(ctx); err != nil {
		return err
	}
	doing("making its images")
	if err := buildPause(ctx, module.Dir, filepath.Join(work, "pause"), log); err != nil {
		return fmt.Errorf("the pause program, which takes a C compiler and the static C library (gcc, libc6-dev): %w", err)
	}
	if err := unpackDebian(ctx, busyboxPackage, work, log); err != nil {
		return err
	}
	busybox := filepath.Join(work, "bin", "busybox")
	applets, err := command{args: []string{busybox, "--list"}}.output(ctx)
	if err != nil {
		return err
	}
	references, err := command{args: []string{suite, "--list-images"}}.output(ctx)
	if err != nil {
		return err
	}
	made := upstreamSources{programs: work, module: module.Dir, busybox: busybox, applets: strings.Fields(applets)}
	return made.write(filepath.Join(dir, upstreamImages), strings.Fields(references))
}

// unpackDebian unpacks a Debian package into a directory, without installing it.
func unpackDebian(ctx context.Context, name, dir, log string) error {
	download := command{dir: dir, log: log, args: []string{"apt-get", "download", name}}
	err := download.run(ctx)
	if err != nil && ctx.Err() == nil {
		// Without lists of packages it finds none.
		if err = (command{log: log, args: []string{"apt-get", "update"}}).run(ctx); err == nil {
			err = download.run(ctx)
		}
	}
	if err != nil {
		return fmt.Errorf("%w: the Debian package %s, which an image is made of, cannot be had: %w", ErrTools, name, err)
	}
	files, err := filepath.Glob(filepath.Join(dir, name+"_*.deb"))
	if err != nil || len(files) != 1 {
		return errors.Join(err, fmt.Errorf("apt-get download %s left %d files", name, len(files)))
	}
	return command{log: log, args: []string{"dpkg-deb", "--extract", files[0], dir}}.run(ctx)
}

// upstreamSources is what the images are made of.
type upstreamSources struct {
	programs string // directory with what was built
	module   string // directory of Kubernetes' module
	busybox  string
	applets  []string
}

// upstreamImage is an image that is made for the suite.
type upstreamImage struct {
	layer  func(s upstreamSources, a *archive) error
	config v1.Config
}

// What the suite's images are, by the repository that it asks for. Specs that need
// others are left out (package upstream). In the place of Alpine's there are programs of
// Debian's BusyBox; of what Alpine adds to agnhost only curl is there, as far as two
// specs on hooks use it.
var upstreamRepositories = map[string]upstreamImage{
	"registry.k8s.io/e2e-test-images/agnhost": {
		layer:  upstreamSources.agnhost,
		config: v1.Config{Entrypoint: []string{"/agnhost"}, Cmd: []string{"pause"}, WorkingDir: "/"},
	},
	"registry.k8s.io/e2e-test-images/busybox": {
		layer:  upstreamSources.userland,
		config: v1.Config{Cmd: []string{"sh"}},
	},
	"registry.k8s.io/e2e-test-images/nonewprivs": {
		layer:  upstreamSources.nonewprivs,
		config: v1.Config{Cmd: []string{"nnp"}},
	},
	"registry.k8s.io/pause": {
		layer:  upstreamSources.pause,
		config: v1.Config{Entrypoint: []string{"/pause"}, User: "65535:65535"},
	},
}

const (
	upstreamPasswd = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
	upstreamGroup  = "root:x:0:\nnogroup:x:65534:\n"
	// The user and group that a spec on supplemental groups finds in agnhost.
	agnhostPasswd = upstreamPasswd + "user-defined-in-image:x:1000:1000:user:/:/bin/sh\n"
	agnhostGroup  = upstreamGroup + "user-defined-in-image:x:1000:\ngroup-defined-in-image:x:50000:user-defined-in-image\n"
	// curl as the hooks of two specs call it: with a URL.
	agnhostCurl = "#!/bin/sh\nexec wget -q -O - \"$1\"\n"
)

// write makes the images to which the references belong, as far as they are known here.
func (s upstreamSources) write(file string, references []string) error {
	tagged := make(map[name.Tag]v1.Image)
	for _, reference := range references {
		repository, _, _ := strings.Cut(reference, ":")
		made, known := upstreamRepositories[repository]
		if !known {
			continue
		}
		tag, err := name.NewTag(reference)
		if err != nil {
			return err
		}
		// Runtimes know an image by its configuration: two versions must differ in it.
		config := *made.config.DeepCopy()
		config.Labels = map[string]string{"podproof.test/made-for": reference}
		layer := filepath.Join(s.programs, path.Base(repository)+".tar")
		if tagged[tag], err = layerImage(layer, func(a *archive) error { return made.layer(s, a) }, config); err != nil {
			return fmt.Errorf("%s: %w", reference, err)
		}
	}
	return tarball.MultiWriteToFile(file, tagged)
}

func (s upstreamSources) userland(a *archive) error {
	return errors.Join(
		s.addBusybox(a),
		a.text("etc/passwd", 0o644, []byte(upstreamPasswd)), a.text("etc/group", 0o644, []byte(upstreamGroup)))
}

func (s upstreamSources) agnhost(a *archive) error {
	certificates := filepath.Join(s.module, "test", "images", "agnhost", "porter")
	return errors.Join(
		s.addBusybox(a),
		a.text("etc/passwd", 0o644, []byte(agnhostPasswd)), a.text("etc/group", 0o644, []byte(agnhostGroup)),
		a.text("usr/bin/curl", 0o755, []byte(agnhostCurl)),
		a.copy("agnhost", 0o755, filepath.Join(s.programs, "agnhost")), a.link("agnhost-2", "agnhost"), a.dir("uploads"),
		a.copy("localhost.crt", 0o644, filepath.Join(certificates, "localhost.crt")),
		a.copy("localhost.key", 0o644, filepath.Join(certificates, "localhost.key")))
}

func (s upstreamSources) nonewprivs(a *archive) error {
	// Set-user-ID root is what the spec is about.
	return errors.Join(s.userland(a), a.copy("usr/local/bin/nnp", 0o4755, filepath.Join(s.programs, "nonewprivs")))
}

func (s upstreamSources) pause(a *archive) error {
	return a.copy("pause", 0o755, filepath.Join(s.programs, "pause"))
}

// addBusybox writes BusyBox under all of its names, and the directories that people
// expect beside them.
func (s upstreamSources) addBusybox(a *archive) error {
	errs := []error{
		a.copy("bin/busybox", 0o755, s.busybox), a.dir("root"), a.dir("home"), a.dir("var"), a.dir("usr/sbin"),
		a.header(&tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777}),
	}
	for _, applet := range s.applets {
		if applet != "busybox" {
			errs = append(errs, a.link("bin/"+applet, "busybox"))
		}
	}
	return errors.Join(errs...)
}
