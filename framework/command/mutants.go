package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/podproof/podproof/fixtures/mutants"
	"github.com/podproof/podproof/fixtures/versions"
	"github.com/podproof/podproof/framework/ground/workshop"
	"github.com/podproof/podproof/framework/mutation"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/framework/progress"
	"github.com/podproof/podproof/framework/run/onmutants"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/mutantrun"
	"github.com/spf13/cobra"
)

// newMutants is `podproof mutants`: it makes components wrong, one after the other, and says
// whether the suite notices.
func newMutants(suites Suites) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "mutants",
		Short: "Run the suite on components that are built wrong, and say whether it notices",
		Example: `  podproof mutants --mutant='backoff-*'
  podproof mutants --component=kubelet --profile=quick --every=8
  podproof mutants --check --k8s=1.36`,
		Args: noArguments, ValidArgsFunction: cobra.NoFileCompletions,
	}
	settings := everyOption(cmd)
	flags := mutantFlags{}
	flags.register(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		o, err := settings.read(suites)
		if err = refuseFailed(o, err); err != nil {
			return err
		}
		return flags.run(o)
	}
	return cmd
}

// mutantFlags are the flags of `podproof mutants` beside the options of a run.
type mutantFlags struct {
	onmutants.Filter
	all      bool
	upstream bool
	list     bool
	check    bool
	join     string // a directory
}

func (f *mutantFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.Mutants, "mutant", "", "only these `mutants`: IDs or patterns, separated by commas, such as backoff-*")
	flags.StringVar(&f.Component, "component", "", "only mutants of this `component`, such as kubelet")
	flags.BoolVar(&f.all, "all", false, "run every quick claim on each mutant whose own claims are all quick, not only those that have to turn red")
	flags.IntVar(&f.Every, "every", 1, "a sample: only every `N`-th of the mutants that the other flags select")
	flags.BoolVar(&f.upstream, "upstream", false, "also run the conformance specs on Pods of Kubernetes' own end-to-end suite on each mutant, for comparison")
	flags.BoolVar(&f.list, "list", false, "only list the mutants")
	flags.StringVar(&f.join, "join", "", "only make one result of all mutants.json below this `directory`, such as those of the jobs of a CI matrix")
	flags.BoolVar(&f.check, "check", false, "only say whether the mutants fit the sources of every supported version, or of that of --k8s")
	completes(cmd, "mutant", []string{"mutants"})
	completes(cmd, "component", mutants.Components())
}

func (f *mutantFlags) run(o options.Options) error {
	switch {
	case f.list && f.check, f.list && f.join != "", f.check && f.join != "":
		return options.Usagef("--list, --check and --join exclude each other; give one of them")
	case o.Repeat > 1:
		return options.Usagef("repeat is %d, and mutants run once each", o.Repeat)
	}
	if f.join != "" {
		return joinMutants(f.join)
	}
	chosen, err := f.Choose(o.Profile)
	if err != nil {
		return err
	}
	switch {
	case f.list:
		return listMutants(chosen)
	case f.check:
		ctx, stop := interruptible()
		defer stop()
		return checkMutants(ctx, chosen, o)
	case o.Existing():
		return options.Usagef("mutants are put into a kind cluster that podproof makes, never into the one of KUBECONFIG: unset it")
	case len(o.Focus) > 0:
		return options.Usagef("--focus has no meaning here: the claims are those of each mutant, or with --all every quick one")
	}
	if o.Kubernetes, err = onmutants.Version(o); err != nil {
		return err
	}
	return exit(onmutants.Run(onmutants.Request{Options: o, Filter: f.Filter, Chosen: chosen, All: f.all, Compare: f.upstream}))
}

// joinMutants shows the results of several runs as one.
func joinMutants(dir string) error {
	records, err := mutantrun.Read(dir)
	if err != nil {
		return options.Usagef("%v", err)
	}
	whole, err := mutantrun.Join(records)
	if err != nil {
		return options.Usagef("%v", err)
	}
	fmt.Print(mutantrun.Text(whole, false))
	return exit(whole.ExitCode)
}

func listMutants(chosen []mutants.Mutant) error {
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "MUTANT\tCOMPONENT\tCLAIMS\tWRONG")
	for _, m := range chosen {
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", m.ID, m.Component, strings.Join(m.Claims, ","), m.Wrong)
	}
	return out.Flush()
}

// checkMutants says of each version which mutants do not fit its sources.
func checkMutants(ctx context.Context, chosen []mutants.Mutant, o options.Options) error {
	cache, err := options.CacheDir()
	if err != nil {
		return err
	}
	all := versions.Supported()
	if o.Kubernetes != "" {
		v, err := versions.Find(o.Kubernetes)
		if err != nil {
			return options.Usagef("%v", err)
		}
		v.Build = cmp.Or(versions.Patch(o.Kubernetes), v.Build)
		all = []versions.Version{v}
	}
	code := 0
	for _, v := range all {
		w, err := workshop.Open(ctx, v.Build, cache, progress.Discard())
		if err != nil {
			return err
		}
		fits, err := checkVersion(ctx, w, v, chosen)
		w.Close()
		if err != nil {
			return err
		}
		if !fits {
			code = reports.ExitNonconformant
		}
	}
	return exit(code)
}

// checkVersion says which mutants do not fit the sources of one version, and whether
// all that are meant for it do.
func checkVersion(ctx context.Context, w *workshop.Workshop, v versions.Version, chosen []mutants.Mutant) (bool, error) {
	fit, other := 0, 0
	for _, m := range chosen {
		changed, err := mutation.Edit(ctx, w, m)
		switch {
		case errors.Is(err, mutants.ErrEdit):
			fmt.Printf("%s  %s does not fit: %v\n", v.Build, m.ID, err)
		case err != nil:
			return false, err
		case len(changed) == 0:
			other++
		default:
			fit++
		}
	}
	fmt.Printf("%s  %d of %d mutants fit, %d are not for this version\n", v.Build, fit, len(chosen), other)
	return fit+other == len(chosen), nil
}
