package command

import (
	"os"
	"slices"
	"strings"

	"github.com/podproof/podproof/framework/options"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// makeSays is the variable by which the Makefile says that it started podproof, and which
// variables stand on make's command line.
const makeSays = "PODPROOF_FROM_MAKE"

// notFromMake is the annotation of flags that no variable of make sets.
const notFromMake = "podproof_not_from_make"

// fromMake lets make's variables be the command's flags: `make e2e PROFILE=quick` is
// --profile=quick. Make passes its variables on in the environment, so that the Makefile
// need not list them. What is written as a flag beats a variable. The processes that
// podproof starts are not make's any more: `make mutants MUTANT=…` runs specs, whose
// command has no --mutant to set.
func fromMake(cmd *cobra.Command) error {
	said := strings.Fields(os.Getenv(makeSays))
	if len(said) == 0 {
		return nil
	}
	if err := os.Unsetenv(makeSays); err != nil {
		return err
	}
	err := knownToMake(cmd.Flags(), said[1:]) // the first word is make itself
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if err == nil && !f.Changed && takesFromMake(f) {
			err = setFromMake(f)
		}
	})
	return err
}

// setFromMake sets a flag from its variable, where there is one.
func setFromMake(f *pflag.Flag) error {
	name := options.MakeVariable(f.Name)
	value := os.Getenv(name)
	if value == "" {
		return nil
	}
	if err := f.Value.Set(value); err != nil {
		return options.Usagef("%s=%s: %s", name, value, plainly(err))
	}
	f.Changed = true
	return nil
}

// takesFromMake tells whether a variable of make sets the flag.
func takesFromMake(f *pflag.Flag) bool {
	return f.Annotations[notFromMake] == nil && f.Name != "help"
}

// knownToMake refuses a variable on make's command line that is none of the flags.
func knownToMake(flags *pflag.FlagSet, given []string) error {
	var known []string
	flags.VisitAll(func(f *pflag.Flag) {
		if takesFromMake(f) {
			known = append(known, options.MakeVariable(f.Name))
		}
	})
	for _, name := range given {
		if !slices.Contains(known, name) {
			return options.Usagef("%s is not a setting of this target%s", name, didYouMean(nearest(known, name)))
		}
	}
	return nil
}
