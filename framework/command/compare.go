package command

import (
	"os"

	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/compare"
	"github.com/spf13/cobra"
)

// exitWorse says that a claim became worse, as 1 says of a run that a claim is not as
// documented.
const exitWorse = 1

// newCompare is `podproof compare`: what changed between records.
func newCompare() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "compare RECORD RECORD...",
		Short: "Say what changed between the records of two or more runs",
		Example: `  podproof compare reports/out/before reports/out/after
  podproof compare --html=matrix.html reports/out/*/`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return options.Usagef("compare needs at least two records, and was given %d; name the record.json, or the directory, of each run", len(args))
			}
			return nil
		},
	}
	page := cmd.Flags().String("html", "", "write a matrix of claims and records to this `file`")
	markdown := cmd.Flags().Bool("markdown", false, "print Markdown and not a table")
	cmd.RunE = func(_ *cobra.Command, paths []string) error {
		records, err := readRecords(paths)
		if err != nil {
			return err
		}
		c := compare.Records(records)
		if err := writeComparisonPage(c, *page); err != nil {
			return err
		}
		if *markdown {
			_, err = os.Stdout.Write(c.Markdown())
		} else {
			err = c.Text(os.Stdout)
		}
		if err == nil && c.Count(compare.Worse) > 0 {
			return exit(exitWorse)
		}
		return err
	}
	return cmd
}

func readRecords(paths []string) (records []reports.Record, err error) {
	for _, path := range paths {
		r, err := reports.Read(path)
		if err != nil {
			return nil, options.Usagef("%v", err)
		}
		records = append(records, r)
	}
	return records, nil
}

func writeComparisonPage(c compare.Comparison, file string) error {
	if file == "" {
		return nil
	}
	data, err := c.HTML()
	if err == nil {
		err = reports.WriteFile(file, data)
	}
	if err != nil {
		return options.Usagef("%v", err)
	}
	return nil
}
