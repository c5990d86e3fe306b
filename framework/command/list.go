package command

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/listing"
	"github.com/spf13/cobra"
)

// newList is `podproof list`: the catalogue with the specs that prove each claim, or the
// statements of the documentation with the claims that prove each.
func newList(suites Suites) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the claims with their specs, or the statements of the documentation",
		Example: `  podproof list
  podproof list --format=json | jq '.claims[].id'
  podproof list --documentation`,
		Args: noArguments, ValidArgsFunction: cobra.NoFileCompletions,
	}
	format := formatFlag(cmd, claimFormats, "")
	out := cmd.Flags().String("out", "", "write Markdown as a page for each subject into this `directory`")
	documentation := cmd.Flags().Bool("documentation", false, "list the statements of the documentation about Pods, with the claims that prove them")
	cmd.RunE = func(*cobra.Command, []string) error {
		if err := checkFormat(*format, claimFormats); err != nil {
			return err
		}
		if *out != "" && *format != "markdown" {
			return options.Usagef("a directory of pages is written as markdown only; add --format=markdown")
		}
		if *documentation {
			if *out != "" {
				return options.Usagef("with --out all pages are written, also that of the documentation; leave out --documentation")
			}
			return listDocumentation(*format)
		}
		return list(suites, *format, *out)
	}
	return cmd
}

func list(suites Suites, format, out string) error {
	entries, err := entries(suites)
	if err != nil {
		return err
	}
	switch {
	case format == "json":
		return listing.JSON(os.Stdout, entries)
	case format == "table":
		return listing.Table(os.Stdout, entries)
	case out == "":
		for _, page := range listing.Pages(entries)[1:] {
			fmt.Println(page.Text)
		}
		return nil
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return options.Usagef("%v", err)
	}
	for _, page := range listing.Pages(entries) {
		if err := reports.WriteFile(filepath.Join(out, page.File), []byte(page.Text)); err != nil {
			return err
		}
	}
	return nil
}

// listDocumentation lists statements. It needs no specs.
func listDocumentation(format string) error {
	switch format {
	case "json":
		return listing.DocumentationJSON(os.Stdout)
	case "table":
		return listing.DocumentationTable(os.Stdout)
	}
	fmt.Println(listing.Documentation(listing.Entries(nil)).Text)
	return nil
}

// entries are all claims with all their specs.
func entries(suites Suites) ([]listing.Entry, error) {
	previewed, err := suites.Preview(options.Defaults())
	if err != nil {
		return nil, err
	}
	var specs []reports.Spec
	for _, s := range previewed {
		specs = append(specs, claim.Outcome(s))
	}
	return listing.Entries(specs), nil
}
