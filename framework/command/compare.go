package command

import (
	"errors"
	"flag"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/compare"
)

// exitWorse says that a claim became worse, as 1 says for a run that one is not as
// documented.
const exitWorse = 1

// commandCompare is `podproof compare`: what changed between records.
func commandCompare(args []string) int {
	flags := flag.NewFlagSet("podproof compare RECORD RECORD...", flag.ContinueOnError)
	page := flags.String("html", "", "write a matrix of claims and records to this `file`")
	markdown := flags.Bool("markdown", false, "print Markdown and not a table")
	paths, err := parse(flags, args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err == nil && len(paths) < 2 {
		err = options.Usagef("compare needs at least two records, and was given %d; name the record.json, or the directory, of each run", len(paths))
	}
	var records []reports.Record
	for _, path := range paths {
		if err != nil {
			break
		}
		var r reports.Record
		if r, err = reports.Read(path); err != nil {
			err = options.Usagef("%v", err)
		}
		records = append(records, r)
	}
	if err != nil {
		return report(err)
	}
	c := compare.Records(records)
	if *page != "" {
		data, err := c.HTML()
		if err == nil {
			err = reports.WriteFile(*page, data)
		}
		if err != nil {
			return report(options.Usagef("%v", err))
		}
	}
	if *markdown {
		_, err = os.Stdout.Write(c.Markdown())
	} else {
		err = c.Text(os.Stdout)
	}
	if err != nil {
		return report(err)
	}
	if c.Count(compare.Worse) > 0 {
		return exitWorse
	}
	return 0
}

// parse reads flags that may stand before, between and behind the other arguments,
// which it returns. What is wrong is a usage error; asked for help, it has given it.
func parse(flags *flag.FlagSet, args []string) ([]string, error) {
	if describe(flags) {
		return nil, flag.ErrHelp
	}
	flags.SetOutput(io.Discard) // we say ourselves what is wrong
	var others []string
	for {
		err := flags.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			_, _ = os.Stdout.WriteString("Usage: " + flags.Name() + "\n")
			flags.SetOutput(os.Stdout)
			flags.PrintDefaults()
			return nil, err
		}
		if err != nil {
			return nil, options.Usagef("%v; %s -h lists the flags", err, flags.Name())
		}
		if flags.NArg() == 0 {
			return others, nil
		}
		others, args = append(others, flags.Arg(0)), flags.Args()[1:]
	}
}

// parseAlone is parse for a command that takes flags only.
func parseAlone(flags *flag.FlagSet, args []string) error {
	others, err := parse(flags, args)
	if err == nil && len(others) > 0 {
		return options.Usagef("unexpected argument %q; %s -h lists the flags", others[0], flags.Name())
	}
	return err
}

// The forms of lists, as --format names them: of most, and of that of the claims.
var (
	listFormats  = []string{"table", "json"}
	claimFormats = append(slices.Clip(listFormats), "markdown")
)

// checkFormat refuses a form of a list that is not among those that there are, of which
// there are two at least.
func checkFormat(format string, formats []string) error {
	if slices.Contains(formats, format) {
		return nil
	}
	last := len(formats) - 1
	return options.Usagef("format %q is unknown; the formats are %s and %s", format, strings.Join(formats[:last], ", "), formats[last])
}
