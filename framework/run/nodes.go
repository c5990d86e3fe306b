package run

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/podproof/podproof/framework/elsewhere/incluster"
	"github.com/podproof/podproof/framework/fleet"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/framework/progress"
	"github.com/podproof/podproof/framework/setup"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/bynode"
	"github.com/podproof/podproof/reports/files"
)

// nodesDir is the directory, under that of a run on several nodes, that has one for each.
const nodesDir = "nodes"

// nodesRun is a run that judges nodes one by one.
type nodesRun struct {
	stop    *Stopper
	console *progress.Console
	env     *setup.Environment
	dir     string
	whole   bynode.Fleet // without nodes
	results []bynode.Result
	code    int
	good    string // the last node that was judged conformant
}

// Nodes runs the specs on one node after the other, in the same order on each, and
// returns the worst exit code. A node that cannot be judged keeps no other from its turn;
// an interrupt does.
func Nodes(o options.Options, c fleet.Choice) int {
	id, dir, err := setup.NewRun(o)
	if err != nil {
		return Report(err)
	}
	return inEnvironment(setup.UpUntried, o, id, dir, func(stop *Stopper, console *progress.Console, env *setup.Environment) int {
		r := &nodesRun{stop: stop, console: console, env: env, dir: dir}
		if err := r.judgeAll(c); err != nil {
			return reports.WorseExit(r.code, Report(err))
		}
		return r.code
	})
}

// judgeAll judges the chosen nodes and shows what came of it.
func (r *nodesRun) judgeAll(c fleet.Choice) error {
	members, part, err := c.Select(r.env.Cluster.Nodes)
	if err != nil {
		return err
	}
	run, facts := r.env.Facts()
	r.whole = bynode.New(run, facts, part)
	r.whole.Job = os.Getenv(incluster.JobVariable)
	for n, m := range members {
		var result bynode.Result
		switch {
		case r.stop.Context.Err() != nil:
			result = unjudged(m, reports.NotRun, "interrupted before its turn", reports.ExitInterrupted)
		case m.Why != "" && m.Meant:
			result = unjudged(m, reports.Inconclusive, m.Why, reports.ExitCouldNotTest)
		case m.Why != "":
			result = unjudged(m, reports.NotApplicable, m.Why, reports.ExitConformant)
		default:
			r.console.Info("\nnode %s, %d of %d", m.Name, n+1, len(members))
			result = r.judge(m.Name, n)
		}
		if err := r.keep(result); err != nil {
			return err
		}
	}
	if len(members) == 0 { // without a word from it this part would be missing in the whole
		if err := r.write(r.whole); err != nil {
			return err
		}
	}
	whole := r.whole.With(r.results...)
	r.console.Info("\n%s\nresults: %s", bynode.Text(whole, r.console.Colour()), filepath.Join(r.dir, bynode.File))
	// A part may have no node that takes pods. What is missing of the others does not
	// matter here.
	if part.Of == 1 {
		r.code = reports.WorseExit(r.code, whole.ExitCode())
	}
	return nil
}

// unjudged is the result of a node on which nothing was run.
func unjudged(m fleet.Member, v reports.Verdict, why string, code int) bynode.Result {
	return bynode.Result{Node: setup.NodeFacts(m.Node), Verdict: v, Reason: why, ExitCode: code}
}

// keep writes the result of a node together with those before it: whatever ends the run,
// what was judged is there. In a pod that is its log.
func (r *nodesRun) keep(result bynode.Result) error {
	r.code = reports.WorseExit(r.code, result.ExitCode)
	r.results = append(r.results, result)
	return r.write(r.whole.With(result))
}

// write writes all results so far, and in a pod, to its log, the latest.
func (r *nodesRun) write(latest bynode.Fleet) error {
	if r.env.Options.InCluster {
		if err := bynode.WriteLog(os.Stdout, latest); err != nil {
			return err
		}
	}
	return bynode.Write(r.dir, r.whole.With(r.results...))
}

// judge runs the specs with their pods on the node, in a directory and with a run's ID of
// its own, by which the namespaces are found that are its.
func (r *nodesRun) judge(name string, n int) bynode.Result {
	started := time.Now()
	dir := filepath.Join(r.dir, nodesDir, name)
	peer := fleet.Peer(r.env.Cluster.Nodes, name, r.good)
	record := r.record(name, peer, fmt.Sprintf("%s-n%d", r.env.RunID, n), dir)
	if err := files.Write(dir, record); err != nil {
		r.console.Info("%v", err)
	}
	result := bynode.ResultOf(name, record)
	result.Peer, result.TookSeconds = peer, time.Since(started).Seconds()
	if result.ExitCode == reports.ExitConformant {
		r.good = name
	}
	where := ""
	if result.ExitCode != reports.ExitConformant {
		where = ": " + filepath.Join(dir, files.Summary)
	}
	r.console.Info("node %s: %s, %s%s", name, record.Verdict, record.Reason, where)
	return result
}

// record runs the specs on the node, removes what they left, and returns their record.
func (r *nodesRun) record(name, peer, id, dir string) reports.Record {
	started := time.Now()
	env, err := r.env, os.MkdirAll(dir, 0o755)
	if err == nil {
		env, err = r.env.OnNode(r.stop.Context, name, peer, id, dir, r.console)
	}
	if err != nil {
		return setup.FailedSetup(env, started, r.stop.Context.Err() != nil, err)
	}
	record := Specs(r.stop, r.console, env, r.env.Options.Seed, r.console.Event)
	ctx, cancel := context.WithTimeout(context.Background(), CleanUpTime)
	defer cancel()
	if err := env.Cleared(ctx); err != nil {
		r.console.Info("node %s: %v", name, err)
		r.code = reports.WorseExit(r.code, reports.ExitCouldNotTest)
	}
	return record
}
