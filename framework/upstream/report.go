package upstream

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2/types"

	"github.com/podproof/podproof/reports/mutantrun"
)

// Read reads Ginkgo's report of a run. An error says that the run tells nothing: the
// suite could not be started, or set up.
func Read(file string) (mutantrun.UpstreamRun, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return mutantrun.UpstreamRun{}, fmt.Errorf("upstream's suite left no report: %w", err)
	}
	var suites []types.Report
	if err := json.Unmarshal(data, &suites); err != nil {
		return mutantrun.UpstreamRun{}, fmt.Errorf("the report of upstream's suite, %s, cannot be read: %w", file, err)
	}
	if len(suites) != 1 {
		return mutantrun.UpstreamRun{}, fmt.Errorf("%s has reports of %d suites, there should be one", file, len(suites))
	}
	return result(suites[0])
}

// result counts the specs that were run. One that was cut off by the time limit has
// failed: without the mutant it ended in half that time.
func result(report types.Report) (mutantrun.UpstreamRun, error) {
	run := mutantrun.UpstreamRun{Seconds: report.RunTime.Round(100 * time.Millisecond).Seconds()}
	for _, reason := range report.SpecialSuiteFailureReasons {
		run.CutOff = run.CutOff || strings.Contains(reason, "Timeout")
	}
	for _, spec := range report.SpecReports {
		failed := spec.State.Is(types.SpecStateFailureStates)
		if !spec.LeafNodeType.Is(types.NodeTypeIt) {
			if failed && spec.LeafNodeType.Is(types.NodeTypeBeforeSuite|types.NodeTypeSynchronizedBeforeSuite) {
				return run, fmt.Errorf("upstream's suite was not set up: %s", firstLine(spec.Failure.Message))
			}
			continue
		}
		if !failed && !spec.State.Is(types.SpecStatePassed) {
			continue
		}
		run.Run++
		if failed {
			run.Failed = append(run.Failed, mutantrun.UpstreamFailure{Spec: spec.FullText(), Message: firstLine(spec.Failure.Message)})
		}
	}
	if run.Run == 0 {
		return run, fmt.Errorf("upstream's suite ran no spec: %s", strings.Join(report.SpecialSuiteFailureReasons, "; "))
	}
	return run, nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
