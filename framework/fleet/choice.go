// Package fleet chooses the nodes of a cluster that are judged one by one.
package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/podproof/podproof/framework/cluster"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/reports/bynode"
)

// All stands for all nodes.
const All = "all"

// Choice says which nodes of a cluster are judged.
type Choice struct {
	// Names of the nodes; none means all that have the labels of the node selector.
	Names []string
	// Index is the number, from 0, of the part of these nodes that is judged here, Of how
	// many there are.
	Index, Of int
}

// Parse reads what was asked for: "all" or names, and a part I/N of them, or "".
func Parse(nodes, shard string) (Choice, error) {
	c := Choice{Of: 1}
	if nodes != All {
		c.Names = options.List(nodes)
		slices.Sort(c.Names)
		if len(c.Names) == 0 {
			return c, options.Usagef("nodes is %q; name nodes, or all", nodes)
		}
		if distinct := slices.Compact(slices.Clone(c.Names)); len(distinct) < len(c.Names) {
			return c, options.Usagef("nodes: a node is named twice in %s", nodes)
		}
	}
	if shard == "" {
		return c, nil
	}
	index, of, _ := strings.Cut(shard, "/")
	var err, errOf error
	c.Index, err = strconv.Atoi(index)
	c.Of, errOf = strconv.Atoi(of)
	if err != nil || errOf != nil || c.Index < 0 || c.Index >= c.Of {
		return c, options.Usagef("shard %q is not I/N with I from 0 to N-1, such as 0/4", shard)
	}
	return c, nil
}

// Member is a node that is to be judged.
type Member struct {
	cluster.Node
	// Why says why it cannot be; "" that it can.
	Why string
	// Meant says that it should have been possible: the node was asked for by its name, or
	// takes no pods although nobody has said that it should not.
	Meant bool
}

// of gives the nodes of this part, by name, and tells which part that is.
func (c Choice) of(nodes []cluster.Node) (mine []cluster.Node, part bynode.Shard, err error) {
	nodes = slices.SortedFunc(slices.Values(nodes), func(a, b cluster.Node) int { return strings.Compare(a.Name, b.Name) })
	var names []string
	var chosen []cluster.Node
	for _, n := range nodes {
		names = append(names, n.Name)
		if len(c.Names) == 0 && !n.Unchosen || slices.Contains(c.Names, n.Name) {
			chosen = append(chosen, n)
		}
	}
	for _, name := range c.Names {
		if !slices.Contains(names, name) {
			return nil, part, options.Usagef("nodes: there is no node %s; there are %s", name, some(names))
		}
	}
	sum := sha256.New()
	for i, n := range chosen {
		fmt.Fprintln(sum, n.Name)
		if i%c.Of == c.Index {
			mine = append(mine, n)
		}
	}
	return mine, bynode.Shard{Index: c.Index, Of: c.Of, Nodes: len(mine), Chosen: hex.EncodeToString(sum.Sum(nil)[:6])}, nil
}

// Select gives the nodes that are judged here, by name, and which part of all that is. An
// error is a usage error. Every node is in one part, whether it can be judged or not: that
// may change while the others start.
func (c Choice) Select(nodes []cluster.Node) ([]Member, bynode.Shard, error) {
	mine, part, err := c.of(nodes)
	if err != nil {
		return nil, part, err
	}
	hosts := map[string]int{}
	for _, n := range nodes {
		hosts[n.Hostname]++
	}
	var members []Member
	for _, n := range mine {
		m := Member{Node: n, Why: n.Unused(), Meant: len(c.Names) > 0 || !n.Ready}
		switch {
		case m.Why != "":
		case n.OS != "linux":
			m.Why = "it runs " + n.OS
		case n.Hostname == "":
			m.Why, m.Meant = "it has no label kubernetes.io/hostname, by which pods are held on a node", true
		case hosts[n.Hostname] > 1:
			m.Why, m.Meant = fmt.Sprintf("%d nodes have its label kubernetes.io/hostname, %s", hosts[n.Hostname], n.Hostname), true
		}
		members = append(members, m)
	}
	return members, part, nil
}

// Peer names a node to be the second one of specs on the named node: good, which has been
// judged well, or else the next one that takes pods; "" when there is none.
func Peer(nodes []cluster.Node, name, good string) string {
	if good != "" && good != name {
		return good
	}
	at := slices.IndexFunc(nodes, func(n cluster.Node) bool { return n.Name == name })
	for i := range nodes {
		n := nodes[(at+1+i)%len(nodes)]
		if n.Name != name && n.Unused() == "" && n.OS == "linux" {
			return n.Name
		}
	}
	return ""
}

// some names the first few of many.
func some(names []string) string {
	const few = 10
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}
