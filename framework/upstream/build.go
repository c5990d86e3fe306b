package upstream

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/podproof/podproof/framework/ground/component"
	"github.com/podproof/podproof/framework/ground/debian"
	"github.com/podproof/podproof/framework/ground/process"
	"github.com/podproof/podproof/framework/ground/workshop"
)

// built is the suite of a Kubernetes version, and the images of its Pods.
type built struct {
	suite  string // the compiled suite
	images string // an archive in the format of docker save
}

// Files in the directory of what is built.
const (
	suiteFile  = "e2e.test" // Ginkgo's tool takes only files with this ending for suites
	imagesFile = "images.tar"
)

// buildRevision is raised when this package makes something else of the same sources.
const buildRevision = 1

// suitePackage is the suite's package; it is a test, not a program.
const suitePackage = "test/e2e"

// busyboxPackage is the Debian package of a BusyBox that needs no library.
const busyboxPackage = "busybox-static"

// usualBuild is the time of a build on two cores that have built Kubernetes before.
const usualBuild = 3 * time.Minute

// suiteComponent is the suite, and the programs of its images that are written in Go.
func suiteComponent(version string) component.Component {
	c := component.Kubernetes(version)
	c.Name, c.Packages = "kubernetes-e2e", []string{suitePackage, "test/images/agnhost", "test/images/nonewprivs"}
	return c
}

// build returns the suite of the workshop's version of Kubernetes. When it is not in the
// workshop's cache it is built, which takes minutes.
func build(ctx context.Context, w *workshop.Workshop) (built, error) {
	c := suiteComponent(w.Kubernetes())
	dir, err := w.Part(c, partInputs(w.Key(c)), func(dir string) error {
		step := w.Log().Step("build Kubernetes' own end-to-end suite "+c.Version, usualBuild)
		if err := (builder{w, c}).into(ctx, dir, step.Update); err != nil {
			step.Fail(err)
			return err
		}
		step.Done("")
		return nil
	})
	return built{suite: filepath.Join(dir, suiteFile), images: filepath.Join(dir, imagesFile)}, err
}

// partInputs is what the key of the part is made of.
func partInputs(componentKey string) any {
	return struct {
		Component, Busybox string
		Revision           int
	}{componentKey, busyboxPackage, buildRevision}
}

// builder builds the suite and its images.
type builder struct {
	workshop  *workshop.Workshop
	component component.Component
}

// into builds the suite and its images into dir.
func (b builder) into(ctx context.Context, dir string, doing func(string)) error {
	module, err := b.workshop.Module(ctx, b.component)
	if err != nil {
		return err
	}
	work, err := b.workshop.Bench()
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)

	doing("compiling the programs of its images")
	if err := b.compilePrograms(ctx, work); err != nil {
		return err
	}
	doing("compiling the suite")
	suite := filepath.Join(dir, suiteFile)
	if err := b.compileSuite(ctx, suite); err != nil {
		return err
	}
	doing("making its images")
	s, err := b.sources(ctx, module, work)
	if err != nil {
		return err
	}
	references, err := process.Command{Args: []string{suite, "--list-images"}}.Output(ctx)
	if err != nil {
		return err
	}
	return s.write(filepath.Join(dir, imagesFile), strings.Fields(references))
}

func (b builder) compilePrograms(ctx context.Context, out string) error {
	programs := b.component
	programs.Packages = programs.Packages[1:]
	args := append([]string{"build", "-o", out + string(filepath.Separator)}, b.component.Flags()...)
	return b.workshop.Go(ctx, b.component, append(args, programs.Imports()...)...)
}

func (b builder) compileSuite(ctx context.Context, out string) error {
	// To vet it, with everything that it imports, takes longer than to compile it.
	args := append([]string{"test", "-c", "-vet=off", "-o", out}, b.component.Flags()...)
	return b.workshop.Go(ctx, b.component, append(args, b.component.Module+"/"+suitePackage)...)
}

// sources adds the programs that are not written in Go to those in work.
func (b builder) sources(ctx context.Context, module, work string) (sources, error) {
	log := b.workshop.LogFile(b.component)
	if err := component.BuildPause(ctx, module, filepath.Join(work, "pause"), log); err != nil {
		return sources{}, fmt.Errorf("the pause program needs a C compiler and the static C library (gcc, libc6-dev): %w", err)
	}
	if err := (debian.Apt{Log: log}).Unpack(ctx, busyboxPackage, work); err != nil {
		return sources{}, fmt.Errorf("%w: the Debian package %s, which images are made of, cannot be unpacked: %w", component.ErrTools, busyboxPackage, err)
	}
	busybox := filepath.Join(work, "bin", "busybox")
	applets, err := process.Command{Args: []string{busybox, "--list"}}.Output(ctx)
	if err != nil {
		return sources{}, err
	}
	return sources{programs: work, module: module, busybox: busybox, applets: strings.Fields(applets)}, nil
}
