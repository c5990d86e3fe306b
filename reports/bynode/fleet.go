// Package bynode is the result of a run that judged nodes one by one: what each node was
// found to do, and on which claims the nodes of a fleet differ.
package bynode

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/internal/wording"
)

// Schema names the layout of a Fleet; a change that breaks readers changes it.
const Schema = "podproof.fleet/v1"

// File and TextFile are the files that Write makes.
const (
	File     = "fleet.json"
	TextFile = "fleet.txt"
)

// Fleet is what runs on single nodes say about the nodes of one cluster.
type Fleet struct {
	Schema        string   `json:"schema"`
	Version       string   `json:"version"` // of podproof
	ServerVersion string   `json:"serverVersion,omitempty"`
	Profile       string   `json:"profile"`
	Filters       []string `json:"filters,omitempty"`
	// Job is the UID of the Job that ran the shards, "" without a Job.
	Job string `json:"job,omitempty"`
	// Parts are the shards with results, by their index.
	Parts []Shard  `json:"parts"`
	Nodes []Result `json:"nodes"` // by name

	// twice is how many nodes of a part, by its index, have their result from another part.
	twice map[int]int
}

// Shard is a part of the nodes of a cluster that one process judges.
type Shard struct {
	Index int `json:"index"` // from 0
	Of    int `json:"of"`    // as many parts
	Nodes int `json:"nodes"` // in this part
	// Chosen is equal in parts that were cut out of the same nodes.
	Chosen string `json:"chosen"`
}

// New returns a fleet without results.
func New(run reports.Run, c *reports.Cluster, part Shard) Fleet {
	f := Fleet{Schema: Schema, Version: run.Version, Profile: run.Profile, Filters: run.Filters, Parts: []Shard{part}, Nodes: []Result{}}
	if c != nil {
		f.ServerVersion = c.ServerVersion
	}
	return f
}

// With returns the fleet with these nodes only.
func (f Fleet) With(nodes ...Result) Fleet {
	f.Nodes = nodes
	for i := range f.Nodes {
		f.Nodes[i].Part = f.Parts[0].Index
	}
	return f
}

// Result is the outcome of the run whose pods were on one node.
type Result struct {
	reports.Node
	Part     int             `json:"part"`           // index of the shard
	Peer     string          `json:"peer,omitempty"` // second node of the specs that needed one
	Verdict  reports.Verdict `json:"verdict"`
	Reason   string          `json:"reason"`
	ExitCode int             `json:"exitCode"`
	Seconds  float64         `json:"seconds"` // of the specs
	// TookSeconds is all that the node took, with the trial before the specs and the
	// clean-up after them.
	TookSeconds float64 `json:"tookSeconds,omitempty"`
	APIRequests int     `json:"apiRequests,omitempty"` // of the specs
	// Claims are those that were selected, by ID.
	Claims map[string]Claim `json:"claims,omitempty"`
}

// Claim is the verdict on one claim on one node, with the reason when the claim is
// not conformant.
type Claim struct {
	Verdict reports.Verdict `json:"verdict"`
	Reason  string          `json:"reason,omitempty"`
}

// ResultOf returns the result of a node from the record of the run on it. If set-up failed,
// only the name of the node is known.
func ResultOf(name string, r reports.Record) Result {
	result := Result{Node: reports.Node{Name: name}, Verdict: r.Verdict, Reason: r.Reason, ExitCode: r.ExitCode,
		Seconds: r.Run.SpecsSeconds, Claims: map[string]Claim{}}
	if r.Cluster != nil {
		if i := slices.IndexFunc(r.Cluster.Nodes, func(n reports.Node) bool { return n.Name == name }); i >= 0 {
			result.Node = r.Cluster.Nodes[i]
		}
	}
	for _, s := range r.Specs {
		result.APIRequests += s.APIRequests
	}
	for _, c := range r.Claims {
		switch {
		case !c.Selected, c.Verdict == reports.NotRun && (r.Run.Interrupted || r.Run.SetupError != ""): // says nothing about the node
		case c.Verdict == reports.Conformant:
			result.Claims[c.ID] = Claim{Verdict: c.Verdict}
		default:
			result.Claims[c.ID] = Claim{Verdict: c.Verdict, Reason: wording.FirstLine(c.Reason)}
		}
	}
	return result
}

// Join merges the fleets of the shards of one run. It refuses fleets of different runs:
// their nodes cannot be compared. If nodes came or went while the shards started, two shards
// can have judged the same node: the worse result counts, and Missing says so.
func Join(fleets ...Fleet) (Fleet, error) {
	if len(fleets) == 0 {
		return Fleet{}, errors.New("there is no result of any node")
	}
	whole := fleets[0]
	whole.Nodes, whole.Parts, whole.twice = []Result{}, nil, map[int]int{}
	for _, f := range fleets {
		for _, differs := range []struct{ what, a, b string }{
			{"podproof", whole.Version, f.Version},
			{"Kubernetes", cmp.Or(whole.ServerVersion, f.ServerVersion), cmp.Or(f.ServerVersion, whole.ServerVersion)},
			{"profile", whole.Profile, f.Profile},
			{"Job", cmp.Or(whole.Job, f.Job), cmp.Or(f.Job, whole.Job)},
			{"filter", strings.Join(whole.Filters, ", "), strings.Join(f.Filters, ", ")},
		} {
			if differs.a != differs.b {
				return Fleet{}, fmt.Errorf("the results are of different runs: %s is %q in one and %q in another", differs.what, differs.a, differs.b)
			}
		}
		for _, part := range f.Parts {
			if !slices.Contains(whole.Parts, part) {
				whole.Parts = append(whole.Parts, part)
			}
		}
		whole.ServerVersion = cmp.Or(whole.ServerVersion, f.ServerVersion)
		whole.Job = cmp.Or(whole.Job, f.Job)
		for _, n := range f.Nodes {
			i := slices.IndexFunc(whole.Nodes, func(o Result) bool { return o.Name == n.Name })
			switch {
			case i < 0:
				whole.Nodes = append(whole.Nodes, n)
			case whole.chosenOf(whole.Nodes[i].Part) == f.chosenOf(n.Part):
				return Fleet{}, fmt.Errorf("there are two results for node %s; pass the results of one run", n.Name)
			case n.ExitCode != whole.Nodes[i].ExitCode && n.ExitCode == reports.WorseExit(n.ExitCode, whole.Nodes[i].ExitCode):
				whole.twice[whole.Nodes[i].Part]++
				whole.Nodes[i] = n
			default:
				whole.twice[n.Part]++
			}
		}
	}
	slices.SortFunc(whole.Nodes, func(a, b Result) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(whole.Parts, func(a, b Shard) int { return cmp.Compare(a.Index, b.Index) })
	for i, part := range whole.Parts {
		if part.Of != whole.Parts[0].Of || i > 0 && part.Index == whole.Parts[i-1].Index {
			return Fleet{}, errors.New("the results are of different runs: their shards do not fit together; pass the results of one run")
		}
	}
	return whole, nil
}

// chosenOf returns the node selection that the shard with that index was cut from.
func (f Fleet) chosenOf(index int) string {
	for _, part := range f.Parts {
		if part.Index == index {
			return part.Chosen
		}
	}
	return ""
}

// Missing says which results are missing, "" if none is.
func (f Fleet) Missing() string {
	var words []string
	if len(f.Parts) == 0 {
		return "the number of nodes is unknown"
	}
	for index := range f.Parts[0].Of {
		i := slices.IndexFunc(f.Parts, func(s Shard) bool { return s.Index == index })
		if i < 0 {
			words = append(words, fmt.Sprintf("shard %d/%d has no result", index, f.Parts[0].Of))
			continue
		}
		has := f.twice[index]
		for _, n := range f.Nodes {
			if n.Part == index {
				has++
			}
		}
		if part := f.Parts[i]; has < part.Nodes {
			words = append(words, fmt.Sprintf("shard %d/%d has results of %d of its %s", index, part.Of, has, wording.Plural(part.Nodes, "node")))
		}
		if f.Parts[i].Chosen != f.Parts[0].Chosen {
			words = append(words, fmt.Sprintf("shard %d/%d saw different nodes than shard %d/%d, so some may be missing", index, f.Parts[i].Of, f.Parts[0].Index, f.Parts[0].Of))
		}
	}
	return strings.Join(words, "; ")
}

// WriteLog writes a fleet as one line, for the log of a pod; see reports.WriteLog. Write
// each node as soon as it has been judged, so that its result outlives the pod.
func WriteLog(w io.Writer, f Fleet) error { return json.NewEncoder(w).Encode(f) }

// start is how a document starts that may be a fleet.
var start = regexp.MustCompile(`^\{\s*"schema"`)

// Read reads fleets from a stream of JSON documents that each start a line, such as
// the logs of the shards of a run with all their other lines. Documents that were cut off
// are left out; Missing reports them.
func Read(r io.Reader) ([]Fleet, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var fleets []Fleet
	for text := string(data); text != ""; {
		if start.MatchString(text) {
			var f Fleet
			decoder := json.NewDecoder(strings.NewReader(text))
			if err := decoder.Decode(&f); err == nil && f.Schema == Schema {
				fleets = append(fleets, f)
				text = text[decoder.InputOffset():]
			}
		}
		_, text, _ = strings.Cut(text, "\n")
	}
	if len(fleets) == 0 {
		return nil, fmt.Errorf("it contains no results of nodes (%s)", Schema)
	}
	return fleets, nil
}

// ExitCode is the worst of the nodes'. It is no better than ExitCouldNotTest when nothing
// was judged, or a node has no result.
func (f Fleet) ExitCode() int {
	code := reports.ExitConformant
	for _, n := range f.Nodes {
		code = reports.WorseExit(code, n.ExitCode)
	}
	if code == reports.ExitConformant && (len(f.judged()) == 0 || f.Missing() != "") {
		return reports.ExitCouldNotTest
	}
	return code
}

// judged returns the nodes with a verdict on at least one claim.
func (f Fleet) judged() []Result {
	return slices.DeleteFunc(slices.Clone(f.Nodes), func(n Result) bool { return len(n.Claims) == 0 })
}

// Split is a claim with different verdicts on different nodes.
type Split struct {
	Claim string
	// Usual is the verdict of most nodes. In a tie it is the better verdict.
	Usual reports.Verdict
	On    int // as many nodes
	// Odd are the nodes with another verdict, those with one verdict together.
	Odd []Result
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
		on := map[reports.Verdict]int{}
		judged := slices.DeleteFunc(f.judged(), func(n Result) bool { return n.Claims[id].Verdict == "" })
		for _, n := range judged {
			on[n.Claims[id].Verdict]++
		}
		if len(on) < 2 {
			continue
		}
		s := Split{Claim: id}
		for _, v := range slices.Sorted(maps.Keys(on)) {
			if on[v] > s.On || on[v] == s.On && better(v, s.Usual) {
				s.Usual, s.On = v, on[v]
			}
		}
		var usual []Result
		for _, n := range judged {
			if n.Claims[id].Verdict == s.Usual {
				usual = append(usual, n)
			} else {
				s.Odd = append(s.Odd, n)
			}
		}
		slices.SortStableFunc(s.Odd, func(a, b Result) int {
			return cmp.Compare(a.Claims[id].Verdict, b.Claims[id].Verdict)
		})
		s.Shared = shared(s.Odd, usual)
		splits = append(splits, s)
	}
	return splits
}

// better says whether one verdict is further up the scale than another.
func better(v, than reports.Verdict) bool {
	a, _ := v.Rank()
	b, _ := than.Rank()
	return a > b
}

// shared names what all odd nodes have in common and no usual one has.
func shared(odd, usual []Result) string {
	var found []string
	for _, trait := range []struct {
		name string
		of   func(Result) string
	}{
		{"kubelet", func(n Result) string { return n.Kubelet }},
		{"container runtime", func(n Result) string { return n.Runtime }},
		{"operating system", func(n Result) string { return n.OS }},
		{"role", func(n Result) string { return n.Role }},
	} {
		value := trait.of(odd[0])
		has := func(n Result) bool { return trait.of(n) == value }
		hasNot := func(n Result) bool { return !has(n) }
		if value != "" && !slices.ContainsFunc(odd, hasNot) && !slices.ContainsFunc(usual, has) {
			found = append(found, trait.name+" "+value)
		}
	}
	return strings.Join(found, ", ")
}

// Write makes the fleet's files in dir, which is there. Each file is complete or
// not there at all, whenever the program ends.
func Write(dir string, f Fleet) error {
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("write the result of the nodes as JSON: %w", err)
	}
	if err := reports.WriteFile(filepath.Join(dir, File), append(data, '\n')); err != nil {
		return err
	}
	return reports.WriteFile(filepath.Join(dir, TextFile), []byte(Text(f, false)))
}
