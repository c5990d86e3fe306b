package command

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/files"
)

// commandReport is `podproof report`: it makes the files of a run again from its
// record, for instance with a newer podproof, or from the log of a pod that ran podproof.
func commandReport(args []string) int {
	flags := flag.NewFlagSet("podproof report RECORD", flag.ContinueOnError)
	out := flags.String("out", "", "write to this `directory` and not beside the record")
	paths, err := parse(flags, args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err == nil && len(paths) != 1 {
		err = options.Usagef("report needs one record, and was given %d; name the record.json, or the directory, of a run", len(paths))
	}
	if err == nil && paths[0] == reports.Stdin && *out == "" {
		err = options.Usagef("a record from standard input has no directory; name one with --out")
	}
	if err != nil {
		return report(err)
	}
	page, err := again(paths[0], *out)
	if err != nil {
		return report(options.Usagef("%v", err))
	}
	fmt.Println(page)
	return 0
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
				return "", fmt.Errorf("say with --out where the files of %s go", path)
			}
			out = filepath.Dir(path)
		}
	}
	return filepath.Join(out, files.Page), files.Write(out, record)
}
