// Package onmutants runs the suite against mutants, one after the other on one cluster, and
// says whether the suite notices them.
package onmutants

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/podproof/podproof/fixtures/mutants"
	"github.com/podproof/podproof/framework/ground/kind"
	"github.com/podproof/podproof/framework/ground/workshop"
	"github.com/podproof/podproof/framework/mutation"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/framework/progress"
	"github.com/podproof/podproof/framework/run"
	"github.com/podproof/podproof/framework/setup"
	"github.com/podproof/podproof/framework/upstream"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/files"
	"github.com/podproof/podproof/reports/mutantrun"
)

// Request is what a run of mutants is about.
type Request struct {
	Options options.Options // their Kubernetes version is that of Version
	Filter  Filter
	Chosen  []mutants.Mutant // by the filter
	All     bool             // run every quick claim, not only those of the mutant
	Compare bool             // also run Kubernetes' own suite on each mutant
}

// Run makes a cluster, runs the mutants on it, checks that the restored cluster is
// conformant, and returns the exit code.
func Run(request Request) int {
	o := request.Options
	if o.Seed == 0 {
		o.Seed = time.Now().Unix()
	}
	id, dir, err := setup.NewRun(o)
	if err != nil {
		return run.Report(err)
	}
	console := progress.NewConsole(os.Stdout, progress.Options{})
	defer console.Close()
	stop := run.NewStopper(console)
	defer stop.Close()

	r := &mutantRun{stop: stop, console: console, all: request.All, compare: request.Compare, dir: dir, record: mutantrun.Record{
		Schema: mutantrun.Schema, ID: id, Filters: request.Filter.words(o.Profile),
	}}
	if err := r.run(o, request.Chosen); err != nil && !r.record.Interrupted {
		r.record.Error = err.Error()
	}
	r.record.Conclude()
	if err := mutantrun.Write(dir, r.record); err != nil {
		console.Info("%v", err)
	}
	console.Info("\n%s\nrecord: %s", mutantrun.Text(r.record, console.Colour()), filepath.Join(dir, mutantrun.File))
	return r.record.ExitCode
}

// mutantRun is one such run.
type mutantRun struct {
	stop     *run.Stopper
	console  *progress.Console
	env      *setup.Environment
	workshop *workshop.Workshop
	all      bool
	compare  bool            // with upstream's suite
	suite    *upstream.Suite // once it is there
	dir      string
	record   mutantrun.Record
}

func (r *mutantRun) run(o options.Options, chosen []mutants.Mutant) (err error) {
	ctx := r.stop.Context
	if r.env, err = setup.Up(ctx, o, r.record.ID, r.dir, r.console); err != nil {
		r.record.Interrupted = ctx.Err() != nil
		return err
	}
	defer func() {
		// An interrupt while the cluster is removed keeps nothing from being known.
		r.record.Interrupted = r.stop.Context.Err() != nil
		ctx, cancel := context.WithTimeout(context.Background(), run.CleanUpTime)
		defer cancel()
		err = errors.Join(err, r.env.Down(ctx, r.console))
	}()
	facts, _ := r.env.Facts()
	r.record.Version, r.record.ServerVersion = facts.Version, r.env.Cluster.ServerVersion
	cache, err := options.CacheDir()
	if err != nil {
		return err
	}
	if r.workshop, err = workshop.Open(ctx, r.env.Cluster.ServerVersion, cache, r.console); err != nil {
		return err
	}
	defer r.workshop.Close()
	if err := r.sameRuntime(chosen); err != nil {
		return err
	}
	if r.compare {
		if r.suite, err = upstream.Prepare(ctx, r.workshop, kind.Of(r.env.Cluster)); err != nil {
			return err
		}
	}
	if err := kind.Of(r.env.Cluster).Disturb(); err != nil {
		return err
	}
	builds := r.build(ctx, chosen)
	if r.compare {
		if err := r.baseline(); err != nil {
			return err
		}
	}
	for n, m := range chosen {
		built, more := <-builds
		if !more || ctx.Err() != nil {
			break
		}
		result, err := r.mutant(m, built)
		if ctx.Err() == nil || err != nil {
			// Of one that was interrupted nothing is known.
			r.record.Mutants = append(r.record.Mutants, result)
		}
		if err != nil {
			// What the cluster is like now is not known.
			r.env.Cluster.Keep, r.env.Options.Keep = false, false
			return err
		}
		r.console.Info("mutant %d of %d, %s: %s", n+1, len(chosen), m.ID, result.Outcome)
		// Should this be the last that is written, it says that it is not all.
		unfinished := r.record
		unfinished.Interrupted = true
		unfinished.Conclude()
		if err := mutantrun.Write(r.dir, unfinished); err != nil {
			return err
		}
	}
	if ctx.Err() == nil {
		r.afterwards()
	}
	if !slices.Contains([]reports.Verdict{"", reports.Conformant}, r.record.Afterwards) {
		return nil // the next run makes a new one
	}
	return kind.Of(r.env.Cluster).Settled()
}

// sameRuntime makes sure that the nodes have the container runtime that mutants of it are
// made from: a node image that somebody has named can have any.
func (r *mutantRun) sameRuntime(chosen []mutants.Mutant) error {
	if !slices.ContainsFunc(chosen, func(m mutants.Mutant) bool { return m.Component == mutants.Containerd || m.Component == mutants.Runc }) {
		return nil
	}
	version, err := r.workshop.Version(mutants.Containerd)
	if err != nil {
		return err
	}
	want := "containerd://" + strings.TrimPrefix(version, "v")
	for _, n := range r.env.Cluster.Nodes {
		if n.Runtime != want {
			return fmt.Errorf("node %s runs %s, and mutants of the container runtime are made from %s: run them without --node-image", n.Name, n.Runtime, want)
		}
	}
	return nil
}

// built is a mutant's programs, or why there are none.
type built struct {
	dir     string
	version string
	seconds float64
	err     error
}

// build builds the mutants one after the other, each while the specs run on the one
// before.
func (r *mutantRun) build(ctx context.Context, chosen []mutants.Mutant) <-chan built {
	builds := make(chan built)
	go func() {
		defer close(builds)
		for _, m := range chosen {
			b := built{}
			started := time.Now()
			b.version, b.err = mutation.Version(r.workshop, m.Component)
			var edits []mutants.Edit
			if b.err == nil {
				edits, b.err = m.For(b.version)
			}
			if b.err == nil && len(edits) > 0 {
				if b.dir, b.err = r.workshop.Bench(); b.err == nil {
					b.err = mutation.Build(ctx, r.workshop, m, b.dir)
				}
			}
			b.seconds = time.Since(started).Seconds()
			select {
			case builds <- b:
			case <-ctx.Done():
				os.RemoveAll(b.dir)
				return
			}
		}
	}()
	return builds
}

// mutant runs the specs on one mutant. An error says that the cluster could not be
// restored, which ends the run.
func (r *mutantRun) mutant(m mutants.Mutant, b built) (mutantrun.Result, error) {
	if b.dir != "" {
		defer os.RemoveAll(b.dir)
	}
	result := mutantrun.Result{ID: m.ID, Component: m.Component, Version: b.version, Wrong: m.Wrong, Expected: m.Claims}
	result.Seconds.Build = b.seconds
	switch {
	case errors.Is(b.err, mutants.ErrEdit):
		result.Outcome, result.Reason = mutantrun.DoesNotFit, b.err.Error()
		return result, nil
	case b.err != nil:
		result.Outcome, result.Reason = mutantrun.Broken, b.err.Error()
		return result, nil
	case b.dir == "":
		result.Outcome = mutantrun.NotMeant
		return result, nil
	}
	step := r.console.Step("mutant "+m.ID, time.Minute)
	err := r.specsOn(m, b, &result, step)
	restored := r.restore(m, &result)
	switch failed := cmp.Or(restored, err); {
	case failed != nil:
		// Whatever turned red, it was not for the mutant's fault alone.
		result.Outcome, result.Reason = mutantrun.Broken, failed.Error()
		result.Red, result.Missed = nil, nil
		step.Fail(failed)
	default:
		if m.Unseen != "" && result.Outcome == mutantrun.Unseen {
			result.Reason = m.Unseen
		}
		step.Done(string(result.Outcome))
	}
	return result, restored
}

// specsOn puts the mutant into the cluster, runs the specs and judges what they say.
func (r *mutantRun) specsOn(m mutants.Mutant, b built, result *mutantrun.Result, step progress.Step) error {
	started := time.Now()
	step.Update("put into the cluster")
	if err := mutation.Install(r.stop.Context, kind.Of(r.env.Cluster), m.Component, b.dir); err != nil {
		return err
	}
	result.Seconds.Swap = time.Since(started).Seconds()

	started = time.Now()
	focus, profile := focusOf(m, r.all)
	record, err := r.specs(m.ID, focus, profile, step)
	result.Seconds.Specs = time.Since(started).Seconds()
	if err != nil {
		return err
	}
	result.Record = m.ID
	if err := mutation.Intact(r.stop.Context, kind.Of(r.env.Cluster), m.Component); err != nil {
		return err
	}
	mutantrun.Judge(result, record)
	if r.compare && r.stop.Context.Err() == nil {
		started = time.Now()
		result.Upstream = r.upstreamOn(m, step)
		result.Seconds.Upstream = time.Since(started).Seconds()
	}
	return r.stop.Context.Err()
}

// specs runs specs in the cluster as it is, with a record in a directory of its own.
func (r *mutantRun) specs(name string, focus []string, profile string, step progress.Step) (reports.Record, error) {
	env := *r.env
	env.RunID, env.Dir = r.record.ID+"-"+name, filepath.Join(r.dir, name)
	env.Options.Focus, env.Options.Profile = focus, profile
	// Its namespaces go as soon as its specs are over.
	env.Options.Keep = true
	if err := os.MkdirAll(env.Dir, 0o755); err != nil {
		return reports.Record{}, err
	}
	total, done := 0, 0
	record := run.Specs(r.stop, r.console, &env, env.Options.Seed, func(e progress.Event) {
		switch e.Kind {
		case progress.SpecsTotal:
			total = e.Total
		case progress.SpecDone:
			done++
		}
		step.Update(fmt.Sprintf("%d of %d specs", done, total))
	})
	if record.Run.SetupError != "" && r.stop.Context.Err() == nil {
		return record, errors.New(record.Run.SetupError)
	}
	return record, files.Write(env.Dir, record)
}

// restore puts the cluster's own component back, also after an interrupt, and waits
// until nothing is left of the mutant's pods.
func (r *mutantRun) restore(m mutants.Mutant, result *mutantrun.Result) error {
	ctx := context.WithoutCancel(r.stop.Context)
	started := time.Now()
	defer func() { result.Seconds.Restore = time.Since(started).Seconds() }()
	if err := mutation.Restore(ctx, kind.Of(r.env.Cluster), m.Component); err != nil {
		return err
	}
	if result.Upstream != nil {
		if err := r.upstreamCleared(ctx); err != nil {
			return err
		}
	}
	return r.cleared(ctx, m.ID)
}

// cleared waits until the namespaces of specs that were run under the name are gone.
func (r *mutantRun) cleared(ctx context.Context, name string) error {
	env := *r.env
	env.RunID = r.record.ID + "-" + name
	return env.Cleared(ctx)
}

// afterwards runs the quick claims of all mutants once more on the restored cluster.
func (r *mutantRun) afterwards() {
	var concerned []string
	for _, m := range r.record.Mutants {
		if m.Record != "" {
			concerned = append(concerned, m.Expected...)
			for _, of := range mutants.All() {
				if of.ID == m.ID {
					concerned = append(concerned, of.Pods...)
				}
			}
		}
	}
	if len(concerned) == 0 {
		return
	}
	var focus []string
	if !r.all {
		focus = quickOf(concerned)
	}
	step := r.console.Step("the restored cluster", time.Minute)
	record, err := r.specs("restored", focus, options.Quick, step)
	if err == nil {
		err = r.cleared(r.stop.Context, "restored")
	}
	if err != nil {
		step.Fail(err)
		r.record.Afterwards, r.record.AfterwardsReason = reports.Inconclusive, err.Error()
		return
	}
	step.Done(string(record.Verdict))
	r.record.Afterwards, r.record.AfterwardsReason = record.Verdict, record.Reason
}
