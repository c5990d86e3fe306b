package command

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/fixtures/mutants"
	"github.com/podproof/podproof/fixtures/versions"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/reports"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// shells are those for which there is completion.
var shells = []string{"bash", "zsh", "fish"}

// commandCompletion is `podproof completion`: the script that a shell sources. The
// script, and what it asks podproof for at every Tab, are cobra's, which kubectl and
// kind use too.
func commandCompletion(args []string) int {
	flags := flag.NewFlagSet("podproof completion "+strings.Join(shells, "|"), flag.ContinueOnError)
	others, err := parse(flags, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
	case len(others) != 1 || !slices.Contains(shells, others[0]):
		err = options.Usagef("name one shell: %s; for instance: source <(podproof completion bash)", strings.Join(shells, ", "))
	}
	if err != nil {
		return report(err)
	}
	root := completionTree()
	switch others[0] {
	case "bash":
		err = root.GenBashCompletionV2(os.Stdout, true)
	case "zsh":
		err = root.GenZshCompletion(os.Stdout)
	case "fish":
		err = root.GenFishCompletion(os.Stdout, true)
	}
	if err != nil {
		return report(err)
	}
	return 0
}

// complete answers the script: the words of a command line that is being typed come
// after the name of the request.
func complete(args []string) int {
	root := completionTree()
	root.SetArgs(args)
	if err := root.Execute(); err != nil {
		return reports.ExitUsage
	}
	return 0
}

// completionTree is podproof as cobra knows it. It only completes; nothing is run by it.
func completionTree() *cobra.Command {
	root := &cobra.Command{Use: "podproof", SilenceErrors: true, SilenceUsage: true}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(&cobra.Command{Use: "no-help", Hidden: true})
	for _, c := range commands() {
		about, _, _ := strings.Cut(c.about, "\n")
		sub := &cobra.Command{Use: c.name, Short: about, ValidArgs: c.words, Run: func(*cobra.Command, []string) {}}
		if !c.files {
			sub.ValidArgsFunction = cobra.NoFileCompletions
		}
		addFlags(sub, c)
		root.AddCommand(sub)
	}
	return root
}

// addFlags adds a command's flags and what is known of their values; any other value is
// completed as a file.
func addFlags(to *cobra.Command, c subcommand) {
	flags := flagsOf(c)
	if flags == nil {
		return
	}
	values := map[string]cobra.CompletionFunc{
		"profile":   fixed(options.Quick, options.Full),
		"provider":  fixed(options.Providers...),
		"component": fixed(mutants.Components()...),
		"format":    fixed(c.formats...),
		"k8s":       oneOf(versionIDs),
		"kubectl":   oneOf(versionIDs),
		"focus":     severalOf(claimIDs),
		"mutant":    severalOf(mutantIDs),
	}
	flags.VisitAll(func(f *flag.Flag) {
		added := pflag.PFlagFromGoFlag(f)
		_, added.Usage = flag.UnquoteUsage(f)
		to.Flags().AddFlag(added)
		if complete, known := values[f.Name]; known {
			// It only fails for a flag that is not there.
			_ = to.RegisterFlagCompletionFunc(f.Name, complete)
		}
	})
}

// described is where describe puts the flags of the command that is asked for them.
var described **flag.FlagSet

// flagsOf asks a command for its flags; nil is that of one that has none.
func flagsOf(c subcommand) (flags *flag.FlagSet) {
	described = &flags
	defer func() { described = nil }()
	c.run(nil)
	return flags
}

// describe is called by every command that has registered its flags, before it parses
// them. When it returns true, the command has only been asked for its flags, and has to
// end without doing or printing anything.
func describe(flags *flag.FlagSet) bool {
	if described == nil {
		return false
	}
	*described = flags
	return true
}

func fixed(values ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
}

func oneOf(all func() []cobra.Completion) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return all(), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// severalOf completes the last of several values with commas between.
func severalOf(all func() []cobra.Completion) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		before := typed[:strings.LastIndex(typed, ",")+1]
		completions := all()
		for i, c := range completions {
			if before != "" {
				// Of completions with descriptions cobra's script for bash only takes
				// those that need no escaping, which commas do.
				c, _, _ = strings.Cut(c, "\t")
				completions[i] = before + c
			}
		}
		return completions, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveKeepOrder
	}
}

func claimIDs() (all []cobra.Completion) {
	for _, c := range claims.All() {
		if !c.Law { // no spec of its own
			all = append(all, cobra.CompletionWithDesc(c.ID, c.Sentence))
		}
	}
	return all
}

func mutantIDs() (all []cobra.Completion) {
	for _, m := range mutants.All() {
		all = append(all, cobra.CompletionWithDesc(m.ID, m.Wrong))
	}
	return all
}

func versionIDs() (all []cobra.Completion) {
	for _, v := range versions.Supported() {
		all = append(all, cobra.CompletionWithDesc(v.Minor, fmt.Sprintf("%s is built here", v.Build)))
	}
	return all
}
