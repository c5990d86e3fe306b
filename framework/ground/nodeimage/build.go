package nodeimage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/podproof/podproof/framework/progress"
)

// Repository is the name, without the tag, of the images that are built here.
const Repository = "podproof/node"

// recipeRevision is raised when the code of this package makes something else
// of the same inputs, so that older images are not taken for it.
const recipeRevision = 2

// recipe hashes all that decides what the node image of a version contains. The
// version of Go is not part of it: a new one is no reason to spend ten minutes
// on an image that would behave the same, and an image that is there must be
// found without Go.
func recipe(v Version) string {
	return keyOf(struct {
		Kind, Arch, Rootfs string
		Components         []component
		Storage, Proxy     string
		Revision           int
	}{kindVersion(), runtime.GOARCH, rootfsKey(), components(v), storageManifest, proxyScript, recipeRevision})
}

// reference is the name of the image that a build of the version makes.
func reference(v Version) string { return Repository + ":" + v.Build + "-" + recipe(v) }

// ErrBuild is wrapped when building a node image failed. The message names the
// step and repeats the last lines of its output.
var ErrBuild = errors.New("the node image could not be built")

// builder builds the node image of one version.
type builder struct {
	version Version
	engine  client
	cache   cache
	log     progress.Log
	goTool  *goTool
	plan    *plan
	timings *timings
	kindDir string
	parts   map[string]string // directory of each built component, by its name
	rootfs  string
	packing *planStep
	loading *planStep
}

// build makes the image and gives its reference. The caller holds the lock.
func build(ctx context.Context, v Version, engine client, c cache, log progress.Log) (string, error) {
	b := &builder{
		version: v, engine: engine, cache: c, log: log,
		plan: &plan{now: time.Now}, timings: loadTimings(c.dir), parts: make(map[string]string),
	}
	if err := c.clear(); err != nil {
		return "", err
	}
	defer os.RemoveAll(c.work())
	var err error
	if b.goTool, err = newGoTool(ctx, c); err != nil {
		return "", err
	}
	all := components(v)
	if err := b.checkDisk(ctx, all); err != nil {
		return "", err
	}
	if err := ensureTools(ctx, requirements(), log, c.log("apt")); err != nil {
		return "", err
	}
	if err := b.makeParts(ctx, all); err != nil {
		return "", err
	}
	if err := b.assemble(ctx); err != nil {
		return "", err
	}
	return reference(v), c.keep(wantedParts())
}

// wantedParts are the names of the parts of all supported versions.
func wantedParts() map[string]bool {
	names := map[string]bool{rootfsPart: true}
	for _, v := range versions() {
		for _, c := range components(v) {
			names[c.part()] = true
		}
	}
	return names
}

// plannedStep adds a step to the plan with what it took before.
func (b *builder) plannedStep(lane, key, name string, usual effort) *planStep {
	return b.plan.add(lane, key, name, b.timings.estimate(key, usual))
}

// step announces and times one step of the plan, and wraps its error.
func (b *builder) step(ctx context.Context, s *planStep, do func(shown progress.Step) (string, error)) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s.start()
	shown := b.log.Step("node image: "+s.name, s.usual.duration())
	shown.Update(b.plan.leftText())
	note, err := do(shown)
	if ctx.Err() != nil {
		// What ended the build is said by whoever met it.
		shown.Fail(errors.New("stopped"))
		return context.Cause(ctx)
	}
	if err != nil {
		shown.Fail(err)
		return fmt.Errorf("%w: step %q: %w", ErrBuild, s.name, err)
	}
	took := b.plan.now().Sub(s.started)
	s.finish()
	shown.Done(note)
	return b.timings.record(s.key, effort{took.Seconds(), s.packages}, s.usual)
}

// prepared is a component for which a main module is being made.
type prepared struct {
	component
	step  *planStep
	dir   string
	ready chan struct{}
}

// makeParts makes, or finds in the cache, every part of the image. Three things
// go on at once: the modules of the components are downloaded, one after the
// other; those that are there are compiled; Debian is installed.
func (b *builder) makeParts(ctx context.Context, all []component) error {
	var missing []*prepared
	for _, c := range all {
		key := c.key(b.goTool.version)
		if b.cache.has(c.part(), key) {
			b.parts[c.Name] = b.cache.part(c.part(), key)
			continue
		}
		step := b.plannedStep(laneCompile, "compile "+c.Name, "compile "+c.String(), c.usual)
		missing = append(missing, &prepared{c, step, filepath.Join(b.cache.work(), "module-"+c.Name), make(chan struct{})})
	}
	if found := len(all) - len(missing); found > 0 {
		b.log.Info("node image: %d of %d components were built before", found, len(all))
	}
	var system *planStep
	if !b.cache.has(rootfsPart, rootfsKey()) {
		name := "install Debian " + suite
		system = b.plannedStep(laneSystem, name, name, usualRootfs)
	}
	b.packing = b.plannedStep(laneAssemble, stepControlPlane, stepControlPlane, usualControlPlane)
	b.loading = b.plannedStep(laneAssemble, stepLoad, stepLoad, usualLoad)

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return b.download(ctx, missing) })
	group.Go(func() error { return b.compile(ctx, missing) })
	group.Go(func() error { return b.install(ctx, system) })
	return group.Wait()
}

// download makes the main module of each component. It has no step of its own:
// the compiler's step is waiting for the first, and hides the others.
func (b *builder) download(ctx context.Context, missing []*prepared) error {
	for _, c := range missing {
		if err := os.MkdirAll(c.dir, 0o755); err != nil {
			return err
		}
		if err := b.goTool.prepare(ctx, c.component, c.dir); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("%w: step %q: %w", ErrBuild, "download the modules of "+c.String(), err)
		}
		close(c.ready)
	}
	m, err := b.goTool.download(ctx, kindModule, kindVersion())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBuild, err)
	}
	b.kindDir = m.Dir
	return nil
}

func (b *builder) compile(ctx context.Context, missing []*prepared) error {
	for _, c := range missing {
		err := b.step(ctx, c.step, func(shown progress.Step) (string, error) {
			select {
			case <-c.ready:
			default:
				shown.Update("downloading its modules; " + b.plan.leftText())
			}
			select {
			case <-c.ready:
			case <-ctx.Done():
				return "", context.Cause(ctx)
			}
			part, err := b.cache.fill(c.part(), c.key(b.goTool.version), func(dir string) error {
				return b.goTool.build(ctx, c.component, c.dir, dir, func(done, total int) {
					c.step.progress(done, total)
					shown.Update(fmt.Sprintf("%d of %d packages; %s", done, total, b.plan.leftText()))
				})
			})
			b.parts[c.Name] = part
			return fmt.Sprintf("%d packages", c.step.packages), err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) install(ctx context.Context, step *planStep) error {
	if step == nil {
		b.rootfs = b.cache.part(rootfsPart, rootfsKey())
		return nil
	}
	return b.step(ctx, step, func(shown progress.Step) (note string, err error) {
		b.rootfs, err = b.cache.fill(rootfsPart, rootfsKey(), func(dir string) error {
			return makeRootfs(ctx, dir, b.cache.log("rootfs"), func(doing string) {
				shown.Update(doing + "; " + b.plan.leftText())
			})
		})
		return sizeOf(filepath.Join(b.rootfs, rootfsFile)), err
	})
}

func sizeOf(file string) string {
	info, err := os.Stat(file)
	if err != nil {
		return ""
	}
	return megabytes(uint64(info.Size()))
}
