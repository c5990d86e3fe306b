package reports

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// FleetSchema names the layout of a Fleet; a change that breaks readers changes it.
const FleetSchema = "podproof.fleet/v1"

// FleetFile and FleetTextFile are the files that WriteFleet makes.
const (
	FleetFile     = "fleet.json"
	FleetTextFile = "fleet.txt"
)

// Fleet is what runs on single nodes say about the nodes of one cluster.
type Fleet struct {
	Schema        string       `json:"schema"`
	Version       string       `json:"version"` // of podproof
	ServerVersion string       `json:"serverVersion,omitempty"`
	Profile       string       `json:"profile"`
	Filters       []string     `json:"filters,omitempty"`
	Nodes         []NodeResult `json:"nodes"` // by name
}

// NodeResult is the outcome of the run whose pods were on one node.
type NodeResult struct {
	Node
	Verdict     Verdict `json:"verdict"`
	Reason      string  `json:"reason"`
	ExitCode    int     `json:"exitCode"`
	Seconds     float64 `json:"seconds"` // of the specs
	APIRequests int     `json:"apiRequests,omitempty"`
	// Claims are those that were selected, by ID.
	Claims map[string]NodeClaim `json:"claims,omitempty"`
}

// NodeClaim is the verdict on one claim on one node, with the reason when the claim is
// not conformant.
type NodeClaim struct {
	Verdict Verdict `json:"verdict"`
	Reason  string  `json:"reason,omitempty"`
}

// OnNode is the fleet of one node, from the record of the run on it. A node that the
// record does not know, because set-up failed, has only its name.
func OnNode(name string, r Record) Fleet {
	result := NodeResult{Node: Node{Name: name}, Verdict: r.Verdict, Reason: r.Reason, ExitCode: r.ExitCode,
		Seconds: r.Run.SpecsSeconds, Claims: map[string]NodeClaim{}}
	f := Fleet{Schema: FleetSchema, Version: r.Run.Version, Profile: r.Run.Profile, Filters: r.Run.Filters}
	if r.Cluster != nil {
		f.ServerVersion = r.Cluster.ServerVersion
		if i := slices.IndexFunc(r.Cluster.Nodes, func(n Node) bool { return n.Name == name }); i >= 0 {
			result.Node = r.Cluster.Nodes[i]
		}
	}
	for _, s := range r.Specs {
		result.APIRequests += s.APIRequests
	}
	for _, c := range r.Claims {
		switch {
		case !c.Selected:
		case c.Verdict == Conformant:
			result.Claims[c.ID] = NodeClaim{Verdict: c.Verdict}
		default:
			result.Claims[c.ID] = NodeClaim{Verdict: c.Verdict, Reason: firstLine(c.Reason)}
		}
	}
	f.Nodes = []NodeResult{result}
	return f
}

// JoinFleets makes one fleet of several, such as of the shards of one run. It refuses
// those that cannot be of one run: nobody could tell what differed, the nodes or the runs.
func JoinFleets(fleets ...Fleet) (Fleet, error) {
	if len(fleets) == 0 {
		return Fleet{}, errors.New("there is no result of any node")
	}
	whole := fleets[0]
	whole.Nodes = nil
	seen := map[string]bool{}
	for _, f := range fleets {
		for _, differs := range []struct{ what, a, b string }{
			{"podproof", whole.Version, f.Version},
			{"profile", whole.Profile, f.Profile},
			{"filter", strings.Join(whole.Filters, ", "), strings.Join(f.Filters, ", ")},
		} {
			if differs.a != differs.b {
				return Fleet{}, fmt.Errorf("the results are not of one run: one is of %s %q, another of %q", differs.what, differs.a, differs.b)
			}
		}
		whole.ServerVersion = cmp.Or(whole.ServerVersion, f.ServerVersion)
		for _, n := range f.Nodes {
			if seen[n.Name] {
				return Fleet{}, fmt.Errorf("there are two results of node %s; give those of one run", n.Name)
			}
			seen[n.Name] = true
			whole.Nodes = append(whole.Nodes, n)
		}
	}
	slices.SortFunc(whole.Nodes, func(a, b NodeResult) int { return cmp.Compare(a.Name, b.Name) })
	return whole, nil
}

// ReadFleets reads one or more fleets from a stream of JSON documents, between which
// there may be lines of other text, such as the logs of the shards of a run.
func ReadFleets(r io.Reader) ([]Fleet, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var fleets []Fleet
	// A document starts a line and is the only thing here that starts with a brace.
	for text := string(data); text != ""; {
		if !strings.HasPrefix(text, "{") {
			_, text, _ = strings.Cut(text, "\n")
			continue
		}
		var f Fleet
		decoder := json.NewDecoder(strings.NewReader(text))
		if err := decoder.Decode(&f); err != nil {
			return nil, fmt.Errorf("a result of nodes that cannot be read: %w", err)
		}
		if f.Schema != FleetSchema {
			return nil, fmt.Errorf("a document has the schema %q where %s is needed", f.Schema, FleetSchema)
		}
		fleets = append(fleets, f)
		text = strings.TrimLeft(text[decoder.InputOffset():], " \t\r\n")
	}
	if len(fleets) == 0 {
		return nil, fmt.Errorf("there is no %s in it", FleetFile)
	}
	return fleets, nil
}

// ExitCode is the worst of the nodes'.
func (f Fleet) ExitCode() int {
	for _, code := range []int{ExitInterrupted, ExitNonconformant, ExitUsage, ExitCouldNotTest} {
		if slices.ContainsFunc(f.Nodes, func(n NodeResult) bool { return n.ExitCode == code }) {
			return code
		}
	}
	return ExitConformant
}

// Split is a claim on whose verdict the nodes do not agree.
type Split struct {
	Claim string
	// Usual is the verdict of the most nodes; of two that as many have it is the one
	// further up the scale.
	Usual Verdict
	On    int // as many nodes
	// Odd are the nodes with another verdict, those with one verdict together.
	Odd []NodeResult
	// Shared says what all odd nodes have in common that no other node has, such as
	// the version of the kubelet; "" when there is nothing.
	Shared string
}

// Splits finds the claims on which the nodes do not agree, by ID, and so the odd nodes.
func (f Fleet) Splits() []Split {
	ids := map[string]bool{}
	for _, n := range f.Nodes {
		for id := range n.Claims {
			ids[id] = true
		}
	}
	var splits []Split
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		on := map[Verdict]int{}
		for _, n := range f.Nodes {
			on[n.Claims[id].Verdict]++
		}
		if len(on) < 2 {
			continue
		}
		s := Split{Claim: id}
		for _, v := range slices.Sorted(maps.Keys(on)) {
			if on[v] > s.On || on[v] == s.On && scale[v] > scale[s.Usual] {
				s.Usual, s.On = v, on[v]
			}
		}
		var usual []NodeResult
		for _, n := range f.Nodes {
			if n.Claims[id].Verdict == s.Usual {
				usual = append(usual, n)
			} else {
				s.Odd = append(s.Odd, n)
			}
		}
		slices.SortStableFunc(s.Odd, func(a, b NodeResult) int {
			return cmp.Compare(a.Claims[id].Verdict, b.Claims[id].Verdict)
		})
		s.Shared = shared(s.Odd, usual)
		splits = append(splits, s)
	}
	return splits
}

// shared names what all odd nodes have in common and no usual one has.
func shared(odd, usual []NodeResult) string {
	var found []string
	for _, trait := range []struct {
		name string
		of   func(NodeResult) string
	}{
		{"kubelet", func(n NodeResult) string { return n.Kubelet }},
		{"container runtime", func(n NodeResult) string { return n.Runtime }},
		{"operating system", func(n NodeResult) string { return n.OS }},
		{"role", func(n NodeResult) string { return n.Role }},
	} {
		value := trait.of(odd[0])
		has := func(n NodeResult) bool { return trait.of(n) == value }
		hasNot := func(n NodeResult) bool { return !has(n) }
		if value != "" && !slices.ContainsFunc(odd, hasNot) && !slices.ContainsFunc(usual, has) {
			found = append(found, trait.name+" "+value)
		}
	}
	return strings.Join(found, ", ")
}

// WriteFleet makes the fleet's files in dir, which is there. Each file is complete or
// not there at all, whenever the program ends.
func WriteFleet(dir string, f Fleet) error {
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("write the result of the nodes as JSON: %w", err)
	}
	if err := WriteFile(filepath.Join(dir, FleetFile), append(data, '\n')); err != nil {
		return err
	}
	return WriteFile(filepath.Join(dir, FleetTextFile), []byte(FleetText(f, false)))
}
