package command

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/files"
	"github.com/spf13/cobra"
)

// newReport is `podproof report`: it makes the files of a run again from its record, for
// instance with a newer podproof, or from the log of a pod that ran podproof.
func newReport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "report RECORD",
		Short: "Make the files of a run again from its record",
		Example: `  podproof report reports/out/20261130-092544
  kubectl -n podproof logs job/podproof | podproof report - --out=results`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return options.Usagef("report needs one record, and was given %d; name the record.json, or the directory, of a run", len(args))
			}
			return nil
		},
	}
	out := cmd.Flags().String("out", "", "write to this `directory` and not beside the record")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if args[0] == reports.Stdin && *out == "" {
			return options.Usagef("a record from standard input has no directory; name one with --out")
		}
		page, err := again(args[0], *out)
		if err != nil {
			return options.Usagef("%v", err)
		}
		fmt.Println(page)
		return nil
	}
	return cmd
}

// again makes the files and returns where the page is.
func again(path, out string) (string, error) {
	record, err := reports.Read(path)
	if err != nil {
		return "", err
	}
	if out == "" {
		out = path
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			if filepath.Base(path) != reports.RecordFile { // beside it there can be a record of another run
				return "", fmt.Errorf("%s is not called %s, so --out is required", path, reports.RecordFile)
			}
			out = filepath.Dir(path)
		}
	}
	return filepath.Join(out, files.Page), files.Write(out, record)
}
