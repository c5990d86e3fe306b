package command

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/files"
)

// written makes a run's directory with a record in which one claim ended like that.
func written(t *testing.T, state reports.State) string {
	t.Helper()
	dir := t.TempDir()
	spec := reports.Spec{Text: "x", Claims: []string{"NET-02"}, State: state, Failure: reports.ClusterFailure, Message: "because"}
	NewWithT(t).Expect(files.Write(dir, reports.New(claims.All(), reports.Run{}, []reports.Spec{spec}, nil))).To(Succeed())
	return dir
}

func TestCompareExitCodes(t *testing.T) {
	good, bad := written(t, reports.Passed), written(t, reports.Failed)
	page := filepath.Join(t.TempDir(), "page.html")
	for name, c := range map[string]struct {
		args []string
		want int
	}{
		"the same":              {[]string{good, good}, 0},
		"better":                {[]string{bad, good}, 0},
		"worse":                 {[]string{good, bad}, 1},
		"worse in the third":    {[]string{good, "--markdown", good, bad}, 1},
		"one record":            {[]string{good}, 2},
		"a record that is none": {[]string{good, "absent"}, 2},
		"an unknown flag":       {[]string{good, good, "--xml"}, 2},
		"no place for the page": {[]string{good, good, "--html", filepath.Join(good, "absent", "x")}, 2},
		"with a page":           {[]string{good, good, "--html", page}, 0},
		"help":                  {[]string{"-h"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(podproof(append([]string{"compare"}, c.args...)...)).To(Equal(c.want))
		})
	}
	data, err := os.ReadFile(page)
	g := NewWithT(t)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(data)).To(HavePrefix("<!DOCTYPE html>"))
}
