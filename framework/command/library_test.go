package command

import (
	"os"
	"os/exec"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/suites"
)

// Environment variables of the processes in which suites.Test has nothing to run.
const (
	callVariable   = "PODPROOF_TEST_CALL"   // what is wrong
	recordVariable = "PODPROOF_TEST_RECORD" // of a conformant run
)

// TestCall is run by TestTheLibraryFindsOutBeforeAnythingIsMade only, in processes of its
// own.
func TestCall(t *testing.T) {
	var o options.Options
	call := os.Getenv(callVariable)
	switch call {
	case "":
		t.Skip("TestTheLibraryFindsOutBeforeAnythingIsMade runs it")
	case "profile", "twice":
		o.Profile = "fast"
	case "focus":
		o.Focus = []string{"BACKOF-02"}
	case "no record":
		o.Failed = "absent"
	case "nothing failed":
		o.Failed = os.Getenv(recordVariable)
	}
	t.Run("once", func(t *testing.T) { suites.Test(t, o) })
	if call == "twice" {
		suites.Test(t, options.Options{})
	}
}

func TestTheLibraryFindsOutBeforeAnythingIsMade(t *testing.T) {
	record := written(t, reports.Passed)
	for call, want := range map[string]string{
		"twice":          "suites.Test was called before in this process",
		"profile":        `profile "fast" is unknown`,
		"focus":          "did you mean BACKOFF-02",
		"no record":      "absent does not exist",
		"nothing failed": "no claim failed in that record",
	} {
		t.Run(call, func(t *testing.T) {
			g := NewWithT(t)
			cmd := exec.Command(os.Args[0], "-test.run=^TestCall$", "-test.v")
			cmd.Env = append(os.Environ(), callVariable+"="+call, recordVariable+"="+record)
			out, err := cmd.CombinedOutput()
			if call == "nothing failed" {
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(string(out)).To(ContainSubstring("--- SKIP: TestCall/once"))
			} else {
				g.Expect(err).To(HaveOccurred())
			}
			g.Expect(string(out)).To(ContainSubstring(want))
			g.Expect(string(out)).NotTo(ContainSubstring("Running Suite"))
		})
	}
}

// The example of an importer is a module of its own, so that no other test compiles it.
func TestImporterCompiles(t *testing.T) {
	g := NewWithT(t)
	cmd := exec.Command("go", "vet", "./...")
	cmd.Dir = "suites/testdata/importer"
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.CombinedOutput()
	g.Expect(err).NotTo(HaveOccurred(), "%s\nwhen podproof's requirements have changed: go mod tidy in %s", out, cmd.Dir)
}
