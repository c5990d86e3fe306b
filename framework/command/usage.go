package command

import (
	"fmt"
	"os"
	"strings"

	"github.com/podproof/podproof/framework/options"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// flagGroup is the annotation of a flag that names the heading it stands under in --help;
// a flag without one belongs to its command alone.
const flagGroup = "podproof_group"

// describeUsage makes --help of the command and of all below it show flags in groups, which
// cobra does not do by itself.
func describeUsage(root *cobra.Command) {
	root.SetUsageFunc(func(cmd *cobra.Command) error {
		_, err := fmt.Fprint(cmd.OutOrStderr(), usage(cmd))
		return err
	})
}

// usage is --help of a command below what it does.
func usage(cmd *cobra.Command) string {
	var text strings.Builder
	line := cmd.UseLine()
	if cmd.HasAvailableSubCommands() {
		line = cmd.CommandPath() + " COMMAND [flags]"
	}
	fmt.Fprintf(&text, "Usage:\n  %s\n", line)
	if cmd.HasExample() {
		fmt.Fprintf(&text, "\nExamples:\n%s\n", cmd.Example)
	}
	if cmd.HasAvailableSubCommands() {
		commandGroups(&text, cmd)
		fmt.Fprintf(&text, "\n%s COMMAND --help shows the flags of a command, with examples.\n", cmd.CommandPath())
		return text.String()
	}
	flagGroups(&text, cmd)
	return text.String()
}

func commandGroups(text *strings.Builder, cmd *cobra.Command) {
	for _, group := range cmd.Groups() {
		fmt.Fprintf(text, "\n%s:\n", group.Title)
		for _, c := range cmd.Commands() {
			if c.GroupID == group.ID && c.IsAvailableCommand() {
				fmt.Fprintf(text, "  %-11s %s\n", c.Name(), c.Short)
			}
		}
	}
}

// flagGroups writes the command's own flags and then those of each group of options.
func flagGroups(text *strings.Builder, cmd *cobra.Command) {
	own := "Flags"
	groups := map[string]*pflag.FlagSet{}
	fromEnvironment := ""
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := own
		if annotated := f.Annotations[flagGroup]; annotated != nil {
			name = annotated[0]
		}
		if f.Name == "config" { // the command reads options from elsewhere, too
			fromEnvironment = "\nOptions can also be set by environment variables, such as " + options.Variable("node-image") + " for --node-image.\n"
		}
		if groups[name] == nil {
			groups[name] = pflag.NewFlagSet(name, pflag.ContinueOnError)
			groups[name].SortFlags = false
		}
		groups[name].AddFlag(f)
	})
	for _, name := range append([]string{own}, options.Groups...) {
		if flags := groups[name]; flags != nil {
			fmt.Fprintf(text, "\n%s:\n%s", name, flags.FlagUsagesWrapped(terminalWidth()))
		}
	}
	text.WriteString(fromEnvironment)
}

// terminalWidth is how wide --help may be: as the terminal, 100 elsewhere.
func terminalWidth() int {
	if width, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil && width >= 40 {
		return width
	}
	return 100
}
