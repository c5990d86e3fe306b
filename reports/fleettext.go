package reports

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/podproof/podproof/fixtures/claims"
)

// named is how many nodes a line names before it only counts the others: the text of a
// thousand nodes has to stay readable, and the JSON names all.
const named = 5

// FleetText writes the result of a fleet for people: the claims on which the nodes do
// not agree with the odd ones named, the claims that no node keeps or from which all are
// known to deviate, the nodes by what runs on them, and a last line with the counts.
func FleetText(f Fleet, colour bool) string {
	p := &page{colour: colour}
	p.line("%s", p.paint(bold, strings.TrimSpace("podproof "+f.Version+", node by node")))
	if f.ServerVersion != "" {
		p.line("  Kubernetes %s, profile %s", f.ServerVersion, f.Profile)
	}
	if len(f.Filters) > 0 {
		p.WriteString(wrap("claims "+strings.Join(f.Filters, ", "), "  ", columns))
	}
	if splits := f.Splits(); len(splits) > 0 {
		p.line("\n%s", p.paint(bold, "claims on which the nodes differ"))
		for _, s := range splits {
			p.split(s)
		}
	}
	p.alike(f, Nonconformant, "claims that no node keeps")
	p.alike(f, KnownDeviation, "known deviations of all nodes")
	p.kinds(f)
	p.notJudged(f)
	p.line("")
	p.WriteString(wrap(fleetCounts(f), "", columns))
	if missing := f.Missing(); missing != "" {
		p.line("%s", p.paintVerdict(Inconclusive, strings.TrimSpace(wrap("incomplete: "+missing, "", columns))))
	}
	return p.String()
}

// split is a claim with its odd nodes, those of one verdict and reason together.
func (p *page) split(s Split) {
	p.line("  %s  %s on %s, but", s.Claim, s.Usual, plural(s.On, "node"))
	for i := 0; i < len(s.Odd); {
		first := s.Odd[i].Claims[s.Claim]
		var names []string
		for ; i < len(s.Odd) && s.Odd[i].Claims[s.Claim].Verdict == first.Verdict; i++ {
			names = append(names, s.Odd[i].Name+s.with(s.Odd[i]))
		}
		p.line("      %s on %s", p.paintVerdict(first.Verdict, string(first.Verdict)), someOf(names))
		if first.Reason != "" {
			p.WriteString(wrap(clean(first.Reason), "        ", columns))
		}
	}
	if s.Shared != "" {
		p.line("      only there: %s", s.Shared)
	}
}

// with names the second node of a claim that needs one: it may be that one's fault.
func (s Split) with(n NodeResult) string {
	c, err := claims.Find(s.Claim)
	if err != nil || n.Peer == "" || !slices.Contains(c.Needs, claims.NeedSecondNode) {
		return ""
	}
	return " (second node: " + n.Peer + ")"
}

// alike lists the claims that have the verdict on every node that came to them.
func (p *page) alike(f Fleet, v Verdict, title string) {
	odd := map[string]bool{}
	for _, s := range f.Splits() {
		odd[s.Claim] = true
	}
	judged := f.judged()
	if len(judged) == 0 {
		return
	}
	// Not all nodes need have come to each of them.
	having := map[string][]NodeResult{}
	for _, n := range judged {
		for id, c := range n.Claims {
			if c.Verdict == v && !odd[id] {
				having[id] = append(having[id], n)
			}
		}
	}
	ids := slices.Sorted(maps.Keys(having))
	if len(ids) > 0 {
		p.line("\n%s", p.paint(bold, title))
	}
	for _, id := range ids {
		on := ""
		if len(having[id]) < len(judged) {
			var names []string
			for _, n := range having[id] {
				names = append(names, n.Name)
			}
			on = "  on " + someOf(names) + ", and no other node came to it"
		}
		p.line("  %s%s", p.paintVerdict(v, id), on)
		p.WriteString(wrap(clean(having[id][0].Claims[id].Reason), "      ", columns))
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
	for _, n := range f.judged() {
		k := kind{n.Verdict, n.Kubelet, n.Runtime}
		if nodes[k] == nil {
			order = append(order, k)
		}
		nodes[k] = append(nodes[k], n.Name)
	}
	if len(order) > 0 {
		p.line("\n%s", p.paint(bold, "nodes"))
	}
	for _, k := range order {
		what := strings.Trim(strings.TrimSpace(k.kubelet+", "+k.runtime), ", ")
		p.line("  %s  %s  %s", p.paintVerdict(k.Verdict, string(k.Verdict)), someOf(nodes[k]), p.paint(faint, what))
	}
}

// notJudged lists the other nodes, those of one reason together.
func (p *page) notJudged(f Fleet) {
	var order []string
	nodes := map[string][]string{}
	for _, n := range f.Nodes {
		if len(n.Claims) > 0 {
			continue
		}
		reason := fmt.Sprintf("%s: %s", p.paintVerdict(n.Verdict, string(n.Verdict)), firstLine(n.Reason))
		if nodes[reason] == nil {
			order = append(order, reason)
		}
		nodes[reason] = append(nodes[reason], n.Name)
	}
	if len(order) > 0 {
		p.line("\n%s", p.paint(bold, "nodes that were not judged"))
	}
	for _, reason := range order {
		p.line("  %s", someOf(nodes[reason]))
		p.WriteString(wrap(reason, "      ", columns))
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
	for _, v := range []Verdict{Conformant, Nonconformant, Inconclusive, NotApplicable, NotRun} {
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
	requests, seconds, took := 0, 0.0, 0.0
	judged := f.judged()
	for _, n := range judged {
		requests += n.APIRequests
		seconds += n.Seconds
		took += n.TookSeconds
	}
	counts := fmt.Sprintf("%s: %s", plural(len(f.Nodes), "node"), strings.Join(parts, ", "))
	if len(judged) > 0 {
		each := float64(len(judged))
		counts += fmt.Sprintf("; on average %s a node, of which specs %s, with %d API requests of theirs", duration(took/each), duration(seconds/each), requests/len(judged))
	}
	return counts
}
