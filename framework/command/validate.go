package command

import (
	"fmt"
	"os"

	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/reports/conformance"
	"github.com/spf13/cobra"
)

// exitRefused says that a conformance report cannot be right.
const exitRefused = 1

// newValidate is `podproof validate`: whether a conformance report can be right.
func newValidate() *cobra.Command {
	return &cobra.Command{
		Use:     "validate REPORT",
		Short:   "Refuse a conformance report that cannot be right",
		Example: "  podproof validate report.yaml",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return options.Usagef("validate needs one conformance report, and was given %d", len(args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return validate(args[0]) },
	}
}

func validate(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return options.Usagef("%v; name a file that podproof publish has written", err)
	}
	published, err := conformance.Parse(data)
	if err != nil {
		return options.Usagef("%s: %v", path, err)
	}
	problems := published.Check()
	for _, problem := range problems {
		fmt.Fprintf(os.Stderr, "%s: %v\n", path, problem)
	}
	if len(problems) > 0 {
		return exit(exitRefused)
	}
	scope := "part of the profile"
	if published.WholeProfile {
		scope = "the whole profile"
	}
	fmt.Printf("%s: %s %s, %s %s: %s; its numbers add up\n", path, published.Implementation.Project,
		published.Implementation.Version, scope, published.Profile, published.Result)
	return nil
}
