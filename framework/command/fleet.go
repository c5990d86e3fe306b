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
)

// commandFleet is `podproof fleet`: it makes one result of those of the shards of a run
// with --nodes.
func commandFleet(args []string) int {
	flags := flag.NewFlagSet("podproof fleet RESULT...", flag.ContinueOnError)
	out := flags.String("out", "", "also write "+reports.FleetFile+" and "+reports.FleetTextFile+" to this `directory`")
	paths, err := parse(flags, args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err == nil && len(paths) == 0 {
		err = options.Usagef("fleet needs the results of nodes: name the %s of each shard, or files with the logs of the shards, or - for standard input", reports.FleetFile)
	}
	var fleets []reports.Fleet
	for _, path := range paths {
		if err != nil {
			break
		}
		var more []reports.Fleet
		more, err = readFleets(path)
		fleets = append(fleets, more...)
	}
	var whole reports.Fleet
	if err == nil {
		if whole, err = reports.JoinFleets(fleets...); err != nil {
			err = options.Usagef("%v", err)
		}
	}
	if err == nil && *out != "" {
		if err = os.MkdirAll(*out, 0o755); err == nil {
			err = reports.WriteFleet(*out, whole)
		}
	}
	if err != nil {
		return report(err)
	}
	fmt.Print(reports.FleetText(whole, false))
	return whole.ExitCode()
}

// readFleets reads the results of nodes from a file, the directory of a run, or "-".
func readFleets(path string) ([]reports.Fleet, error) {
	var in io.Reader = os.Stdin
	if path != reports.Stdin {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			path = filepath.Join(path, reports.FleetFile)
		}
		file, err := os.Open(path)
		if err != nil {
			return nil, options.Usagef("%v; name a %s, or a run's directory", err, reports.FleetFile)
		}
		defer file.Close()
		in = file
	}
	fleets, err := reports.ReadFleets(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return fleets, nil
}
