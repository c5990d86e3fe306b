// Package command is the podproof command line, with a file for each command.
package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/framework/run"
	"github.com/podproof/podproof/reports"
	"github.com/spf13/cobra"
)

// Suites are the specs that the commands run and list.
type Suites interface {
	// Preview lists all specs, those that the options leave out as skipped, without a
	// cluster. Its error is a UsageError when the options select none.
	Preview(options.Options) ([]types.SpecReport, error)
	// Run runs the specs, in a process that Ginkgo has started.
	Run(ginkgo.GinkgoTestingT)
}

// Main is podproof with these arguments, of which the first is the program. It returns the
// exit code.
func Main(args []string, suites Suites) int {
	if run.IsSuite(args[0]) {
		return runSuite(suites)
	}
	return execute(args[1:], suites)
}

// execute runs the command that the arguments name.
func execute(args []string, suites Suites) int {
	root := newRoot(suites)
	root.SetArgs(args)
	err := root.Execute()
	var code exitCode
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	default:
		return run.Report(err)
	}
}

// exitCode ends a command that has said itself what there is to say.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// exit is the error of a command that ended with this code; nil for 0.
func exit(code int) error {
	if code == 0 {
		return nil
	}
	return exitCode(code)
}

const about = `podproof proves, on real pods, that a Kubernetes cluster treats Pods as documented.

Exit codes: 0 conformant, 1 nonconformant (compare: a claim became worse; validate:
refused; mutants: one was not noticed), 2 bad usage, 3 could not test, 4 interrupted.`

// The groups in which --help shows the commands.
const (
	groupRun       = "run"
	groupResults   = "results"
	groupCatalogue = "catalogue"
	groupElsewhere = "elsewhere"
	groupHouse     = "house"
)

// newRoot is podproof with all its commands.
func newRoot(suites Suites) *cobra.Command {
	root := &cobra.Command{
		Use: "podproof", Short: "Prove that a Kubernetes cluster treats Pods as documented", Long: about,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cmd.SetOut(os.Stderr)
			_ = cmd.Help()
			return exit(reports.ExitUsage)
		},
		SilenceErrors: true, SilenceUsage: true,
	}
	root.CompletionOptions.DisableDefaultCmd = true // we have our own, with our own exit codes
	root.AddGroup(
		&cobra.Group{ID: groupRun, Title: "Run the specs"},
		&cobra.Group{ID: groupResults, Title: "Use results"},
		&cobra.Group{ID: groupCatalogue, Title: "Look things up, without a cluster"},
		&cobra.Group{ID: groupElsewhere, Title: "Run in the cluster under test"},
		&cobra.Group{ID: groupHouse, Title: "Keep house"},
	)
	root.SetHelpCommand(newHelp(root))
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add(groupRun, newRun(suites), newMatrix(suites), newMutants(suites))
	add(groupResults, newReport(), newCompare(), newFleet(), newPublish(), newValidate())
	add(groupCatalogue, newList(suites), newImages(), newVersions())
	add(groupElsewhere, newImage(), newJob(suites), newSonobuoy(suites), newRBAC())
	add(groupHouse, newClean(), newCompletion())
	root.AddCommand(newGinkgo())
	describeUsage(root)
	root.SetFlagErrorFunc(wrongFlag)
	for _, c := range root.Commands() {
		c.PreRunE = func(cmd *cobra.Command, _ []string) error {
			if err := refuseEmpty(cmd); err != nil {
				return err
			}
			return fromMake(cmd)
		}
	}
	return root
}

// newHelp is `podproof help COMMAND`, which is COMMAND --help.
func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Show what a command does", GroupID: groupHouse, Example: "  podproof help run",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err == nil && len(rest) > 0 {
				err = noArguments(root, rest)
			}
			if err != nil {
				return err
			}
			return cmd.Help()
		},
	}
}

// newGinkgo is the hidden command that makes podproof Ginkgo's command line tool.
func newGinkgo() *cobra.Command {
	return &cobra.Command{
		Use: run.GinkgoCommand, Hidden: true, DisableFlagParsing: true,
		Run: func(_ *cobra.Command, args []string) { run.RunGinkgo(args) },
	}
}

// runSuite is the process as Ginkgo's compiled suite.
func runSuite(suites Suites) int {
	testing.Init()
	flag.Parse()
	t := &outcome{}
	suites.Run(t)
	if t.failed {
		return 1
	}
	return 0
}

// outcome is all that Ginkgo needs of a testing.T.
type outcome struct{ failed bool }

func (o *outcome) Fail() { o.failed = true }

// interruptible is a context that ends with an interrupt.
func interruptible() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}

// cacheDir is a sub-directory of podproof's cache.
func cacheDir(name string) (string, error) {
	dir, err := options.CacheDir()
	return filepath.Join(dir, name), err
}
