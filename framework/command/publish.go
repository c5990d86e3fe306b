package command

import (
	"fmt"
	"os"

	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/conformance"
	"github.com/spf13/cobra"
)

// newPublish is `podproof publish`: the conformance report of a record.
func newPublish() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "publish RECORD",
		Short:   "Write the conformance report of a run, to be published",
		Example: "  podproof publish reports/out/20261130-092544 --project=acme --version=4.2 --contact=pods@acme.example --out=report.yaml",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return options.Usagef("publish needs one record, and was given %d; name the record.json, or the directory, of a run", len(args))
			}
			return nil
		},
	}
	var of conformance.Implementation
	flags := cmd.Flags()
	flags.StringVar(&of.Project, "project", "", "what was tested, for instance the name of a `distribution`; kind when the record is of a kind cluster")
	flags.StringVar(&of.Organization, "organization", "", "who makes it")
	flags.StringVar(&of.URL, "url", "", "where to find it")
	flags.StringVar(&of.Version, "version", "", "its version; that of Kubernetes when it has none of its own")
	flags.StringArrayVar(&of.Contact, "contact", nil, "who answers questions, a `name` or address; may be given several times")
	out := flags.String("out", "", "write to this `file` and not to the terminal")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if err := publish(args[0], of, *out); err != nil {
			return options.Usagef("%v", err)
		}
		return nil
	}
	return cmd
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
