package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/framework/progress"
	"github.com/podproof/podproof/framework/setup"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/files"
	"github.com/podproof/podproof/reports/text"
)

// cleanUpTime bounds clean-up, also after an interrupt.
const cleanUpTime = 4 * time.Minute

// launch makes a directory for the run and runs in it.
func launch(o options.Options) int {
	id, dir, err := setup.NewRun(o)
	if err != nil {
		return report(err)
	}
	return launchIn(o, id, dir)
}

// launchIn runs the specs as often as is asked for, in an environment of their own, and
// returns the worst exit code. The record lands in dir, those of repetitions in
// directories beside it.
func launchIn(o options.Options, id, dir string) int {
	return inEnvironment(setup.Up, o, id, dir, func(stop *stopper, console *progress.Console, env *setup.Environment) int {
		code := 0
		for n := 1; n <= o.Repeat && stop.ctx.Err() == nil; n++ {
			if n > 1 {
				if err := env.Again(); err != nil {
					code = reports.WorseExit(code, report(err))
					break
				}
			}
			if o.Repeat > 1 {
				console.Info("run %d of %d", n, o.Repeat)
			}
			code = reports.WorseExit(code, conclude(console, o, env.Dir, runSpecs(stop, console, env, env.Options.Seed+int64(n-1), console.Event)))
		}
		if stop.ctx.Err() != nil { // perhaps before the first run, or between two
			code = reports.ExitInterrupted
		}
		return code
	})
}

// inEnvironment makes the environment by up, does there what is to be done, removes it,
// and returns the worst exit code. A set-up that fails has a record in dir too.
func inEnvironment(
	up func(context.Context, options.Options, string, string, *progress.Console) (*setup.Environment, error),
	o options.Options, id, dir string,
	do func(*stopper, *progress.Console, *setup.Environment) int,
) int {
	if o.Seed == 0 {
		o.Seed = time.Now().Unix()
	}
	started := time.Now()
	console := progress.NewConsole(os.Stdout, progress.Options{})
	defer console.Close()
	stop := newStopper(console)
	defer stop.close()

	env, err := up(stop.ctx, o, id, dir, console)
	if err != nil {
		record := setup.FailedSetup(env, started, stop.ctx.Err() != nil, err)
		var bad *options.UsageError
		if errors.As(err, &bad) {
			record.ExitCode = reports.ExitUsage
		}
		return conclude(console, o, dir, record)
	}
	code := do(stop, console, env)
	ctx, cancel := context.WithTimeout(context.Background(), cleanUpTime)
	defer cancel()
	if err := env.Down(ctx, console); err != nil {
		console.Info("%v", err)
		code = reports.WorseExit(code, reports.ExitCouldNotTest)
	}
	return code
}

// runSpecs runs the specs once in the environment and returns their record, which is
// not written yet. What happens to each spec goes to the listener.
func runSpecs(stop *stopper, log progress.Log, env *setup.Environment, seed int64, listener func(progress.Event)) reports.Record {
	started := time.Now()
	record, err := specsRecord(stop, log, env, seed, listener)
	if err != nil {
		record = setup.FailedSetup(env, started, stop.ctx.Err() != nil, err)
	}
	if stop.ctx.Err() != nil {
		record.Run.Interrupted, record.ExitCode = true, reports.ExitInterrupted
	}
	return record
}

func specsRecord(stop *stopper, log progress.Log, env *setup.Environment, seed int64, listener func(progress.Event)) (reports.Record, error) {
	socket := progress.SocketPath()
	listening, err := progress.Listen(socket, listener)
	if err != nil {
		return reports.Record{}, err
	}
	defer listening.Close()
	running, err := startSpecs(env, seed, socket)
	if err != nil {
		return reports.Record{}, err
	}
	stop.specs.Store(running)
	defer stop.specs.Store(nil)
	if stop.ctx.Err() != nil { // since before the specs could be told
		running.interrupt()
	}
	disorder := running.wait(stop.ctx)

	record, err := readRecord(env.Dir)
	if err != nil {
		// The process that writes it did not come to that.
		if disorder == nil {
			disorder = fmt.Errorf("the specs did not come to their end, since one of the test processes ended before; what they printed is in %s", running.log.Name())
		}
		return record, errors.Join(disorder, err)
	}
	if disorder != nil {
		log.Info("%v", disorder)
	}
	return record, nil
}

// conclude writes the record's files, prints the summary, in a pod also the record, and
// returns the exit code.
func conclude(console *progress.Console, o options.Options, dir string, record reports.Record) int {
	code := record.ExitCode
	if err := files.Write(dir, record); err != nil {
		console.Info("%v", err)
		code = reports.WorseExit(code, reports.ExitCouldNotTest)
	}
	if err := text.StepSummary(record); err != nil {
		console.Info("%v", err)
	}
	var summary strings.Builder
	if err := text.Summary(&summary, record, console.Colour()); err != nil {
		console.Info("%v", err)
	}
	console.Info("\n%s\nrecord: %s", summary.String(), filepath.Join(dir, reports.RecordFile))
	if o.InCluster {
		if err := reports.WriteLog(os.Stdout, record); err != nil {
			console.Info("%v", err)
		}
	}
	return code
}

func readRecord(dir string) (reports.Record, error) {
	var record reports.Record
	data, err := os.ReadFile(filepath.Join(dir, reports.RecordFile))
	if err != nil {
		return record, fmt.Errorf("the specs left no record: %w", err)
	}
	if err := json.Unmarshal(data, &record); err != nil {
		return record, fmt.Errorf("the record that the specs left cannot be read: %w", err)
	}
	return record, nil
}

// stopper turns interrupts into an orderly end: the first one stops set-up or
// asks the specs to end, and cleans up; the second one also cuts the specs'
// own clean-up short; the third one ends podproof at once.
type stopper struct {
	ctx     context.Context
	cancel  context.CancelFunc
	signals chan os.Signal
	specs   atomic.Pointer[specs]
}

func newStopper(log progress.Log) *stopper {
	s := &stopper{signals: make(chan os.Signal, 3)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	signal.Notify(s.signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	// Whoever reads what is printed may go, such as the tee of a pipe after a Ctrl-C:
	// without this, that would end podproof before it has cleaned up.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	go func() {
		for n := 1; ; n++ {
			if _, more := <-s.signals; !more {
				return
			}
			// What is to be done comes first: nobody may be reading what is printed.
			s.cancel()
			running := s.specs.Load()
			switch {
			case running == nil:
			case n <= 2:
				running.interrupt()
			default:
				running.signal(syscall.SIGKILL)
			}
			switch n {
			case 1:
				go log.Info("interrupted: ending and cleaning up (again: without the specs' own clean-up)")
			case 2:
				go log.Info("interrupted again: only removing the cluster now (once more: leave it to `make clean`)")
			default:
				said := make(chan struct{})
				go func() {
					log.Info("interrupted a third time: `make clean` removes what is left")
					close(said)
				}()
				select {
				case <-said:
				case <-time.After(time.Second):
				}
				os.Exit(reports.ExitInterrupted)
			}
		}
	}()
	return s
}

func (s *stopper) close() {
	signal.Stop(s.signals)
	close(s.signals)
	s.cancel()
}
