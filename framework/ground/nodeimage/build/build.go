// Package build makes a node image of kind. It needs no image registry: Kubernetes and
// everything that runs beside it are compiled from their Go modules, the rest is Debian.
package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/podproof/podproof/fixtures/versions"
	"github.com/podproof/podproof/framework/ground/component"
	"github.com/podproof/podproof/framework/ground/engine"
	"github.com/podproof/podproof/framework/ground/parts"
	"github.com/podproof/podproof/framework/progress"
)

// ErrBuild is wrapped when a build fails. The message names the step and repeats the
// last lines of its output.
var ErrBuild = errors.New("the node image could not be built")

// builder builds the node image of one version.
type builder struct {
	version versions.Version
	engine  *engine.Engine
	cache   parts.Cache
	log     progress.Log
	goTool  *component.GoTool
	plan    *plan
	timings *timings
	kindDir string
	parts   map[string]string // the directory of each built component, by its name
	rootfs  string
	packing *planStep
	loading *planStep
}

// Image builds the node image of a version in the engine and returns its reference. The
// caller holds the lock of the cache. The error wraps component.ErrTools, ErrDisk or
// ErrBuild, or is the context's.
func Image(ctx context.Context, v versions.Version, e *engine.Engine, c parts.Cache, log progress.Log) (string, error) {
	b := &builder{
		version: v, engine: e, cache: c, log: log,
		plan: &plan{now: time.Now}, timings: loadTimings(c.Dir), parts: make(map[string]string),
	}
	if err := c.Clear(); err != nil {
		return "", err
	}
	defer os.RemoveAll(c.Work())
	var err error
	if b.goTool, err = component.NewGoTool(ctx, c); err != nil {
		return "", err
	}
	all := component.All(v)
	if err := b.checkDisk(ctx, all); err != nil {
		return "", err
	}
	if err := ensureTools(ctx, requirements(), log, c.Log("apt")); err != nil {
		return "", err
	}
	if err := b.makeParts(ctx, all); err != nil {
		return "", err
	}
	if err := b.assemble(ctx); err != nil {
		return "", err
	}
	return Reference(v), c.Keep(wantedParts())
}

// wantedParts are the names of the parts of all supported versions.
func wantedParts() map[string]bool {
	names := map[string]bool{rootfsPart: true}
	for _, v := range versions.Supported() {
		for _, c := range component.All(v) {
			names[c.Part()] = true
		}
	}
	return names
}

// plannedStep adds a step to the plan, with the time that it took before.
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
		// The step that failed says what ended the build.
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
