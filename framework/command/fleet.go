package command

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/bynode"
	"github.com/spf13/cobra"
)

// newFleet is `podproof fleet`: it makes one result of the results of the shards of a run
// with --nodes.
func newFleet() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fleet RESULT...",
		Short: "Join the results of the shards of a run on many nodes",
		Example: `  podproof fleet shard-0/fleet.json shard-1/fleet.json --out=whole
  kubectl -n podproof logs -l job-name=podproof --tail=-1 | podproof fleet -`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return options.Usagef("fleet needs the results of nodes: name the %s of each shard, or files with the logs of the shards, or - for standard input", bynode.File)
			}
			return nil
		},
	}
	out := cmd.Flags().String("out", "", "also write "+bynode.File+" and "+bynode.TextFile+" to this `directory`")
	cmd.RunE = func(_ *cobra.Command, paths []string) error {
		var fleets []bynode.Fleet
		for _, path := range paths {
			more, err := readFleets(path)
			if err != nil {
				return err
			}
			fleets = append(fleets, more...)
		}
		whole, err := bynode.Join(fleets...)
		if err != nil {
			return options.Usagef("%v", err)
		}
		if *out != "" {
			if err := os.MkdirAll(*out, 0o755); err != nil {
				return err
			}
			if err := bynode.Write(*out, whole); err != nil {
				return err
			}
		}
		fmt.Print(bynode.Text(whole, false))
		return exit(whole.ExitCode())
	}
	return cmd
}

// readFleets reads the results of nodes from a file, the directory of a run, or "-".
func readFleets(path string) ([]bynode.Fleet, error) {
	var in io.Reader = os.Stdin
	if path != reports.Stdin {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			path = filepath.Join(path, bynode.File)
		}
		file, err := os.Open(path)
		if err != nil {
			return nil, options.Usagef("%v; name a %s, or a run's directory", err, bynode.File)
		}
		defer file.Close()
		in = file
	}
	fleets, err := bynode.Read(in)
	if err != nil {
		return nil, options.Usagef("%s: %v; name a %s, or files with the logs of the shards", path, err, bynode.File)
	}
	return fleets, nil
}
