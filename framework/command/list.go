package command

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/listing"
)

// commandList is `podproof list`: the catalogue with the specs that prove each
// claim, without a cluster.
func commandList(args []string) int {
	flags := flag.NewFlagSet("podproof list", flag.ContinueOnError)
	format := flags.String("format", "table", "`form` of the list: table, json or markdown")
	out := flags.String("out", "", "write Markdown as a page for each subject into this `directory`")
	err := parseAlone(flags, args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err == nil {
		err = checkFormat(*format, claimFormats)
	}
	if err == nil && *out != "" && *format != "markdown" {
		err = options.Usagef("a directory of pages is written as markdown only; add --format=markdown")
	}
	if err != nil {
		return report(err)
	}
	if err := list(*format, *out); err != nil {
		return report(err)
	}
	return 0
}

func list(format, out string) error {
	entries, err := entries()
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

// entries are all claims with all their specs.
func entries() ([]listing.Entry, error) {
	previewed, err := theSuites.Preview(options.Defaults())
	if err != nil {
		return nil, err
	}
	var specs []reports.Spec
	for _, s := range previewed {
		specs = append(specs, claim.Outcome(s))
	}
	return listing.Entries(specs), nil
}
