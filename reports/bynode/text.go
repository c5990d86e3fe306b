package bynode

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/internal/terminal"
	"github.com/podproof/podproof/reports/internal/wording"
)

// named is how many nodes a line names before it only counts the others: the text of a
// thousand nodes has to stay readable, and the JSON names all.
const named = 5

// Text writes the result of a fleet for people: the claims on which the nodes do
// not agree with the odd ones named, the claims that no node keeps or from which all are
// known to deviate, the nodes by what runs on them, and a last line with the counts.
func Text(f Fleet, colour bool) string {
	p := &differences{terminal.Sheet{Colour: colour}}
	p.Line("%s", p.Paint(terminal.Bold, strings.TrimSpace("podproof "+f.Version+", node by node")))
	if f.ServerVersion != "" {
		p.Line("  Kubernetes %s, profile %s", f.ServerVersion, f.Profile)
	}
	if len(f.Filters) > 0 {
		p.WriteString(wording.Wrap("claims "+strings.Join(f.Filters, ", "), "  ", terminal.Columns))
	}
	if splits := f.Splits(); len(splits) > 0 {
		p.Line("\n%s", p.Paint(terminal.Bold, "claims on which the nodes differ"))
		for _, s := range splits {
			p.split(s)
		}
	}
	p.alike(f, reports.Nonconformant, "claims that no node keeps")
	p.alike(f, reports.KnownDeviation, "known deviations of all nodes")
	p.kinds(f)
	p.notJudged(f)
	p.Line("")
	p.WriteString(wording.Wrap(counts(f), "", terminal.Columns))
	if missing := f.Missing(); missing != "" {
		p.Line("%s", p.PaintVerdict(reports.Inconclusive, strings.TrimSpace(wording.Wrap("incomplete: "+missing, "", terminal.Columns))))
	}
	return p.String()
}

// differences is the text while it is being made.
type differences struct{ terminal.Sheet }

// split is a claim with its odd nodes, those of one verdict and reason together.
func (p *differences) split(s Split) {
	p.Line("  %s  %s on %s, but", s.Claim, s.Usual, wording.Plural(s.On, "node"))
	for i := 0; i < len(s.Odd); {
		first := s.Odd[i].Claims[s.Claim]
		var names []string
		for ; i < len(s.Odd) && s.Odd[i].Claims[s.Claim].Verdict == first.Verdict; i++ {
			names = append(names, s.Odd[i].Name+s.with(s.Odd[i]))
		}
		p.Line("      %s on %s", p.PaintVerdict(first.Verdict, string(first.Verdict)), someOf(names))
		if first.Reason != "" {
			p.WriteString(wording.Wrap(wording.Clean(first.Reason), "        ", terminal.Columns))
		}
	}
	if s.Shared != "" {
		p.Line("      only these nodes have: %s", s.Shared)
	}
}

// with names the second node of a claim that needs one: it may be that one's fault.
func (s Split) with(n Result) string {
	c, err := claims.Find(s.Claim)
	if err != nil || n.Peer == "" || !slices.Contains(c.Needs, claims.NeedSecondNode) {
		return ""
	}
	return " (second node: " + n.Peer + ")"
}

// alike lists the claims that have the verdict on every node that came to them.
func (p *differences) alike(f Fleet, v reports.Verdict, title string) {
	odd := map[string]bool{}
	for _, s := range f.Splits() {
		odd[s.Claim] = true
	}
	judged := f.judged()
	if len(judged) == 0 {
		return
	}
	// Not all nodes need have come to each of them.
	having := map[string][]Result{}
	for _, n := range judged {
		for id, c := range n.Claims {
			if c.Verdict == v && !odd[id] {
				having[id] = append(having[id], n)
			}
		}
	}
	ids := slices.Sorted(maps.Keys(having))
	if len(ids) > 0 {
		p.Line("\n%s", p.Paint(terminal.Bold, title))
	}
	for _, id := range ids {
		on := ""
		if len(having[id]) < len(judged) {
			var names []string
			for _, n := range having[id] {
				names = append(names, n.Name)
			}
			on = "  on " + someOf(names) + "; no other node tested it"
		}
		p.Line("  %s%s", p.PaintVerdict(v, id), on)
		p.WriteString(wording.Wrap(wording.Clean(having[id][0].Claims[id].Reason), "      ", terminal.Columns))
	}
}

// kinds lists the nodes, those of one verdict, kubelet and runtime together.
func (p *differences) kinds(f Fleet) {
	type kind struct {
		Verdict          reports.Verdict
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
		p.Line("\n%s", p.Paint(terminal.Bold, "nodes"))
	}
	for _, k := range order {
		what := strings.Trim(strings.TrimSpace(k.kubelet+", "+k.runtime), ", ")
		p.Line("  %s  %s  %s", p.PaintVerdict(k.Verdict, string(k.Verdict)), someOf(nodes[k]), p.Paint(terminal.Faint, what))
	}
}

// notJudged lists the other nodes, those of one reason together.
func (p *differences) notJudged(f Fleet) {
	var order []string
	nodes := map[string][]string{}
	for _, n := range f.Nodes {
		if len(n.Claims) > 0 {
			continue
		}
		reason := fmt.Sprintf("%s: %s", p.PaintVerdict(n.Verdict, string(n.Verdict)), wording.FirstLine(n.Reason))
		if nodes[reason] == nil {
			order = append(order, reason)
		}
		nodes[reason] = append(nodes[reason], n.Name)
	}
	if len(order) > 0 {
		p.Line("\n%s", p.Paint(terminal.Bold, "nodes that were not judged"))
	}
	for _, reason := range order {
		p.Line("  %s", someOf(nodes[reason]))
		p.WriteString(wording.Wrap(reason, "      ", terminal.Columns))
	}
}

// someOf names nodes, the first few of many.
func someOf(names []string) string {
	if len(names) <= named {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:named], ", "), len(names)-named)
}

// counts is the line that says it all.
func counts(f Fleet) string {
	var parts []string
	for _, v := range []reports.Verdict{reports.Conformant, reports.Nonconformant, reports.Inconclusive, reports.NotApplicable, reports.NotRun} {
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
	counts := fmt.Sprintf("%s: %s", wording.Plural(len(f.Nodes), "node"), strings.Join(parts, ", "))
	if len(judged) > 0 {
		each := float64(len(judged))
		counts += fmt.Sprintf("; on average %s per node (specs %s, with %d API requests)", wording.Duration(took/each), wording.Duration(seconds/each), requests/len(judged))
	}
	return counts
}
