package command

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	"github.com/podproof/podproof/fixtures/versions"
	"github.com/podproof/podproof/framework/cluster"
	"github.com/podproof/podproof/framework/fleet"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/framework/setup"
	"github.com/podproof/podproof/framework/witness/witnessimage"
	"github.com/podproof/podproof/reports"
	"github.com/spf13/cobra"
)

const usage = `podproof proves, on real pods, that a Kubernetes cluster treats Pods as documented.

%s
Flags of each: podproof run -h. Exit codes: 0 conformant, 1 nonconformant (compare:
a claim became worse; validate: refused; mutants: one was not noticed), 2 bad usage,
3 could not test, 4 interrupted.
`

// subcommand is one command of podproof.
type subcommand struct {
	name string
	// about says what it does, in one line or two.
	about string
	run   func(args []string) int

	// What the shell completes: whether files may follow the flags, other words that
	// may, and the values of --format.
	files   bool
	words   []string
	formats []string
}

// commands are all that podproof can be asked for.
func commands() []subcommand {
	return []subcommand{
		{name: "run", run: commandRun, about: "make a kind cluster (or use the one in KUBECONFIG), run the\nspecs on it, print a verdict for every claim"},
		{name: "matrix", run: commandMatrix, about: "do that on every supported Kubernetes version, one after the\nother, and compare them"},
		{name: "image", run: commandImage, about: "write podproof as a container image, without a registry"},
		{name: "job", run: commandJob, about: "print a Job that runs podproof in the cluster that it tests"},
		{name: "sonobuoy", run: commandSonobuoy, about: "print podproof as a plugin of Sonobuoy"},
		{name: "report", run: commandReport, about: "make the files of a run again from its record", files: true},
		{name: "compare", run: commandCompare, about: "say what changed between the records of two or more runs", files: true},
		{name: "fleet", run: commandFleet, about: "make one result of those of the shards of a run on many nodes", files: true},
		{name: "publish", run: commandPublish, about: "write the conformance report of a run, to be published", files: true},
		{name: "validate", run: commandValidate, about: "refuse a conformance report that cannot be right", files: true},
		{name: "list", run: commandList, about: "list the claims with their specs, without a cluster", formats: claimFormats},
		{name: "images", run: commandImages, about: "list the images that a run needs, without a cluster", formats: listFormats},
		{name: "versions", run: commandVersions, about: "list the supported Kubernetes versions and their node images", formats: listFormats},
		{name: "rbac", run: commandRBAC, about: "print the roles that a run on an existing cluster needs"},
		{name: "mutants", run: commandMutants, about: "run the suite against components that are built wrong, and say\nwhether it notices"},
		{name: "clean", run: commandClean, about: "remove what interrupted or kept runs left on this machine"},
		{name: "completion", run: commandCompletion, about: "print what makes bash, zsh or fish complete podproof's commands", words: shells},
	}
}

// usageText is the usage with the commands.
func usageText() string {
	var list strings.Builder
	for _, c := range commands() {
		fmt.Fprintf(&list, "  podproof %-11s%s\n", c.name, strings.ReplaceAll(c.about, "\n", "\n"+strings.Repeat(" ", 22)))
	}
	return fmt.Sprintf(usage, list.String())
}

// Suites are the specs that the command runs.
type Suites interface {
	// Preview lists all specs, those that the options leave out as skipped, without a
	// cluster. Its error is a UsageError when the options select none.
	Preview(options.Options) ([]types.SpecReport, error)
	// Run runs the specs, in a process that Ginkgo has started.
	Run(ginkgo.GinkgoTestingT)
}

// theSuites are those that Main was given.
var theSuites Suites

// Main is the podproof command with these arguments, of which the first is the program,
// and suites; it returns the exit code.
func Main(args []string, all Suites) int {
	theSuites = all
	if isSuite(args[0]) {
		return runSuite()
	}
	if len(args) < 2 {
		fmt.Fprint(os.Stderr, usageText())
		return reports.ExitUsage
	}
	name, args := args[1], args[2:]
	for _, c := range commands() {
		if c.name == name {
			return c.run(args)
		}
	}
	switch name {
	case ginkgoCommand:
		runGinkgo(args)
		return 0
	case cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd:
		return complete(append([]string{name}, args...))
	case "help", "-h", "--help":
		fmt.Print(usageText())
		return 0
	default:
		fmt.Fprintf(os.Stderr, "podproof: unknown command %q\n\n%s", name, usageText())
		return reports.ExitUsage
	}
}

// runSuite is the process as Ginkgo's compiled suite; it returns the exit code.
func runSuite() int {
	testing.Init()
	flag.Parse()
	t := &outcome{}
	theSuites.Run(t)
	if t.failed {
		return 1
	}
	return 0
}

// outcome is all that Ginkgo needs of a testing.T.
type outcome struct{ failed bool }

func (o *outcome) Fail() { o.failed = true }

// commandRun is `podproof run`.
func commandRun(args []string) int {
	forSonobuoy := false
	var nodes nodesFlags
	o, err := runOptions("podproof run", args, func(flags *flag.FlagSet) {
		nodes.register(flags)
		flags.BoolVar(&forSonobuoy, "sonobuoy", false, "hand the results over as a plugin of Sonobuoy does")
	})
	var choice *fleet.Choice
	if err == nil {
		choice, err = nodes.choice(o)
	}
	if err == nil && choice != nil && forSonobuoy {
		err = options.Usagef("Sonobuoy takes the results of one run, and --nodes makes one for each node")
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case forSonobuoy:
		return runForSonobuoy(o, err)
	case errors.Is(err, setup.ErrNothingFailed):
		fmt.Printf("Nothing to run again: %v.\n", err)
		return reports.ExitConformant
	case err != nil:
		return report(err)
	}
	if o.Failed != "" {
		fmt.Printf("Running again what failed in %s: %s\n", o.Failed, cmp.Or(strings.Join(o.Focus, ", "), "all claims"))
	}
	if choice != nil {
		return launchNodes(o, *choice)
	}
	return launch(o)
}

// runOptions reads and checks the options of a command that runs specs on one cluster.
func runOptions(command string, args []string, more func(*flag.FlagSet)) (options.Options, error) {
	o, err := specsOptions(command, args, more)
	if err == nil && o.Kubernetes != "" && o.NodeImage == "" {
		if _, unknown := versions.Find(o.Kubernetes); unknown != nil {
			err = options.Usagef("%v", unknown)
		}
	}
	return o, err
}

// specsOptions reads and checks the options of a command that runs specs, but for the
// Kubernetes version; whatever is wrong with them is found here, before anything is
// made. More registers the flags that the command has beside them.
func specsOptions(command string, args []string, more func(*flag.FlagSet)) (options.Options, error) {
	// The options file is named by a flag, and is weaker than the others.
	config := ""
	names := flag.NewFlagSet(command, flag.ContinueOnError)
	names.StringVar(&config, "config", "", "YAML file with options (their names are those of the record)")
	names.SetOutput(io.Discard) // we say ourselves what is wrong
	scratch := options.Defaults()
	options.Register(names, &scratch)
	more(names)
	if describe(names) {
		return scratch, flag.ErrHelp
	}
	if err := names.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Printf("Flags of %s; options of a run can also be set by an environment variable such as PODPROOF_PROFILE:\n", command)
			names.SetOutput(os.Stdout)
			names.PrintDefaults()
			return scratch, err
		}
		return scratch, options.Usagef("%v; %s -h lists the flags", err, command)
	}
	if names.NArg() > 0 {
		return scratch, options.Usagef("unexpected argument %q; %s -h lists the flags", names.Arg(0), command)
	}
	o, err := setup.ReadOptions(func(over options.Options) (options.Options, error) {
		o, err := options.LoadOver(over, config, os.LookupEnv)
		if err != nil {
			return o, err
		}
		flags := flag.NewFlagSet(command, flag.ContinueOnError)
		flags.String("config", "", "")
		options.Register(flags, &o)
		more(flags)
		if err := flags.Parse(args); err != nil {
			return o, options.Usagef("%v", err)
		}
		return o, nil
	})
	if err != nil {
		return o, err
	}
	if err := o.Validate(); err != nil {
		return o, err
	}
	if o.Kubeconfig != "" {
		if err := cluster.CheckKubeconfig(o.Kubeconfig, o.Context); err != nil {
			return o, options.Usagef("%v", err)
		}
	}
	if o.InCluster {
		if err := cluster.CheckInCluster(); err != nil {
			return o, options.Usagef("in-cluster: %v", err)
		}
	}
	if o.Existing() {
		if _, _, err := witnessimage.Named(o.Witness, o.WitnessTwin); err != nil {
			return o, options.Usagef("%v", err)
		}
	}
	_, err = theSuites.Preview(o)
	return o, err
}

// refuseFailed is the error of reading the options of a command that cannot run again
// what failed in a record, when it is told to.
func refuseFailed(o options.Options, err error) error {
	if o.Failed != "" && !errors.Is(err, flag.ErrHelp) {
		return options.Usagef("failed (%s) has a meaning for podproof run only: unset it", o.Failed)
	}
	return err
}

// report prints an error that ended a command, and returns its exit code.
func report(err error) int {
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

// cacheDir is a sub-directory of podproof's cache.
func cacheDir(name string) (string, error) {
	dir, err := options.CacheDir()
	return filepath.Join(dir, name), err
}
