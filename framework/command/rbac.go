package command

import (
	"github.com/podproof/podproof/framework/elsewhere/rights"
	"github.com/podproof/podproof/framework/options"
	"github.com/spf13/cobra"
)

// newRBAC is `podproof rbac`: the roles that a run on an existing cluster needs.
func newRBAC() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rbac",
		Short: "Print the roles that a run on an existing cluster needs",
		Example: `  podproof rbac | kubectl apply -f -
  podproof rbac --namespaces=team-a,team-b --serviceaccount=ci/runner`,
		Args: noArguments, ValidArgsFunction: cobra.NoFileCompletions,
	}
	given := cmd.Flags().String("namespaces", "", "for a run that is confined to these `namespaces`: a role in each, and no rights in the whole cluster")
	named := cmd.Flags().String("serviceaccount", "", "the account that gets the rights, as `NAMESPACE/NAME` (default: podproof/podproof, or podproof in the first of the given namespaces)")
	cmd.RunE = func(*cobra.Command, []string) error {
		namespaces := options.List(*given)
		if cmd.Flags().Changed("namespaces") && len(namespaces) == 0 {
			return options.Usagef("namespaces: names nothing; leave --namespaces out for rights in the whole cluster")
		}
		if err := options.CheckNamespaces(namespaces); err != nil {
			return options.Usagef("namespaces: %v", err)
		}
		account := rights.Account{Namespace: "podproof", Name: "podproof"}
		if len(namespaces) > 0 {
			account.Namespace = namespaces[0]
		}
		if *named != "" {
			var err error
			if account, err = rights.ParseAccount(*named); err != nil {
				return options.Usagef("serviceaccount: %v", err)
			}
		}
		return printed(rights.Manifest(account, namespaces))
	}
	return cmd
}
