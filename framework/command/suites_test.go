package command

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/podproof/podproof/suites"
)

// TestMain makes the test binary podproof itself where a test starts it so. Otherwise it
// gives the commands the specs that podproof has, and the repository as their directory,
// from which they are tried as a person would use them.
func TestMain(m *testing.M) {
	if os.Getenv(asPodproof) != "" {
		if filepath.Base(os.Args[0]) != "podproof" {
			panic("the test binary was started as " + os.Args[0])
		}
		os.Exit(Main(os.Args, suites.Pods{}))
	}
	theSuites = suites.Pods{}
	if err := os.Chdir("../.."); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
