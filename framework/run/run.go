// Package run takes a run from its options to its record: set-up, the specs in processes of
// their own, what they found, and the end. It prints for a person and returns exit codes.
package run

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/framework/progress"
	"github.com/podproof/podproof/framework/setup"
	"github.com/podproof/podproof/reports"
)

// CleanUpTime bounds clean-up, also after an interrupt.
const CleanUpTime = 4 * time.Minute

// Once makes a directory for the run, runs the specs in it as often as the options say, and
// returns the worst exit code.
func Once(o options.Options) int {
	id, dir, err := setup.NewRun(o)
	if err != nil {
		return Report(err)
	}
	return In(o, id, dir)
}

// In is Once in a directory that is there. The record lands in dir, the records of
// repetitions in directories beside it.
func In(o options.Options, id, dir string) int {
	return inEnvironment(setup.Up, o, id, dir, func(stop *Stopper, console *progress.Console, env *setup.Environment) int {
		code := 0
		for n := 1; n <= o.Repeat && stop.Context.Err() == nil; n++ {
			if n > 1 {
				if err := env.Again(); err != nil {
					code = reports.WorseExit(code, Report(err))
					break
				}
			}
			if o.Repeat > 1 {
				console.Info("run %d of %d", n, o.Repeat)
			}
			code = reports.WorseExit(code, conclude(console, o, env.Dir, Specs(stop, console, env, env.Options.Seed+int64(n-1), console.Event)))
		}
		if stop.Context.Err() != nil { // perhaps before the first run, or between two
			code = reports.ExitInterrupted
		}
		return code
	})
}

// inEnvironment makes the environment with up, calls do in it, removes it, and returns the
// worst exit code. A set-up that fails leaves a record in dir, too.
func inEnvironment(
	up func(context.Context, options.Options, string, string, *progress.Console) (*setup.Environment, error),
	o options.Options, id, dir string,
	do func(*Stopper, *progress.Console, *setup.Environment) int,
) int {
	if o.Seed == 0 {
		o.Seed = time.Now().Unix()
	}
	started := time.Now()
	console := progress.NewConsole(os.Stdout, progress.Options{})
	defer console.Close()
	stop := NewStopper(console)
	defer stop.Close()

	env, err := up(stop.Context, o, id, dir, console)
	if err != nil {
		record := setup.FailedSetup(env, started, stop.Context.Err() != nil, err)
		var bad *options.UsageError
		if errors.As(err, &bad) {
			record.ExitCode = reports.ExitUsage
		}
		return conclude(console, o, dir, record)
	}
	code := do(stop, console, env)
	ctx, cancel := context.WithTimeout(context.Background(), CleanUpTime)
	defer cancel()
	if err := env.Down(ctx, console); err != nil {
		console.Info("%v", err)
		code = reports.WorseExit(code, reports.ExitCouldNotTest)
	}
	return code
}
