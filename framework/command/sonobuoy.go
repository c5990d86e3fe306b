package command

import (
	"github.com/podproof/podproof/framework/elsewhere/incluster"
	"github.com/spf13/cobra"
)

// newSonobuoy is `podproof sonobuoy`: the definition of a plugin.
func newSonobuoy(suites Suites) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "sonobuoy",
		Short:   "Print podproof as a plugin of Sonobuoy",
		Example: "  podproof sonobuoy --profile=quick > plugin.yaml && sonobuoy run --plugin plugin.yaml",
		Args:    noArguments, ValidArgsFunction: cobra.NoFileCompletions,
	}
	pod := newPodFlags(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		if _, err := pod.check(suites); err != nil {
			return err
		}
		return printed(incluster.Plugin(pod.image, pod.args()))
	}
	return cmd
}
