package upstream

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/podproof/podproof/framework/oci"
)

// sources are what the images are made of.
type sources struct {
	programs string // directory with what was built
	module   string // directory of Kubernetes' module
	busybox  string
	applets  []string
}

// suiteImage is an image that the suite asks for.
type suiteImage struct {
	layer  func(s sources, a *oci.Archive) error
	config v1.Config
}

// repositories are the suite's images, by the repository that it asks for. Specs that
// need other images are left out. The images have Debian's BusyBox instead of Alpine's
// programs. Of what Alpine adds to agnhost they only have curl, as far as two specs on
// hooks use it.
var repositories = map[string]suiteImage{
	"registry.k8s.io/e2e-test-images/agnhost": {
		layer:  sources.agnhost,
		config: v1.Config{Entrypoint: []string{"/agnhost"}, Cmd: []string{"pause"}, WorkingDir: "/"},
	},
	"registry.k8s.io/e2e-test-images/busybox": {
		layer:  sources.userland,
		config: v1.Config{Cmd: []string{"sh"}},
	},
	"registry.k8s.io/e2e-test-images/nonewprivs": {
		layer:  sources.nonewprivs,
		config: v1.Config{Cmd: []string{"nnp"}},
	},
	"registry.k8s.io/pause": {
		layer:  sources.pause,
		config: v1.Config{Entrypoint: []string{"/pause"}, User: "65535:65535"},
	},
}

const (
	passwd = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
	group  = "root:x:0:\nnogroup:x:65534:\n"
	// The user and group that a spec on supplemental groups finds in agnhost.
	agnhostPasswd = passwd + "user-defined-in-image:x:1000:1000:user:/:/bin/sh\n"
	agnhostGroup  = group + "user-defined-in-image:x:1000:\ngroup-defined-in-image:x:50000:user-defined-in-image\n"
	// curl as the hooks of two specs call it: with a URL.
	agnhostCurl = "#!/bin/sh\nexec wget -q -O - \"$1\"\n"
)

// write makes the images of the references, as far as repositories has them.
func (s sources) write(file string, references []string) error {
	tagged := make(map[name.Tag]v1.Image)
	for _, reference := range references {
		repository, _, _ := strings.Cut(reference, ":")
		made, known := repositories[repository]
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
		if tagged[tag], err = s.image(repository, made, config); err != nil {
			return fmt.Errorf("%s: %w", reference, err)
		}
	}
	return tarball.MultiWriteToFile(file, tagged)
}

func (s sources) image(repository string, made suiteImage, config v1.Config) (v1.Image, error) {
	file := filepath.Join(s.programs, path.Base(repository)+".tar")
	layer, err := oci.FileLayer(file, func(a *oci.Archive) error { return made.layer(s, a) })
	if err != nil {
		return nil, err
	}
	config.Env = []string{"PATH=" + oci.SystemPath}
	return oci.Image(layer, runtime.GOARCH, config)
}

func (s sources) userland(a *oci.Archive) error {
	return errors.Join(
		s.addBusybox(a),
		a.Text("etc/passwd", 0o644, []byte(passwd)), a.Text("etc/group", 0o644, []byte(group)))
}

func (s sources) agnhost(a *oci.Archive) error {
	certificates := filepath.Join(s.module, "test", "images", "agnhost", "porter")
	return errors.Join(
		s.addBusybox(a),
		a.Text("etc/passwd", 0o644, []byte(agnhostPasswd)), a.Text("etc/group", 0o644, []byte(agnhostGroup)),
		a.Text("usr/bin/curl", 0o755, []byte(agnhostCurl)),
		a.Copy("agnhost", 0o755, filepath.Join(s.programs, "agnhost")), a.Link("agnhost-2", "agnhost"), a.Dir("uploads"),
		a.Copy("localhost.crt", 0o644, filepath.Join(certificates, "localhost.crt")),
		a.Copy("localhost.key", 0o644, filepath.Join(certificates, "localhost.key")))
}

func (s sources) nonewprivs(a *oci.Archive) error {
	// Set-user-ID root is what the spec is about.
	return errors.Join(s.userland(a), a.Copy("usr/local/bin/nnp", 0o4755, filepath.Join(s.programs, "nonewprivs")))
}

func (s sources) pause(a *oci.Archive) error {
	return a.Copy("pause", 0o755, filepath.Join(s.programs, "pause"))
}

// addBusybox writes BusyBox under all of its names, and the usual directories.
func (s sources) addBusybox(a *oci.Archive) error {
	errs := []error{
		a.Copy("bin/busybox", 0o755, s.busybox), a.Dir("root"), a.Dir("home"), a.Dir("var"), a.Dir("usr/sbin"),
		a.Scratch("tmp"),
	}
	for _, applet := range s.applets {
		if applet != "busybox" {
			errs = append(errs, a.Link("bin/"+applet, "busybox"))
		}
	}
	return errors.Join(errs...)
}
