package command

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/conformance"
)

// commandPublish is `podproof publish`: the conformance report of a record.
func commandPublish(args []string) int {
	flags := flag.NewFlagSet("podproof publish RECORD", flag.ContinueOnError)
	var of conformance.Implementation
	flags.StringVar(&of.Project, "project", "", "what was tested, for instance the name of a `distribution`; kind when the record is of a kind cluster")
	flags.StringVar(&of.Organization, "organization", "", "who makes it")
	flags.StringVar(&of.URL, "url", "", "where it is to be found")
	flags.StringVar(&of.Version, "version", "", "its version; that of Kubernetes when it has none of its own")
	flags.Func("contact", "who answers questions, a `name` or address; may be given several times", func(contact string) error {
		of.Contact = append(of.Contact, contact)
		return nil
	})
	out := flags.String("out", "", "write to this `file` and not to the terminal")
	paths, err := parse(flags, args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err == nil && len(paths) != 1 {
		err = options.Usagef("publish needs one record, and was given %d; name the record.json, or the directory, of a run", len(paths))
	}
	if err != nil {
		return report(err)
	}
	if err := publish(paths[0], of, *out); err != nil {
		return report(options.Usagef("%v", err))
	}
	return 0
}

func publish(path string, of conformance.Implementation, out string) error {
	record, err := reports.Read(path)
	if err != nil {
		return err
	}
	published, err := conformance.Of(record, of)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	data, err := published.YAML()
	if err != nil {
		return err
	}
	if out != "" {
		return reports.WriteFile(out, data)
	}
	_, err = os.Stdout.Write(data)
	return err
}

// exitRefused says that a conformance report cannot be right.
const exitRefused = 1

// commandValidate is `podproof validate`: whether a conformance report can be right.
func commandValidate(args []string) int {
	flags := flag.NewFlagSet("podproof validate REPORT", flag.ContinueOnError)
	paths, err := parse(flags, args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err == nil && len(paths) != 1 {
		err = options.Usagef("validate needs one conformance report, and was given %d", len(paths))
	}
	if err != nil {
		return report(err)
	}
	path := paths[0]
	data, err := os.ReadFile(path)
	if err != nil {
		return report(options.Usagef("%v; name a file that podproof publish has written", err))
	}
	published, err := conformance.Parse(data)
	if err != nil {
		return report(options.Usagef("%s: %v", path, err))
	}
	problems := published.Check()
	for _, problem := range problems {
		fmt.Fprintf(os.Stderr, "%s: %v\n", path, problem)
	}
	if len(problems) > 0 {
		return exitRefused
	}
	scope := "part of the profile"
	if published.WholeProfile {
		scope = "the whole profile"
	}
	fmt.Printf("%s: %s %s, %s %s: %s; its numbers add up\n", path, published.Implementation.Project,
		published.Implementation.Version, scope, published.Profile, published.Result)
	return 0
}
