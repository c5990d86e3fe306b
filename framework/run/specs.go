package run

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/podproof/podproof/framework/progress"
	"github.com/podproof/podproof/framework/setup"
	"github.com/podproof/podproof/reports"
)

// Specs runs the specs once in the environment and returns their record, which is
// not written yet. What happens to each spec goes to the listener.
func Specs(stop *Stopper, log progress.Log, env *setup.Environment, seed int64, listener func(progress.Event)) reports.Record {
	started := time.Now()
	record, err := specsRecord(stop, log, env, seed, listener)
	if err != nil {
		record = setup.FailedSetup(env, started, stop.Context.Err() != nil, err)
	}
	if stop.Context.Err() != nil {
		record.Run.Interrupted, record.ExitCode = true, reports.ExitInterrupted
	}
	return record
}

func specsRecord(stop *Stopper, log progress.Log, env *setup.Environment, seed int64, listener func(progress.Event)) (reports.Record, error) {
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
	disorder := stop.Await(running)

	record, err := reports.Read(env.Dir)
	if err != nil {
		err = fmt.Errorf("the specs left no record: %w", err)
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

// startSpecs starts the specs of the environment. What Ginkgo prints goes to
// ginkgo.log in the run's directory: it is for debugging the suite, the
// console and the record are for everybody else.
func startSpecs(env *setup.Environment, seed int64, socket string) (*Ginkgo, error) {
	self, err := ownProgram()
	if err != nil {
		return nil, err
	}
	suite := filepath.Join(env.Dir, suiteBinary)
	if err := os.Symlink(self, suite); err != nil {
		return nil, err
	}
	data, err := env.Marshal()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(env.Dir, "environment.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return nil, err
	}
	running, err := StartGinkgo(filepath.Join(env.Dir, "ginkgo.log"),
		[]string{setup.EnvironmentVariable + "=" + file, setup.ProgressVariable + "=" + socket},
		"--procs="+strconv.Itoa(env.Options.Processes()), "--seed="+strconv.FormatInt(seed, 10), "--no-color", "--silence-skips", suite)
	if err != nil {
		return nil, err
	}
	running.files = []string{suite, file}
	return running, nil
}
