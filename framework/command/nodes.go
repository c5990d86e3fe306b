package command

import (
	"github.com/podproof/podproof/framework/elsewhere/incluster"
	"github.com/podproof/podproof/framework/fleet"
	"github.com/podproof/podproof/framework/options"
	"github.com/spf13/cobra"
)

// nodesFlags are the flags for a verdict on each node by itself.
type nodesFlags struct{ nodes, shard string }

// register gives the command the flags; only a run itself takes a shard.
func (f *nodesFlags) register(cmd *cobra.Command, shard bool) {
	cmd.Flags().StringVar(&f.nodes, "nodes", "", "judge these `nodes` one by one, with the run's pods on one at a time: all, or names separated by commas")
	if shard {
		cmd.Flags().StringVar(&f.shard, "shard", "", "of these nodes only part `I/N`, with I from 0: every N-th node")
	}
}

// choice is what the flags say; nil when no nodes are judged one by one.
func (f *nodesFlags) choice(o options.Options) (*fleet.Choice, error) {
	switch {
	case f.nodes == "" && f.shard != "":
		return nil, options.Usagef("--shard=%s needs --nodes", f.shard)
	case f.nodes == "":
		return nil, nil
	case len(o.Namespaces) > 0:
		return nil, options.Usagef("nodes cannot be judged in given namespaces, with no rights outside them: unset namespaces")
	case o.Repeat > 1:
		return nil, options.Usagef("repeat is %d, but each node is judged once", o.Repeat)
	}
	c, err := fleet.Parse(f.nodes, f.shard)
	return &c, err
}

// shards is how many pods of a Job judge the nodes; 0 when none does so one by one.
func (f *nodesFlags) shards(o options.Options, n int) (int, error) {
	choice, err := f.choice(o)
	switch {
	case err != nil:
		return 0, err
	case choice == nil && n != 1:
		return 0, options.Usagef("shards is %d, but without --nodes there is one run, in one pod", n)
	case choice == nil:
		return 0, nil
	case n < 1 || n > incluster.MostShards:
		return 0, options.Usagef("shards is %d; it must be 1 to %d", n, incluster.MostShards)
	}
	return n, nil
}
