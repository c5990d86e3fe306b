package command

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/podproof/podproof/framework/incluster"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/framework/progress"
	"github.com/podproof/podproof/framework/rights"
	"github.com/podproof/podproof/framework/setup"
	"github.com/podproof/podproof/framework/witness/witnessimage"
	"github.com/podproof/podproof/reports"
)

// inClusterFlags are the options of a run that have a meaning in a pod.
var inClusterFlags = []string{"profile", "focus", "namespaces", "node-selector", "witness", "witness-twin", "procs", "randomize", "seed"}

// podFlags are what the commands can be told that print podproof as a pod.
type podFlags struct {
	image   string
	options options.Options
	args    []string // of `podproof run` in the pod
}

func (f *podFlags) register(flags *flag.FlagSet) {
	flags.StringVar(&f.image, "image", "", "`reference` of podproof's image (default: that of `podproof image`)")
	f.options = options.Defaults()
	f.options.InCluster = true
	all := flag.NewFlagSet("", flag.ContinueOnError)
	options.Register(all, &f.options)
	for _, name := range inClusterFlags {
		known := all.Lookup(name)
		set := func(value string) error {
			f.args = append(f.args, fmt.Sprintf("--%s=%s", name, value))
			return known.Value.Set(value)
		}
		if isSwitch, ok := known.Value.(interface{ IsBoolFlag() bool }); ok && isSwitch.IsBoolFlag() {
			flags.BoolFunc(name, known.Usage, set)
		} else {
			flags.Func(name, known.Usage, set)
		}
	}
}

// check finds here what would end the run in the pod, and names the image.
func (f *podFlags) check() error {
	if err := f.options.Validate(); err != nil {
		return err
	}
	if _, _, err := witnessimage.Named(f.options.Witness, f.options.WitnessTwin); err != nil {
		return options.Usagef("%v", err)
	}
	if _, err := theSuites.Preview(f.options); err != nil {
		return err
	}
	if f.image != "" {
		return nil
	}
	self, err := os.Executable()
	if err == nil {
		f.image, err = incluster.Reference(self)
	}
	return err
}

// commandJob is `podproof job`: a manifest with which podproof runs in the cluster.
func commandJob(args []string) int {
	flags := flag.NewFlagSet("podproof job", flag.ContinueOnError)
	var f podFlags
	f.register(flags)
	var nodes nodesFlags
	flags.StringVar(&nodes.nodes, "nodes", "", "judge these `nodes` one by one, as podproof run --nodes does: all, or names separated by commas")
	shards := flags.Int("shards", 1, "in as many pods of the Job, each of which judges a part of the nodes")
	named := flags.String("serviceaccount", "podproof/podproof", "the account that the Job has, as `NAMESPACE/NAME`; the Job is in that namespace, which with --namespaces has to be there")
	return f.print(flags, args, func() ([]byte, error) {
		account, err := rights.ParseAccount(*named)
		if err != nil {
			return nil, options.Usagef("serviceaccount: %v", err)
		}
		if slices.Contains(f.options.Namespaces, account.Namespace) {
			return nil, options.Usagef("the Job itself would be in %s, one of the namespaces that its run is confined to and that must have no other pods; give it another by --serviceaccount=NAMESPACE/NAME", account.Namespace)
		}
		job := incluster.Job{Image: f.image, Account: account, Namespaces: f.options.Namespaces, Args: f.args}
		if job.Shards, err = nodes.shards(f.options, *shards); err != nil {
			return nil, err
		}
		if job.Shards > 0 {
			job.Args = append(job.Args, "--nodes="+nodes.nodes)
		}
		return job.Manifest()
	})
}

// commandSonobuoy is `podproof sonobuoy`: the definition of a plugin.
func commandSonobuoy(args []string) int {
	var f podFlags
	flags := flag.NewFlagSet("podproof sonobuoy", flag.ContinueOnError)
	f.register(flags)
	return f.print(flags, args, func() ([]byte, error) { return incluster.Plugin(f.image, f.args) })
}

// print reads the flags and prints what is made of them; it returns the exit code.
func (f *podFlags) print(flags *flag.FlagSet, args []string, manifest func() ([]byte, error)) int {
	err := parseAlone(flags, args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err == nil {
		err = f.check()
	}
	var text []byte
	if err == nil {
		text, err = manifest()
	}
	if err == nil {
		_, err = os.Stdout.Write(text)
	}
	if err != nil {
		return report(err)
	}
	return 0
}

// runForSonobuoy is a run whose results Sonobuoy waits for: whatever becomes of it, also
// when its options are wrong, there is a record to hand over.
func runForSonobuoy(o options.Options, wrong error) int {
	switch {
	case o.Failed != "":
		wrong = options.Usagef("failed (%s) and sonobuoy contradict each other: a plugin has no record of an earlier run", o.Failed)
	case wrong == nil && o.Repeat > 1:
		wrong = options.Usagef("repeat is %d, and Sonobuoy takes the results of one run", o.Repeat)
	}
	id, dir, err := setup.NewRun(o)
	if err != nil { // which is to be handed over as well, from wherever can be written to
		wrong = cmp.Or(wrong, err)
		if o.Out, err = os.MkdirTemp("", "podproof-"); err == nil {
			id, dir, err = setup.NewRun(o)
		}
	}
	if err != nil {
		return report(err)
	}
	var code int
	if wrong != nil {
		code = report(wrong)
		record := setup.FailedSetup(&setup.Environment{Options: o, RunID: id, Dir: dir}, time.Now(), false, wrong)
		record.ExitCode = code
		console := progress.NewConsole(os.Stdout, progress.Options{})
		conclude(console, o, dir, record)
		console.Close()
	} else {
		code = launchIn(o, id, dir)
	}
	if err := incluster.HandOver(dir, incluster.ResultsDir()); err != nil {
		return reports.WorseExit(code, report(err))
	}
	return code
}
