package command

import (
	"os"
	"slices"
	"strings"

	"github.com/podproof/podproof/fixtures/versions"
	"github.com/podproof/podproof/framework/ground/existing"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/framework/setup"
	"github.com/podproof/podproof/framework/witness/witnessimage"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// runFlags are the options of a run as flags of a command.
type runFlags struct {
	config string
	given  []options.Value
}

// optionFlags gives the command a flag for each option, for which wanted holds.
func optionFlags(cmd *cobra.Command, wanted func(options.Flag) bool) *runFlags {
	f := &runFlags{}
	cmd.Flags().SortFlags = false // --help has them in the order of Options
	for _, o := range options.Flags() {
		if !wanted(o) {
			continue
		}
		added := cmd.Flags().VarPF(&optionValue{option: o, flags: f}, o.Name, "", o.Usage)
		added.DefValue = o.Default
		if o.Switch {
			added.NoOptDefVal = "true"
		}
		mark(cmd.Flags(), o.Name, flagGroup, o.Group)
		if !o.FromMake {
			mark(cmd.Flags(), o.Name, notFromMake, "")
		}
		if completes(cmd, o.Name, o.Takes); len(o.Takes) == 0 && !slices.Contains(filesAs, o.Value) {
			_ = cmd.RegisterFlagCompletionFunc(o.Name, cobra.NoFileCompletions) // it is there
		}
	}
	return f
}

// filesAs is what --help calls values that are files.
var filesAs = []string{"FILE", "DIRECTORY", "RECORD"}

// everyOption gives the command all options, and the file that can hold them.
func everyOption(cmd *cobra.Command) *runFlags {
	f := optionFlags(cmd, func(options.Flag) bool { return true })
	cmd.Flags().StringVar(&f.config, "config", "", "YAML `file` with options, under the names that a record has for them")
	mark(cmd.Flags(), "config", flagGroup, options.GroupRun)
	return f
}

// optionValue is an option as pflag sets it: checked at once, and kept in the order of the
// command line, since the options file and the environment are weaker and not read yet.
type optionValue struct {
	option options.Flag
	flags  *runFlags
	text   string
}

var _ pflag.Value = (*optionValue)(nil)

func (v *optionValue) Set(text string) error {
	value := options.Value{Flag: v.option.Name, Text: text}
	if err := value.Check(); err != nil {
		return err
	}
	v.text = text
	v.flags.given = append(v.flags.given, value)
	return nil
}

func (v *optionValue) String() string { return v.text }

// Type is what --help calls the value; pflag needs "bool" of a flag without one.
func (v *optionValue) Type() string {
	if v.option.Switch {
		return "bool"
	}
	return v.option.Value
}

// args are the given flags as arguments of a command.
func (f *runFlags) args() (all []string) {
	for _, v := range f.given {
		all = append(all, "--"+v.Flag+"="+v.Text)
	}
	return all
}

// read reads and checks the options of a run on one cluster. Whatever is wrong with them is
// found here, before anything is made.
func (f *runFlags) read(suites Suites) (options.Options, error) {
	o, err := f.readForVersions(suites)
	if err == nil && o.Kubernetes != "" && o.NodeImage == "" {
		if _, unknown := versions.Find(o.Kubernetes); unknown != nil {
			err = options.Usagef("%v", unknown)
		}
	}
	return o, err
}

// readForVersions does as read does, but leaves the Kubernetes version alone.
func (f *runFlags) readForVersions(suites Suites) (options.Options, error) {
	source := options.Source{File: f.config, Lookup: os.LookupEnv, Given: f.given}
	o, err := setup.ReadOptions(source.Over)
	if err == nil {
		err = o.Validate()
	}
	if err == nil {
		err = reachable(o)
	}
	if err == nil {
		_, err = suites.Preview(o)
	}
	return o, err
}

// reachable tells what is wrong with what the options say of an existing cluster.
func reachable(o options.Options) error {
	if o.Kubeconfig != "" {
		if err := existing.CheckKubeconfig(o.Kubeconfig, o.Context); err != nil {
			return options.Usagef("%v", err)
		}
	}
	if o.InCluster {
		if err := existing.CheckInCluster(); err != nil {
			return options.Usagef("in-cluster: %v", err)
		}
	}
	if o.Existing() {
		if _, _, err := witnessimage.Named(o.Witness, o.WitnessTwin); err != nil {
			return options.Usagef("%v", err)
		}
	}
	return nil
}

// refuseFailed refuses to run again what failed in a record, for commands that cannot.
func refuseFailed(o options.Options, err error) error {
	if o.Failed != "" {
		return options.Usagef("failed (%s) is an option of podproof run only: unset it", o.Failed)
	}
	return err
}

// The forms of lists, as --format names them: of most lists, and of the list of claims.
var (
	listFormats  = []string{"table", "json"}
	claimFormats = []string{"table", "json", "markdown"}
)

// formatFlag gives the command --format with these forms, of which the first is the default.
func formatFlag(cmd *cobra.Command, formats []string, note string) *string {
	last := len(formats) - 1
	usage := "`form` of the list: " + strings.Join(formats[:last], ", ") + " or " + formats[last] + note
	format := cmd.Flags().String("format", formats[0], usage)
	completes(cmd, "format", formats)
	return format
}

// checkFormat refuses an unknown form of a list.
func checkFormat(format string, formats []string) error {
	if slices.Contains(formats, format) {
		return nil
	}
	last := len(formats) - 1
	return options.Usagef("format %q is unknown; the formats are %s and %s", format, strings.Join(formats[:last], ", "), formats[last])
}
