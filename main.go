// Podproof proves, on real pods, that a Kubernetes cluster treats Pods as
// documented. See README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/podproof/podproof/framework/cluster"
	"github.com/podproof/podproof/framework/nodeimage"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/framework/witness"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/suites"
)

const usage = `podproof proves, on real pods, that a Kubernetes cluster treats Pods as documented.

  podproof run       make a kind cluster (or use the one in KUBECONFIG), run the
                     specs on it, print a verdict for every claim
  podproof matrix    do that on every supported Kubernetes version, one after the
                     other, and compare them
  podproof report    make the files of a run again from its record
  podproof compare   say what changed between the records of two or more runs
  podproof publish   write the conformance report of a run, to be published
  podproof validate  refuse a conformance report that cannot be right
  podproof list      list the claims with their specs, without a cluster
  podproof images    list the images that a run needs, without a cluster
  podproof versions  list the supported Kubernetes versions and their node images
  podproof rbac      print the roles that a run on an existing cluster needs
  podproof mutants   run the suite against components that are built wrong, and say
                     whether it notices
  podproof clean     remove what interrupted or kept runs left on this machine

Flags of each: podproof run -h. Exit codes: 0 conformant, 1 nonconformant (compare:
a claim became worse; validate: refused; mutants: one was not noticed), 2 bad usage,
3 could not test, 4 interrupted.
`

func main() {
	if isSuite(os.Args[0]) {
		runSuite()
	}
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(reports.ExitUsage)
	}
	command, args := os.Args[1], os.Args[2:]
	switch command {
	case "run":
		os.Exit(commandRun(args))
	case "matrix":
		os.Exit(commandMatrix(args))
	case "versions":
		os.Exit(commandVersions(args))
	case "list":
		os.Exit(commandList(args))
	case "report":
		os.Exit(commandReport(args))
	case "mutants":
		os.Exit(commandMutants(args))
	case "images":
		os.Exit(commandImages(args))
	case "compare":
		os.Exit(commandCompare(args))
	case "publish":
		os.Exit(commandPublish(args))
	case "validate":
		os.Exit(commandValidate(args))
	case "rbac":
		os.Exit(commandRBAC(args))
	case "clean":
		os.Exit(commandClean(args))
	case ginkgoCommand:
		runGinkgo(args)
	case "help", "-h", "--help":
		fmt.Print(usage)
	default:
		fmt.Fprintf(os.Stderr, "podproof: unknown command %q\n\n%s", command, usage)
		os.Exit(reports.ExitUsage)
	}
}

// runSuite is the process as Ginkgo's compiled suite; it exits.
func runSuite() {
	testing.Init()
	flag.Parse()
	t := &outcome{}
	suites.Run(t)
	if t.failed {
		os.Exit(1)
	}
	os.Exit(0)
}

// outcome is all that Ginkgo needs of a testing.T.
type outcome struct{ failed bool }

func (o *outcome) Fail() { o.failed = true }

// commandRun is `podproof run`.
func commandRun(args []string) int {
	o, err := runOptions("podproof run", args, func(*flag.FlagSet) {})
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return report(err)
	}
	return launch(o)
}

// runOptions reads and checks the options of a command that runs specs on one cluster.
func runOptions(command string, args []string, more func(*flag.FlagSet)) (options.Options, error) {
	o, err := specsOptions(command, args, more)
	if err == nil && o.Kubernetes != "" && o.NodeImage == "" {
		if _, unknown := nodeimage.Find(o.Kubernetes); unknown != nil {
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
	o, err := options.Load(config, os.LookupEnv)
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
	if err := o.Validate(); err != nil {
		return o, err
	}
	if o.Kubeconfig != "" {
		if err := cluster.CheckKubeconfig(o.Kubeconfig, o.Context); err != nil {
			return o, options.Usagef("%v", err)
		}
		if _, _, err := witness.Named(o.Witness, o.WitnessTwin); err != nil {
			return o, options.Usagef("%v", err)
		}
	}
	_, err = suites.Preview(o)
	return o, err
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
