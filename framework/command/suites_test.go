package command

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/podproof/podproof/suites"
)

// podproof runs a command with podproof's own specs and returns its exit code.
func podproof(args ...string) int { return execute(args, suites.Pods{}) }

// TestMain makes the test binary podproof itself where a test starts it so. Otherwise the
// tests run in the directory of the repository, as a person would use the commands.
func TestMain(m *testing.M) {
	if os.Getenv(asPodproof) != "" {
		if filepath.Base(os.Args[0]) != "podproof" {
			panic("the test binary was started as " + os.Args[0])
		}
		os.Exit(Main(os.Args, suites.Pods{}))
	}
	if err := os.Chdir("../.."); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
