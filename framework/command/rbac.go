package command

import (
	"errors"
	"flag"
	"os"

	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/framework/rights"
)

// commandRBAC is `podproof rbac`: the roles that a run on an existing cluster needs.
func commandRBAC(args []string) int {
	flags := flag.NewFlagSet("podproof rbac", flag.ContinueOnError)
	var o options.Options
	flags.Func("namespaces", "for a run that is confined to these `namespaces`: a role in each, and nothing of the whole cluster", func(v string) error {
		o.Namespaces = options.List(v)
		return options.CheckNamespaces(o.Namespaces)
	})
	named := flags.String("serviceaccount", "", "the account that is given the rights, as `NAMESPACE/NAME` (default podproof/podproof, or podproof in the first of the given namespaces)")
	err := parseAlone(flags, args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return report(err)
	}
	account := rights.Account{Namespace: "podproof", Name: "podproof"}
	if len(o.Namespaces) > 0 {
		account.Namespace = o.Namespaces[0]
	}
	if *named != "" {
		if account, err = rights.ParseAccount(*named); err != nil {
			return report(options.Usagef("serviceaccount: %v", err))
		}
	}
	manifest, err := rights.Manifest(account, o.Namespaces)
	if err == nil {
		_, err = os.Stdout.Write(manifest)
	}
	if err != nil {
		return report(err)
	}
	return 0
}
