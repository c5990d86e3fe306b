package run

import (
	"cmp"
	"os"
	"time"

	"github.com/podproof/podproof/framework/elsewhere/incluster"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/framework/progress"
	"github.com/podproof/podproof/framework/setup"
	"github.com/podproof/podproof/reports"
)

// ForSonobuoy is a run whose results Sonobuoy waits for: whatever becomes of it, also
// when its options are wrong, there is a record to hand over.
func ForSonobuoy(o options.Options, wrong error) int {
	switch {
	case o.Failed != "":
		wrong = options.Usagef("failed (%s) and sonobuoy contradict each other: a plugin has no record of an earlier run", o.Failed)
	case wrong == nil && o.Repeat > 1:
		wrong = options.Usagef("repeat is %d, and Sonobuoy takes the results of one run", o.Repeat)
	}
	id, dir, err := setup.NewRun(o)
	if err != nil { // which is to be handed over as well, from wherever can be written to
		wrong = cmp.Or(wrong, err)
		if o.Out, err = os.MkdirTemp("", "podproof-"); err == nil {
			id, dir, err = setup.NewRun(o)
		}
	}
	if err != nil {
		return Report(err)
	}
	var code int
	if wrong != nil {
		code = Report(wrong)
		record := setup.FailedSetup(&setup.Environment{Options: o, RunID: id, Dir: dir}, time.Now(), false, wrong)
		record.ExitCode = code
		console := progress.NewConsole(os.Stdout, progress.Options{})
		conclude(console, o, dir, record)
		console.Close()
	} else {
		code = In(o, id, dir)
	}
	if err := incluster.HandOver(dir, incluster.ResultsDir()); err != nil {
		return reports.WorseExit(code, Report(err))
	}
	return code
}
