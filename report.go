package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/reports"
)

// commandReport is `podproof report`: it makes the files of a run again from its
// record, for instance with a newer podproof.
func commandReport(args []string) int {
	flags := flag.NewFlagSet("podproof report", flag.ContinueOnError)
	out := flags.String("out", "", "directory for the files; without it they go beside the record")
	flags.SetOutput(io.Discard) // we say ourselves what is wrong
	path, err := oneArgument(flags, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Println("podproof report [--out DIR] RECORD makes all files of a run again from its record.json.")
		flags.SetOutput(os.Stdout)
		flags.PrintDefaults()
		return 0
	case err != nil:
		return report(err)
	}
	record, err := openRecord(path)
	if err != nil {
		return report(err)
	}
	dir := *out
	if dir == "" {
		dir = filepath.Dir(path)
	}
	if err := reports.Write(dir, record); err != nil {
		return report(err)
	}
	fmt.Println(filepath.Join(dir, reports.HTMLFile))
	return 0
}

// oneArgument parses flags before and after the one argument that there has to be.
func oneArgument(flags *flag.FlagSet, args []string) (string, error) {
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return "", err
		}
		return "", options.Usagef("%v; podproof report -h lists the flags", err)
	}
	argument := flags.Arg(0)
	if argument == "" {
		return "", options.Usagef("which record? Give the path of a record.json, such as reports/out/<time>/record.json")
	}
	if err := flags.Parse(flags.Args()[1:]); err != nil {
		return "", options.Usagef("%v; podproof report -h lists the flags", err)
	}
	if flags.NArg() > 0 {
		return "", options.Usagef("unexpected argument %q; podproof report takes one record", flags.Arg(0))
	}
	return argument, nil
}

// openRecord reads a record that somebody names; whatever is wrong with it is a bad
// argument.
func openRecord(path string) (reports.Record, error) {
	var record reports.Record
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return record, options.Usagef("there is no record %s; runs are in reports/out", path)
	}
	if err != nil {
		return record, options.Usagef("the record cannot be read: %v", err)
	}
	if err := json.Unmarshal(data, &record); err != nil {
		return record, options.Usagef("%s is not a record of podproof: %v", path, err)
	}
	if record.Schema != reports.Schema {
		return record, options.Usagef("%s has the schema %q; this podproof reads %q", path, record.Schema, reports.Schema)
	}
	return record, nil
}
