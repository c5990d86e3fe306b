package command

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/fixtures/mutants"
	"github.com/podproof/podproof/fixtures/versions"
	"github.com/podproof/podproof/framework/ground/workshop"
	"github.com/podproof/podproof/framework/mutation"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/framework/progress"
	"github.com/podproof/podproof/reports"
)

// mutantFlags are what `podproof mutants` can be told beside the options of a run.
type mutantFlags struct {
	mutants   string // IDs and patterns
	component string
	all       bool // every quick claim, not only those of the mutant
	every     int  // only every so many-th of those selected
	upstream  bool // also run Kubernetes' own suite on each mutant
	list      bool
	check     bool
	join      string // a directory
}

func (f *mutantFlags) register(flags *flag.FlagSet) {
	flags.StringVar(&f.mutants, "mutant", "", "IDs of mutants or patterns, separated by commas, such as backoff-*")
	flags.StringVar(&f.component, "component", "", "only mutants of this component, such as kubelet")
	flags.BoolVar(&f.all, "all", false, "run every quick claim on each mutant whose own claims are all quick, not only those that have to turn red")
	flags.IntVar(&f.every, "every", 1, "a sample: only every N-th of the mutants that the other flags select")
	flags.BoolVar(&f.upstream, "upstream", false, "also run the conformance specs on Pods of Kubernetes' own end-to-end suite on each mutant, for comparison")
	flags.BoolVar(&f.list, "list", false, "only list the mutants")
	flags.StringVar(&f.join, "join", "", "only make one result of all mutants.json below this `directory`, such as those of the jobs of a CI matrix")
	flags.BoolVar(&f.check, "check", false, "only say whether the mutants fit the sources of every supported version, or of that of --k8s")
}

// commandMutants is `podproof mutants`: it makes components wrong, one after the
// other, and says whether the suite notices.
func commandMutants(args []string) int {
	var f mutantFlags
	o, err := runOptions("podproof mutants", args, f.register)
	err = refuseFailed(o, err)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return report(err)
	}
	if f.join != "" {
		return joinMutants(f.join)
	}
	chosen, err := f.choose(o.Profile)
	if err != nil {
		return report(err)
	}
	switch {
	case f.list:
		return listMutants(chosen)
	case f.check:
		return checkMutants(chosen, o)
	case o.Existing():
		return report(options.Usagef("mutants are put into a kind cluster that podproof makes, never into the one of KUBECONFIG: unset it"))
	case len(o.Focus) > 0:
		return report(options.Usagef("focus has no meaning here: the claims are those of each mutant, or with --all every quick one"))
	}
	if o.Kubernetes, err = mutantsVersion(o); err != nil {
		return report(err)
	}
	return launchMutants(o, f, chosen)
}

// mutantsVersion is the exact version of the cluster for mutants. They are made from the
// sources of the node image that podproof builds: in one that kind has published the
// container runtime is another, and a claim could turn red for that.
func mutantsVersion(o options.Options) (string, error) {
	if o.NodeImage != "" {
		return o.Kubernetes, nil
	}
	v, err := versions.Find(o.Kubernetes)
	if err != nil {
		return "", options.Usagef("%v", err)
	}
	if asked := versions.Patch(o.Kubernetes); asked != "" && asked != v.Build {
		return "", options.Usagef("mutants are made from sources, and of Kubernetes %s those of %s are had; ask for %s, or name a node image", v.Minor, v.Build, v.Minor)
	}
	return v.Build, nil
}

// choose gives the mutants that the flags and the profile select.
func (f mutantFlags) choose(profile string) ([]mutants.Mutant, error) {
	chosen, err := mutants.Match([]string{f.mutants})
	if err != nil {
		return nil, options.Usagef("%v", err)
	}
	if f.component != "" && !slices.Contains(mutants.Components(), f.component) {
		return nil, options.Usagef("component %q is unknown; the components are %s", f.component, strings.Join(mutants.Components(), ", "))
	}
	if f.every < 1 {
		return nil, options.Usagef("--every=%d selects nothing: 1 is every mutant, 8 every eighth", f.every)
	}
	chosen = slices.DeleteFunc(chosen, func(m mutants.Mutant) bool {
		_, needs := focusOf(m, false)
		return f.component != "" && m.Component != f.component || profile == options.Quick && needs != options.Quick
	})
	n := 0
	chosen = slices.DeleteFunc(chosen, func(mutants.Mutant) bool { n++; return n%f.every != 0 })
	if len(chosen) == 0 {
		return nil, options.Usagef("no mutant is selected by all of --mutant, --component, --profile and --every")
	}
	return chosen, nil
}

// filters says in words what the flags and the profile select by.
func (f mutantFlags) filters(profile string) []string {
	var filters []string
	if f.mutants != "" {
		filters = append(filters, "mutants "+f.mutants)
	}
	if f.component != "" {
		filters = append(filters, "component "+f.component)
	}
	if profile == options.Quick {
		filters = append(filters, "claims that are all quick")
	}
	if f.every > 1 {
		filters = append(filters, fmt.Sprintf("number %d, %d, %d and so on of these", f.every, 2*f.every, 3*f.every))
	}
	return filters
}

// joinMutants shows the results of several runs as one.
func joinMutants(dir string) int {
	records, err := reports.ReadMutants(dir)
	if err != nil {
		return report(options.Usagef("%v", err))
	}
	whole, err := reports.JoinMutants(records)
	if err != nil {
		return report(options.Usagef("%v", err))
	}
	fmt.Print(reports.MutantsText(whole, false))
	return whole.ExitCode
}

func listMutants(chosen []mutants.Mutant) int {
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "MUTANT\tCOMPONENT\tCLAIMS\tWRONG")
	for _, m := range chosen {
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", m.ID, m.Component, strings.Join(m.Claims, ","), m.Wrong)
	}
	if err := out.Flush(); err != nil {
		return report(err)
	}
	return 0
}

// checkMutants says of each version which mutants do not fit its sources.
func checkMutants(chosen []mutants.Mutant, o options.Options) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cache, err := options.CacheDir()
	if err != nil {
		return report(err)
	}
	all := versions.Supported()
	if o.Kubernetes != "" {
		v, err := versions.Find(o.Kubernetes)
		if err != nil {
			return report(options.Usagef("%v", err))
		}
		v.Build = cmp.Or(versions.Patch(o.Kubernetes), v.Build)
		all = []versions.Version{v}
	}
	code := 0
	for _, v := range all {
		w, err := workshop.Open(ctx, v.Build, cache, progress.Discard())
		if err != nil {
			return report(err)
		}
		fits, err := checkVersion(ctx, w, v, chosen)
		w.Close()
		if err != nil {
			return report(err)
		}
		if !fits {
			code = reports.ExitNonconformant
		}
	}
	return code
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

// quickOf gives those of the claims, and of the claims that laws among them speak for,
// that are quick. When none is, it gives none, which are all quick ones: the others take
// up to a quarter of an hour, and whether the cluster is whole again any claim can tell.
func quickOf(concerned []string) []string {
	focus, _ := focusOf(mutants.Mutant{Claims: concerned}, false)
	return slices.DeleteFunc(focus, func(id string) bool {
		c, err := claims.Find(id)
		return err != nil || c.Profile == claims.Full
	})
}

// focusOf gives the claims whose specs show the mutant, and their profile. A law is
// seen on the pods of any spec, most likely on those of the claims that it speaks for.
// No claims are all quick ones.
func focusOf(m mutants.Mutant, all bool) (focus []string, profile string) {
	profile = options.Quick
	for _, id := range m.Claims {
		c, err := claims.Find(id)
		if err != nil {
			continue // a test sees to that
		}
		if c.Profile == claims.Full {
			profile = options.Full
		}
		ids := []string{c.ID}
		if c.Law {
			ids = c.SpeaksFor
		}
		for _, id := range ids {
			if !slices.Contains(focus, id) {
				focus = append(focus, id)
			}
		}
	}
	if all && profile == options.Quick {
		focus = nil
	}
	return focus, profile
}
