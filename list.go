package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/suites"
)

// commandList is `podproof list`: the catalogue with the number of specs that
// prove each claim, without a cluster.
func commandList(args []string) int {
	flags := flag.NewFlagSet("podproof list", flag.ContinueOnError)
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil || flags.NArg() > 0:
		return reports.ExitUsage
	}
	specs, err := suites.Preview(options.Defaults())
	if err != nil {
		return report(err)
	}
	proofs := map[string]int{}
	for _, s := range specs {
		for _, c := range claim.Of(s.Labels()) {
			proofs[c.ID]++
		}
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "CLAIM\tSTRENGTH\tPROFILE\tSPECS\tARTICLE\tSENTENCE")
	for _, c := range claims.All() {
		count := fmt.Sprint(proofs[c.ID])
		if c.Law {
			count = "every pod"
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\n", c.ID, c.Strength, c.Profile, count, c.ArticleVerdict, c.Sentence)
	}
	if err := out.Flush(); err != nil {
		return report(err)
	}
	return 0
}
