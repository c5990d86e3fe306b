package setup

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime/debug"

	"github.com/podproof/podproof/framework/cluster"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/reports"
)

// Facts are the run and its cluster in the record's words, as far as they are
// known.
func (e *Environment) Facts() (reports.Run, *reports.Cluster) {
	run := reports.Run{
		ID: e.RunID, Version: Version(), Profile: e.Options.Profile, Filters: e.Options.Focus,
		Options: changed(e.Options), Procs: e.Options.Processes(), Seed: e.Options.Seed,
	}
	c := e.Cluster
	if c == nil {
		return run, nil
	}
	facts := &reports.Cluster{
		Name: c.Name, Context: c.Context, ServerVersion: c.ServerVersion, Kind: c.Kind, Reused: c.Reused,
		Provider: c.Provider, NodeImage: e.NodeImage, Cgroup: c.Cgroup, WitnessImage: c.WitnessImage, Doubt: e.Doubt,
	}
	for _, n := range c.Nodes {
		facts.Nodes = append(facts.Nodes, NodeFacts(n))
	}
	return run, facts
}

// NodeFacts is a node in the record's words.
func NodeFacts(n cluster.Node) reports.Node {
	return reports.Node{Name: n.Name, Role: n.Role, Kubelet: n.Kubelet, Runtime: n.Runtime, OS: n.OS}
}

// Version of this build of podproof: the module's version, or the revision
// that it was built from.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version := info.Main.Version
	if version == "" || version == "(devel)" {
		version = "development"
	}
	return version
}

// changed lists the options that differ from their defaults.
func changed(o options.Options) map[string]string {
	fields := func(o options.Options) map[string]any {
		all := map[string]any{}
		data, err := json.Marshal(o)
		if err == nil {
			// Numbers as they are written: a seed is too long for a float to be readable.
			numbers := json.NewDecoder(bytes.NewReader(data))
			numbers.UseNumber()
			err = numbers.Decode(&all)
		}
		if err != nil {
			panic(fmt.Sprintf("options cannot be written as JSON: %v", err))
		}
		return all
	}
	defaults := fields(options.Defaults())
	differ := map[string]string{}
	for name, value := range fields(o) {
		if text := fmt.Sprint(value); text != fmt.Sprint(defaults[name]) {
			differ[name] = text
		}
	}
	return differ
}
