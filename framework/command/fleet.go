package command

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/bynode"
)

// commandFleet is `podproof fleet`: it makes one result of those of the shards of a run
// with --nodes.
func commandFleet(args []string) int {
	flags := flag.NewFlagSet("podproof fleet RESULT...", flag.ContinueOnError)
	out := flags.String("out", "", "also write "+bynode.File+" and "+bynode.TextFile+" to this `directory`")
	paths, err := parse(flags, args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err == nil && len(paths) == 0 {
		err = options.Usagef("fleet needs the results of nodes: name the %s of each shard, or files with the logs of the shards, or - for standard input", bynode.File)
	}
	var fleets []bynode.Fleet
	for _, path := range paths {
		if err != nil {
			break
		}
		var more []bynode.Fleet
		more, err = readFleets(path)
		fleets = append(fleets, more...)
	}
	var whole bynode.Fleet
	if err == nil {
		if whole, err = bynode.Join(fleets...); err != nil {
			err = options.Usagef("%v", err)
		}
	}
	if err == nil && *out != "" {
		if err = os.MkdirAll(*out, 0o755); err == nil {
			err = bynode.Write(*out, whole)
		}
	}
	if err != nil {
		return report(err)
	}
	fmt.Print(bynode.Text(whole, false))
	return whole.ExitCode()
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
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return fleets, nil
}
