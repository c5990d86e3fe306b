package command

import (
	"fmt"
	"strings"

	"github.com/podproof/podproof/framework/options"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// noArguments refuses all arguments that are not flags, and names the command that is
// nearest to an unknown one.
func noArguments(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case !cmd.HasParent():
		return options.Usagef("unknown command %q%s; podproof --help lists the commands", args[0], didYouMean(nearest(commandNames(cmd), args[0])))
	}
	return options.Usagef("unexpected argument %q; %s --help lists the flags", args[0], cmd.CommandPath())
}

// refuseEmpty refuses a flag that is given without a value, as --failed="$RECORD" is where
// the variable is not set: as if it had not been given, it could mean much more.
func refuseEmpty(cmd *cobra.Command) error {
	var err error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if err == nil && f.Value.Type() != "bool" && strings.Trim(f.Value.String(), ", []") == "" {
			err = options.Usagef("--%s is empty: give it a value, or leave it out", f.Name)
		}
	})
	return err
}

// wrongFlag says what is wrong with a flag, and names the nearest one.
func wrongFlag(cmd *cobra.Command, err error) error {
	hint := ""
	if typed, unknown := unknownFlag(err.Error()); unknown {
		hint = didYouMean(nearest(flagNames(cmd.Flags()), "--"+typed))
	}
	return options.Usagef("%s%s; %s --help lists the flags", plainly(err), hint, cmd.CommandPath())
}

// plainly words the error of a flag's value without the names of Go's functions.
func plainly(err error) string {
	before, _, number := strings.Cut(err.Error(), "strconv.ParseInt: ")
	if number {
		return before + "not a whole number"
	}
	if before, _, truth := strings.Cut(err.Error(), "strconv.ParseBool: "); truth {
		return before + "neither 1 nor 0"
	}
	return err.Error()
}

// unknownFlag finds the name in the error of a flag that was typed as --name or -name.
func unknownFlag(message string) (name string, found bool) {
	if name, found := strings.CutPrefix(message, "unknown flag: --"); found {
		return name, true
	}
	_, typed, found := strings.Cut(message, "unknown shorthand flag: ")
	if found {
		_, typed, found = strings.Cut(typed, " in -")
	}
	name, _, _ = strings.Cut(typed, "=")
	return name, found && len(name) > 1
}

func commandNames(cmd *cobra.Command) (names []string) {
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return names
}

func flagNames(flags *pflag.FlagSet) (names []string) {
	flags.VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
	return names
}

// nearest are the words that are most like the typed one. Cobra finds them as it finds
// commands.
func nearest(words []string, typed string) []string {
	if strings.Trim(typed, "-") == "" {
		return nil
	}
	all := &cobra.Command{SuggestionsMinimumDistance: 2}
	for _, word := range words {
		all.AddCommand(&cobra.Command{Use: word, Run: func(*cobra.Command, []string) {}})
	}
	return all.SuggestionsFor(typed)
}

func didYouMean(suggestions []string) string {
	if len(suggestions) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(suggestions, " or ") + "?"
}

// mark sets an annotation of a flag that is there.
func mark(flags *pflag.FlagSet, flag, annotation string, values ...string) {
	if err := flags.SetAnnotation(flag, annotation, values); err != nil {
		panic(fmt.Sprintf("podproof's own mistake: %v", err))
	}
}
