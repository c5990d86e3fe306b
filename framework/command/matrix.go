package command

import (
	"github.com/podproof/podproof/framework/run"
	"github.com/spf13/cobra"
)

// newMatrix is `podproof matrix`: a run on each of several Kubernetes versions.
func newMatrix(suites Suites) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "matrix",
		Short: "Run on every supported Kubernetes version, one after the other, and compare",
		Example: `  podproof matrix --profile=quick
  podproof matrix --k8s=1.37,1.34 --focus='RESTART-*'`,
		Args: noArguments, ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags := everyOption(cmd)
	cmd.Flags().Lookup("k8s").Usage = "Kubernetes versions, separated by commas, such as 1.37,1.34 (default: all supported)"
	cmd.RunE = func(*cobra.Command, []string) error {
		o, err := flags.readForVersions(suites)
		if err = refuseFailed(o, err); err != nil {
			return err
		}
		versions, err := run.MatrixVersions(o)
		if err != nil {
			return err
		}
		return exit(run.Matrix(o, versions))
	}
	return cmd
}
