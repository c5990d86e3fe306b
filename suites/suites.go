// Package suites is the one entry to all specs: `go test ./suites`,
// `ginkgo -p ./suites` and the podproof binary run them through Run. The specs
// themselves are in one package per subject of the document.
package suites

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	"github.com/onsi/gomega"
	"github.com/onsi/gomega/format"
	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/namespace"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/framework/progress"
	"github.com/podproof/podproof/framework/setup"
	"github.com/podproof/podproof/framework/spec"

	// Each subject registers its specs.
	_ "github.com/podproof/podproof/suites/backoff"
	_ "github.com/podproof/podproof/suites/deletion"
	_ "github.com/podproof/podproof/suites/kubectl"
	_ "github.com/podproof/podproof/suites/lifecycle"
	_ "github.com/podproof/podproof/suites/network"
	_ "github.com/podproof/podproof/suites/phases"
	_ "github.com/podproof/podproof/suites/probes"
	_ "github.com/podproof/podproof/suites/restart"
	_ "github.com/podproof/podproof/suites/volumes"
)

// suiteTimeout only ends a run that hangs as a whole; specs have limits of
// their own.
const suiteTimeout = 3 * time.Hour

// setupPoll is how often Ginkgo tells how far set-up is, when it was started
// without the podproof binary: parallel processes cannot print by themselves.
const setupPoll = 30 * time.Second

// run is what this test process knows about the run it belongs to.
var run struct {
	options  options.Options
	err      error              // why the options cannot be used
	prepared *setup.Environment // made by the binary; nil when we make our own
	env      *setup.Environment // as used by the specs
	feed     *progress.Sender
	started  time.Time
	gates    map[string]string // of process 1, for the record
	// setupError is why process 1 could not make the environment.
	setupError error
}

func init() { run.feed = progress.Dial("") } // nobody listens, until Run knows better

// Pods are all specs, as the podproof command takes them.
type Pods struct{}

// Run is Run.
func (Pods) Run(t GinkgoTestingT) { Run(t) }

// Preview is Preview.
func (Pods) Preview(o options.Options) ([]types.SpecReport, error) { return Preview(o) }

// Run runs the specs that the options select, with set-up and clean-up unless
// the podproof binary has done them.
func Run(t GinkgoTestingT) {
	run.started = time.Now()
	run.options, run.prepared, run.err = load()
	suite, reporter := GinkgoConfiguration()
	suite.Timeout = suiteTimeout
	suite.FailOnEmpty = true
	suite.RandomizeAllSpecs = suite.RandomizeAllSpecs || run.options.Randomize
	if run.err == nil {
		suite.LabelFilter, run.err = labelFilter(run.options, suite.LabelFilter)
	}
	run.feed = progress.Dial(os.Getenv(setup.ProgressVariable))
	defer run.feed.Close()
	// Without the binary nobody is left to clean up after the specs, or to
	// read what they found; the next run removes its cluster.
	run.feed.OnLoss(func() { os.Exit(1) })
	gomega.RegisterFailHandler(Fail)
	// Stories are long, and the end of one is where the answer is.
	format.MaxLength = 0
	RunSpecs(t, "Pods", suite, reporter)
}

// load finds the options: those of the environment that the binary made, those
// that Test was given, or our own.
func load() (options.Options, *setup.Environment, error) {
	if path := os.Getenv(setup.EnvironmentVariable); path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			return options.Defaults(), nil, fmt.Errorf("%s: %w", setup.EnvironmentVariable, err)
		}
		env, err := setup.Unmarshal(data)
		if err != nil {
			return options.Defaults(), nil, err
		}
		return env.Options, env, nil
	}
	if given != nil {
		return *given, nil, nil
	}
	o, err := setup.ReadOptions(func(over options.Options) (options.Options, error) {
		o, err := options.Source{Lookup: os.LookupEnv}.Over(over)
		// Tests run in the directory of their package; the reports are, and belong,
		// where `make e2e` puts them.
		o.Out, o.Failed = inModule(o.Out), inModule(o.Failed)
		return o, err
	})
	if err == nil {
		err = o.Validate()
	}
	return o, nil, err
}

// inModule is a path as seen from moduleRoot; "" is none.
func inModule(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(moduleRoot(), path)
}

// moduleRoot is the nearest directory upwards with a go.mod, or the current one.
func moduleRoot() string {
	here, err := os.Getwd()
	if err != nil {
		return "."
	}
	for dir := here; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			return here
		}
	}
}

// labelFilter adds what the options select to what the Ginkgo command line
// selects.
func labelFilter(o options.Options, given string) (string, error) {
	var chosen []claims.Claim
	if len(o.Focus) > 0 {
		var err error
		if chosen, err = claims.Match(o.Focus); err != nil {
			return "", options.Usagef("focus: %v", err)
		}
	}
	filter := claim.Filter(claims.Profile(o.Profile), chosen)
	switch {
	case given == "":
		return filter, nil
	case filter == "":
		return given, nil
	default:
		return "(" + given + ") && (" + filter + ")", nil
	}
}

// Preview lists all specs with what the options select among them, without a
// cluster. It returns a UsageError when that is nothing.
func Preview(o options.Options) ([]types.SpecReport, error) {
	suite, reporter := GinkgoConfiguration()
	filter, err := labelFilter(o, "")
	if err != nil {
		return nil, err
	}
	suite.LabelFilter = filter
	var specs []types.SpecReport
	selected := 0
	for _, s := range PreviewSpecs("Pods", suite, reporter).SpecReports {
		if !s.LeafNodeType.Is(types.NodeTypeIt) {
			continue
		}
		specs = append(specs, s)
		if !s.State.Is(types.SpecStateSkipped) {
			selected++
		}
	}
	if missing := claim.Uncovered(specs); len(missing) > 0 {
		return specs, fmt.Errorf("podproof's own mistake: no spec proves %s", strings.Join(missing, ", "))
	}
	if selected == 0 {
		return specs, options.Usagef("focus %s selects no spec of profile %s, so nothing would be tested", strings.Join(o.Focus, ","), o.Profile)
	}
	return specs, nil
}

var _ = SynchronizedBeforeSuite(func(ctx SpecContext) []byte {
	switch {
	case errors.Is(run.err, setup.ErrNothingFailed):
		Skip(run.err.Error())
	case run.err != nil:
		Fail(run.err.Error())
	}
	if run.env = run.prepared; run.env != nil {
		return nil // each process has read it
	}
	run.env = ownEnvironment(ctx)
	data, err := run.env.Marshal()
	spec.Do(err)
	return data
}, func(ctx SpecContext, data []byte) {
	if run.env = run.prepared; run.env == nil {
		env, err := setup.Unmarshal(data)
		spec.Do(err)
		run.env = env
	}
	ground, err := run.env.Ground()
	spec.Do(err)
	spec.Do(spec.Use(ctx, ground, run.env.Dir))
}, PollProgressAfter(setupPoll), PollProgressInterval(setupPoll))

// ownEnvironment does the set-up that the binary would have done.
func ownEnvironment(ctx SpecContext) *setup.Environment {
	id, dir, err := setup.NewRun(run.options)
	if err != nil {
		run.setupError = err
		Fail(err.Error())
	}
	// Ginkgo shows what is written here while set-up goes on, see setupPoll.
	console := progress.NewConsole(GinkgoWriter, progress.Options{Plain: true})
	defer console.Close()
	env, err := setup.Up(ctx, run.options, id, dir, console)
	run.env = env
	if err != nil {
		run.setupError = err
		Fail("set-up: " + err.Error())
	}
	return env
}

var _ = SynchronizedAfterSuite(func() {}, func(ctx SpecContext) {
	run.gates = spec.Gates(ctx)
	if run.env != nil && run.env.Cluster != nil && run.env.Stays() {
		ground, err := run.env.Ground()
		spec.Do(err)
		spec.Do(namespace.Clear(ctx, ground))
	}
	if run.prepared == nil && run.env != nil {
		spec.Do(run.env.Down(ctx, progress.Discard()))
	}
})

var _ = ReportBeforeSuite(func(report Report) {
	run.feed.Event(progress.Event{Kind: progress.SpecsTotal, Total: report.PreRunStats.SpecsThatWillRun})
})

var _ = ReportBeforeEach(func(s SpecReport) {
	if s.State.Is(types.SpecStateSkipped | types.SpecStatePending) {
		return
	}
	out := claim.Outcome(s)
	run.feed.Event(progress.Event{Kind: progress.SpecStart, Text: out.Text, Claims: out.Claims, Process: GinkgoParallelProcess()})
})

var _ = ReportAfterEach(func(s SpecReport) {
	if out := claim.Outcome(s); out.State != "filtered" {
		run.feed.Event(progress.Event{Kind: progress.SpecDone, Text: out.Text, Claims: out.Claims, State: string(out.State), Seconds: out.Seconds, Process: GinkgoParallelProcess()})
	}
})
