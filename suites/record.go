package suites

import (
	"fmt"
	"os"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/files"
	"github.com/podproof/podproof/reports/text"
)

// Process 1, which Ginkgo gives the specs of all processes, makes the record. It hands the
// record to the podproof binary, or without one makes all files of the run itself.
var _ = ReportAfterSuite("write the record", func(report Report) {
	if report.SuiteConfig.DryRun || run.env == nil {
		return
	}
	record := recordOf(report)
	if run.prepared != nil {
		spec.Do(reports.WriteRecord(run.env.Dir, record))
		return
	}
	spec.Do(files.Write(run.env.Dir, record))
	// Parallel Ginkgo shows nothing of this, but there is the file.
	spec.Do(text.Summary(os.Stdout, record, false))
	spec.Do(text.StepSummary(record))
	fmt.Printf("record: %s\n", run.env.Dir)
	if report.SuiteSucceeded && record.ExitCode != reports.ExitConformant {
		// To Ginkgo specs that were all skipped are a success.
		Fail(record.Reason)
	}
})

// recordOf makes the record of what Ginkgo reports.
func recordOf(report Report) reports.Record {
	facts, cluster := run.env.Facts()
	facts.Started, facts.Finished = run.started, time.Now()
	facts.Seed = report.SuiteConfig.RandomSeed
	facts.Procs = report.SuiteConfig.ParallelTotal
	facts.Interrupted = interrupted(report)
	facts.SetupError = setupError(report)
	specs := claim.Outcomes(report)
	facts.SpecsSeconds = wallTime(specs).Seconds()
	record := reports.New(claims.All(), facts, specs, claim.Laws(report))
	if cluster != nil {
		cluster.Capabilities, cluster.Sources, cluster.Gates = spec.Capabilities(), spec.Sources(), run.gates
	}
	record.Cluster, record.Setup = cluster, run.env.Steps
	return record
}

// interrupted tells whether a person stopped the run: Ginkgo also interrupts
// specs when one of them gives the whole run up.
func interrupted(report Report) bool {
	for _, reason := range report.SpecialSuiteFailureReasons {
		if strings.Contains(reason, "Interrupted by User") {
			return true
		}
	}
	return false
}

// setupError tells why no spec could start: what process 1 ran into, or the
// failure of a suite node of another process.
func setupError(report Report) string {
	if run.setupError != nil {
		return run.setupError.Error()
	}
	for _, s := range report.SpecReports {
		if s.LeafNodeType.Is(types.NodeTypeBeforeSuite|types.NodeTypeSynchronizedBeforeSuite) && s.State.Is(types.SpecStateFailureStates) {
			return s.Failure.Message
		}
	}
	return ""
}

// wallTime is from the start of the first spec to the end of the last.
func wallTime(specs []reports.Spec) time.Duration {
	var first, last time.Time
	for _, s := range specs {
		if s.Started.IsZero() {
			continue
		}
		if first.IsZero() || s.Started.Before(first) {
			first = s.Started
		}
		if end := s.Started.Add(time.Duration(s.Seconds * float64(time.Second))); end.After(last) {
			last = end
		}
	}
	return last.Sub(first)
}
