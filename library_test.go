package main

import (
	"os"
	"os/exec"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/suites"
)

// misuse is set in the processes in which suites.Test is to go wrong.
const misuse = "PODPROOF_TEST_MISUSE"

// TestMisuse is run by TestMisuseOfTheLibraryIsTold only, in processes of its own.
func TestMisuse(t *testing.T) {
	how := os.Getenv(misuse)
	if how == "" {
		t.Skip("TestMisuseOfTheLibraryIsTold runs it")
	}
	o := options.Options{Profile: "fast"}
	if how == "focus" {
		o = options.Options{Focus: []string{"BACKOF-02"}}
	}
	t.Run("once", func(t *testing.T) { suites.Test(t, o) })
	if how == "twice" {
		suites.Test(t, options.Options{})
	}
}

func TestMisuseOfTheLibraryIsTold(t *testing.T) {
	for how, want := range map[string]string{
		"twice":   "suites.Test was called before in this process",
		"profile": `profile "fast" is unknown`,
		"focus":   "did you mean BACKOFF-02",
	} {
		t.Run(how, func(t *testing.T) {
			g := NewWithT(t)
			cmd := exec.Command(os.Args[0], "-test.run=^TestMisuse$")
			cmd.Env = append(os.Environ(), misuse+"="+how)
			out, err := cmd.CombinedOutput()
			g.Expect(err).To(HaveOccurred())
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
