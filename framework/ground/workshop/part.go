package workshop

import (
	"context"

	"github.com/podproof/podproof/framework/ground/component"
	"github.com/podproof/podproof/framework/ground/parts"
	"github.com/podproof/podproof/framework/progress"
)

// Kubernetes is the version of Kubernetes that the workshop was opened for.
func (w *Workshop) Kubernetes() string { return w.version.Build }

// Log tells the user about steps of the work.
func (w *Workshop) Log() progress.Log { return w.log }

// LogFile is the file that keeps the output of a component's programs.
func (w *Workshop) LogFile(c component.Component) string { return w.cache.Log(c.Name) }

// Key hashes what the component's programs are made of.
func (w *Workshop) Key(c component.Component) string { return c.Key(w.goTool.Version) }

// Part returns the directory of what create makes of a component. It is made once for all
// inputs that are the same.
func (w *Workshop) Part(c component.Component, inputs any, create func(dir string) error) (string, error) {
	return w.cache.Fill(c.Part(), parts.Key(inputs), create)
}

// Module is the directory of the component's module.
func (w *Workshop) Module(ctx context.Context, c component.Component) (string, error) {
	m, err := w.goTool.Download(ctx, c.Module, c.Version)
	return m.Dir, err
}

// Go runs a go command for the component, in a main module that has everything that is
// needed to build it.
func (w *Workshop) Go(ctx context.Context, c component.Component, args ...string) error {
	main, err := w.mainModule(ctx, c)
	if err != nil {
		return err
	}
	return w.gently(main, c, args).Run(ctx)
}
