package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/fixtures/mutants"
	"github.com/podproof/podproof/fixtures/versions"
	"github.com/podproof/podproof/framework/options"
	"github.com/spf13/cobra"
)

// shells are those that podproof has completion for.
var shells = []string{"bash", "zsh", "fish"}

// newCompletion is `podproof completion`: the script that a shell sources.
func newCompletion() *cobra.Command {
	return &cobra.Command{
		Use:     "completion " + strings.Join(shells, "|"),
		Short:   "Print the completion script for bash, zsh or fish",
		Example: "  source <(podproof completion bash)",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(shells, args[0]) {
				return options.Usagef("name one shell: %s; for instance: source <(podproof completion bash)", strings.Join(shells, ", "))
			}
			return nil
		},
		ValidArgs: shells,
		RunE: func(cmd *cobra.Command, args []string) error {
			root, out := cmd.Root(), cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(out, true)
			case "zsh":
				return root.GenZshCompletion(out)
			default:
				return root.GenFishCompletion(out, true)
			}
		},
	}
}

// completes says what the values of a flag are: the words themselves, or "claims",
// "mutants" or "versions". Of a flag of which nothing is said they are files.
func completes(cmd *cobra.Command, flag string, takes []string) {
	if len(takes) == 0 {
		return
	}
	complete := cobra.FixedCompletions(takes, cobra.ShellCompDirectiveNoFileComp)
	switch takes[0] {
	case "claims":
		complete = severalOf(claimIDs)
	case "mutants":
		complete = severalOf(mutantIDs)
	case "versions":
		complete = oneOf(versionIDs)
	}
	if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
		panic(fmt.Sprintf("podproof's own mistake: %v", err))
	}
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
