package build

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/podproof/podproof/framework/ground/component"
	"github.com/podproof/podproof/framework/progress"
)

// prepared is a component whose main module is being made.
type prepared struct {
	component.Component
	step  *planStep
	dir   string
	ready chan struct{}
}

// makeParts makes every part of the image, or finds it in the cache. Three things run at
// once: the modules of the components are downloaded, one after the other; the
// components whose modules are there are compiled; Debian is installed.
func (b *builder) makeParts(ctx context.Context, all []component.Component) error {
	var missing []*prepared
	for _, c := range all {
		key := c.Key(b.goTool.Version)
		if b.cache.Has(c.Part(), key) {
			b.parts[c.Name] = b.cache.Path(c.Part(), key)
			continue
		}
		step := b.plannedStep(laneCompile, "compile "+c.Name, "compile "+c.String(), usualCompile[c.Name])
		missing = append(missing, &prepared{c, step, filepath.Join(b.cache.Work(), "module-"+c.Name), make(chan struct{})})
	}
	if found := len(all) - len(missing); found > 0 {
		b.log.Info("node image: %d of %d components are in the cache", found, len(all))
	}
	var system *planStep
	if !b.cache.Has(rootfsPart, rootfsKey()) {
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

// download makes the main module of each component. It has no step of its own: the
// compiler's step waits for the first one, and runs beside the others.
func (b *builder) download(ctx context.Context, missing []*prepared) error {
	for _, c := range missing {
		if err := os.MkdirAll(c.dir, 0o755); err != nil {
			return err
		}
		if err := b.goTool.Prepare(ctx, c.Component, c.dir); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("%w: step %q: %w", ErrBuild, "download the modules of "+c.String(), err)
		}
		close(c.ready)
	}
	m, err := b.goTool.Download(ctx, kindModule, kindVersion())
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
			part, err := b.cache.Fill(c.Part(), c.Key(b.goTool.Version), func(dir string) error {
				return b.goTool.Build(ctx, c.Component, c.dir, dir, func(done, total int) {
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
		b.rootfs = b.cache.Path(rootfsPart, rootfsKey())
		return nil
	}
	return b.step(ctx, step, func(shown progress.Step) (note string, err error) {
		b.rootfs, err = b.cache.Fill(rootfsPart, rootfsKey(), func(dir string) error {
			return makeRootfs(ctx, dir, b.cache.Log("rootfs"), func(doing string) {
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
