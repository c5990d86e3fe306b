package onmutants

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/podproof/podproof/fixtures/mutants"
	"github.com/podproof/podproof/framework/ground/kind"
	"github.com/podproof/podproof/framework/mutation"
	"github.com/podproof/podproof/framework/progress"
	"github.com/podproof/podproof/framework/run"
	"github.com/podproof/podproof/framework/upstream"
	"github.com/podproof/podproof/reports/mutantrun"
)

// Bounds of one run of upstream's specs. Some of them wait for minutes by their nature,
// and where no Pod works each waits for five.
const (
	baselineTime  = 40 * time.Minute
	shortestBound = 10 * time.Minute
)

// baseline runs upstream's specs on the cluster as it is. Those that fail there are not
// run on mutants, and none may take more than twice the time on one.
func (r *mutantRun) baseline() error {
	suite := &mutantrun.UpstreamSuite{
		Version: r.env.Cluster.ServerVersion, Selection: upstream.Selection, LeftOut: upstream.LeftOut(),
		BoundSeconds: baselineTime.Seconds(),
	}
	r.record.Upstream = suite
	step := r.console.Step("upstream's specs without a mutant", 5*time.Minute)
	without, err := r.upstreamSpecs("baseline")
	if err == nil && without.CutOff {
		err = fmt.Errorf("upstream's specs did not end in %s on the cluster without a mutant", baselineTime)
	}
	if err = errors.Join(err, r.upstreamCleared(context.WithoutCancel(r.stop.Context))); err != nil {
		step.Fail(err)
		return err
	}
	suite.Baseline = without
	suite.BoundSeconds = max(shortestBound.Seconds(), 2*without.Seconds)
	for _, f := range without.Failed {
		suite.LeftOut = append(suite.LeftOut, mutantrun.UpstreamLeftOut{Spec: f.Spec, Why: "fails without a mutant: " + f.Message})
	}
	step.Done(fmt.Sprintf("%d run, %d failed", without.Run, len(without.Failed)))
	return nil
}

// upstreamOn runs upstream's specs while the mutant is in its place.
func (r *mutantRun) upstreamOn(m mutants.Mutant, step progress.Step) *mutantrun.UpstreamRun {
	step.Update("upstream's specs")
	result, err := r.upstreamSpecs(m.ID)
	if err == nil {
		err = mutation.Intact(r.stop.Context, kind.Of(r.env.Cluster), m.Component)
	}
	if err != nil {
		result.Error = err.Error()
	}
	return &result
}

// upstreamSpecs runs upstream's specs once. Their log, with the failures, stays in a
// directory of that name.
func (r *mutantRun) upstreamSpecs(name string) (mutantrun.UpstreamRun, error) {
	dir := filepath.Join(r.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return mutantrun.UpstreamRun{}, err
	}
	suite := r.record.Upstream
	file := filepath.Join(dir, upstream.ReportFile)
	defer os.Remove(file) // it lists all specs of Kubernetes, 7 MB of them
	running, err := run.StartGinkgo(filepath.Join(dir, "upstream.log"), nil, r.suite.Arguments(upstream.Run{
		Dir: dir, Procs: r.env.Options.Procs, Seed: r.env.Options.Seed,
		Bound: time.Duration(suite.BoundSeconds * float64(time.Second)), LeftOut: suite.LeftOut,
	})...)
	if err != nil {
		return mutantrun.UpstreamRun{}, err
	}
	disorder := r.stop.Await(running)
	result, err := upstream.Read(file)
	if err != nil {
		return result, errors.Join(disorder, err)
	}
	return result, r.stop.Context.Err()
}

// upstreamCleared removes what upstream's suite has left.
func (r *mutantRun) upstreamCleared(ctx context.Context) error {
	ground, err := r.env.Ground()
	if err != nil {
		return err
	}
	return upstream.Clear(ctx, ground.API)
}
