package suites

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/framework/setup"
)

// given are the options of Test; nil says that they come from the environment.
var given *options.Options

// tested says that Test has run.
var tested atomic.Bool

// Test runs the specs that the options choose, as part of another module's tests:
//
//	func TestPods(t *testing.T) {
//		suites.Test(t, options.Options{Kubeconfig: kubeconfig, Focus: []string{"RESTART-*"}})
//	}
//
// Options that are left out are those of options.Defaults, but for Out: without it the
// results land in the test's artifact directory, which `go test -artifacts` keeps. No
// environment variable is read. Without a kubeconfig a kind cluster is made, and removed.
//
// Ginkgo runs its specs once in a process, all of one tree: a test binary can call Test
// once, and must have no Ginkgo specs of its own. `go test` runs one spec at a time
// (give it a -timeout), `ginkgo -p` several.
func Test(t *testing.T, o options.Options) {
	t.Helper()
	if !tested.CompareAndSwap(false, true) {
		t.Fatal("suites.Test was called before in this process, and Ginkgo runs specs once in a process: choose all claims by one call, or put the other test into a package of its own")
	}
	if o.Out == "" {
		o.Out = t.ArtifactDir()
	}
	o, err := setup.ReadOptions(func(over options.Options) (options.Options, error) { return o.Over(over), nil })
	if errors.Is(err, setup.ErrNothingFailed) {
		t.Skip(err)
	}
	if err == nil {
		err = o.Validate()
	}
	if err == nil {
		_, err = labelFilter(o, "")
	}
	if err != nil {
		t.Fatal(err)
	}
	given = &o
	Run(t)
}
