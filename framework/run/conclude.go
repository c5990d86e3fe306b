package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/framework/progress"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/files"
	"github.com/podproof/podproof/reports/text"
)

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

// Report prints the error that ended a command, and returns its exit code.
func Report(err error) int {
	fmt.Fprintln(os.Stderr, "podproof: "+err.Error())
	var bad *options.UsageError
	switch {
	case errors.As(err, &bad):
		return reports.ExitUsage
	case errors.Is(err, context.Canceled):
		return reports.ExitInterrupted
	default:
		return reports.ExitCouldNotTest
	}
}
