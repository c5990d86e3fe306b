package reports_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/reports"
)

func TestWhatIsToBeRepeated(t *testing.T) {
	spec := func(text, claim string, state reports.State, failure reports.FailureKind) reports.Spec {
		return reports.Spec{Text: text, Claims: []string{claim}, State: state, Failure: failure, Message: "because"}
	}
	for name, c := range map[string]struct {
		run   reports.Run
		specs []reports.Spec
		laws  []reports.Law
		want  []string
	}{
		"nothing failed": {specs: []reports.Spec{spec("a", "NET-01", reports.Passed, ""), spec("b", "NET-02", reports.Filtered, "")}},
		"the cluster's fault, the suite's, and neither": {
			specs: []reports.Spec{
				spec("a", "NET-04", reports.Failed, reports.ClusterFailure), spec("b", "NET-02", reports.Failed, reports.SuiteFailure),
				spec("c", "NET-03", reports.Passed, ""),
			},
			want: []string{"NET-02", "NET-04"},
		},
		"interrupted": {
			run:   reports.Run{Interrupted: true},
			specs: []reports.Spec{spec("a", "NET-01", reports.Interrupted, ""), spec("b", "NET-02", reports.Unstarted, ""), spec("c", "NET-03", reports.Passed, "")},
			want:  []string{"NET-01", "NET-02"},
		},
		"what cannot be applied stays so": {specs: []reports.Spec{{Text: "a", Claims: []string{"NET-01"}, State: reports.Skipped, SkipReason: "no second node"}}},
		"a broken law is the claims of the spec that broke it": {
			specs: []reports.Spec{spec("a", "NET-01", reports.Passed, ""), spec("a Pod that is b", "VOL-01", reports.Passed, "")},
			laws:  []reports.Law{{ID: "LAW-PHASE-KNOWN", Pods: 2, Broken: []reports.BrokenLaw{{Pod: "x/y", Spec: "b", Message: "because"}}}},
			want:  []string{"PHASE-00", "VOL-01"}, // and the claim that the law speaks for
		},
		"set-up failed": {run: reports.Run{SetupError: "no engine", Filters: []string{"NET-*"}}, want: []string{"NET-*"}},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(reports.ToRepeat(reports.New(claims.All(), c.run, c.specs, c.laws))).To(ConsistOf(c.want))
		})
	}
}

func TestARecordIsFoundInALog(t *testing.T) {
	g := NewWithT(t)
	var log bytes.Buffer
	for _, id := range []string{"first", "last"} {
		fmt.Fprintf(&log, "a line of the console\n{\"another\":\"document\"}\n")
		g.Expect(reports.WriteLog(&log, reports.New(claims.All(), reports.Run{ID: id}, nil, nil))).To(Succeed())
	}
	fmt.Fprintln(&log, "an error afterwards")
	path := filepath.Join(t.TempDir(), "log")
	g.Expect(os.WriteFile(path, log.Bytes(), 0o600)).To(Succeed())
	record, err := reports.Read(path)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(record.Run.ID).To(Equal("last"))

	g.Expect(os.WriteFile(path, []byte("only\nthe console\n"), 0o600)).To(Succeed())
	_, err = reports.Read(path)
	g.Expect(err).To(MatchError(ContainSubstring("none of its lines is a record")))
}
