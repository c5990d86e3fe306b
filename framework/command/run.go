package command

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/podproof/podproof/framework/fleet"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/framework/run"
	"github.com/podproof/podproof/framework/setup"
	"github.com/spf13/cobra"
)

// newRun is `podproof run`.
func newRun(suites Suites) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the specs on a kind cluster, or on yours, and print a verdict for every claim",
		Long: `Run makes a kind cluster, runs the specs on it, prints a verdict for every claim, and removes
the cluster. With a kubeconfig it runs on that cluster instead.`,
		Example: `  podproof run --profile=quick
  podproof run --focus='BACKOFF-*' --k8s=1.36 --keep
  podproof run --kubeconfig=$HOME/.kube/config --context=staging`,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags := everyOption(cmd)
	nodes := nodesFlags{}
	nodes.register(cmd, true)
	sonobuoy := cmd.Flags().Bool("sonobuoy", false, "hand the results over as a plugin of Sonobuoy does")
	mark(cmd.Flags(), "sonobuoy", notFromMake, "")
	// Sonobuoy also waits for the results of a run that its flags keep from beginning.
	refused := func(err error) error {
		if err == nil || !*sonobuoy {
			return err
		}
		o, _ := options.Source{Lookup: os.LookupEnv}.Over(options.Defaults()) // as far as it goes
		return exit(run.ForSonobuoy(o, err))
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error { return refused(noArguments(cmd, args)) }
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return refused(wrongFlag(cmd, err)) })
	cmd.RunE = func(*cobra.Command, []string) error {
		o, err := flags.read(suites)
		var choice *fleet.Choice
		if err == nil {
			choice, err = nodes.choice(o)
		}
		if err == nil && choice != nil && *sonobuoy {
			err = options.Usagef("Sonobuoy takes the results of one run, and --nodes makes one for each node")
		}
		switch {
		case *sonobuoy:
			return exit(run.ForSonobuoy(o, err))
		case errors.Is(err, setup.ErrNothingFailed):
			fmt.Printf("Nothing to run again: %v.\n", err)
			return nil
		case err != nil:
			return err
		}
		if o.Failed != "" {
			fmt.Printf("Running again what failed in %s: %s\n", o.Failed, cmp.Or(strings.Join(o.Focus, ", "), "all claims"))
		}
		if choice != nil {
			return exit(run.Nodes(o, *choice))
		}
		return exit(run.Once(o))
	}
	return cmd
}
