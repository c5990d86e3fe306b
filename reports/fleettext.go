package reports

import (
	"fmt"
	"slices"
	"strings"
)

// named is how many nodes a line names before it only counts the others: the text of a
// thousand nodes has to stay readable, and the JSON names all.
const named = 5

// FleetText writes the result of a fleet for people: the claims on which the nodes do
// not agree with the odd ones named, the claims that no node keeps, the nodes by what
// runs on them, and a last line with the counts.
func FleetText(f Fleet, colour bool) string {
	p := &page{colour: colour}
	p.line("%s", p.paint(bold, strings.TrimSpace("podproof "+f.Version+" on every node")))
	if f.ServerVersion != "" {
		p.line("  of Kubernetes %s, profile %s", f.ServerVersion, f.Profile)
	}
	if splits := f.Splits(); len(splits) > 0 {
		p.line("\n%s", p.paint(bold, "claims on which the nodes differ"))
		for _, s := range splits {
			p.split(s)
		}
	}
	p.alike(f)
	p.line("\n%s", p.paint(bold, "nodes"))
	p.kinds(f)
	p.line("")
	p.WriteString(wrap(fleetCounts(f), "", columns))
	return p.String()
}

// split is a claim with its odd nodes, those of one verdict and reason together.
func (p *page) split(s Split) {
	p.line("  %s  %s on %s, but", s.Claim, s.Usual, plural(s.On, "node"))
	for i := 0; i < len(s.Odd); {
		first := s.Odd[i].Claims[s.Claim]
		var names []string
		for ; i < len(s.Odd) && s.Odd[i].Claims[s.Claim].Verdict == first.Verdict; i++ {
			names = append(names, s.Odd[i].Name)
		}
		verdict := first.Verdict
		if verdict == "" {
			verdict = "not selected"
		}
		p.line("      %s on %s", p.paintVerdict(verdict, string(verdict)), someOf(names))
		if first.Reason != "" {
			p.WriteString(wrap(clean(first.Reason), "        ", columns))
		}
	}
	if s.Shared != "" {
		p.line("      only there: %s", s.Shared)
	}
}

// alike lists the claims that no node keeps.
func (p *page) alike(f Fleet) {
	odd := map[string]bool{}
	for _, s := range f.Splits() {
		odd[s.Claim] = true
	}
	var ids []string
	for id, c := range f.Nodes[0].Claims {
		if c.Verdict == Nonconformant && !odd[id] {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	if len(ids) > 0 {
		p.line("\n%s", p.paint(bold, "claims that no node keeps"))
	}
	for _, id := range ids {
		p.line("  %s", p.paintVerdict(Nonconformant, id))
		p.WriteString(wrap(clean(f.Nodes[0].Claims[id].Reason), "      ", columns))
	}
}

// kinds lists the nodes, those of one verdict, kubelet and runtime together.
func (p *page) kinds(f Fleet) {
	type kind struct {
		Verdict          Verdict
		kubelet, runtime string
	}
	var order []kind
	nodes := map[kind][]string{}
	for _, n := range f.Nodes {
		k := kind{n.Verdict, n.Kubelet, n.Runtime}
		if nodes[k] == nil {
			order = append(order, k)
		}
		nodes[k] = append(nodes[k], n.Name)
	}
	for _, k := range order {
		what := strings.Trim(strings.TrimSpace(k.kubelet+", "+k.runtime), ", ")
		p.line("  %s  %s  %s", p.paintVerdict(k.Verdict, string(k.Verdict)), someOf(nodes[k]), p.paint(faint, what))
	}
}

// someOf names nodes, the first few of many.
func someOf(names []string) string {
	if len(names) <= named {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:named], ", "), len(names)-named)
}

// fleetCounts is the line that says it all.
func fleetCounts(f Fleet) string {
	var parts []string
	for _, v := range []Verdict{Conformant, KnownDeviation, Nonconformant, Inconclusive, NotApplicable, NotRun} {
		n := 0
		for _, node := range f.Nodes {
			if node.Verdict == v {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	requests, seconds := 0, 0.0
	for _, n := range f.Nodes {
		requests += n.APIRequests
		seconds += n.Seconds
	}
	return fmt.Sprintf("%s: %s; on average %s and %d API requests a node", plural(len(f.Nodes), "node"), strings.Join(parts, ", "),
		duration(seconds/float64(len(f.Nodes))), requests/len(f.Nodes))
}
