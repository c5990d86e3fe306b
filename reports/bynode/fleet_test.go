package bynode

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/reports"
)

// nodeRecord is a record of a run on one node of three, on which claims have verdicts.
func nodeRecord(name, kubelet string, verdicts map[string]reports.Verdict) reports.Record {
	r := reports.Record{Schema: reports.Schema, Run: reports.Run{Version: "v0", Profile: "quick", SpecsSeconds: 60},
		Cluster: &reports.Cluster{ServerVersion: "v1.37.2", Nodes: []reports.Node{{Name: name, Role: "worker", Kubelet: kubelet, Runtime: "containerd://2"}}},
		Verdict: reports.Conformant, Specs: []reports.Spec{{APIRequests: 7}, {APIRequests: 5}}}
	for id, v := range verdicts {
		c := reports.ClaimResult{ID: id, Verdict: v, Selected: v != "", Reason: "because of " + id + "\nand more"}
		r.Claims = append(r.Claims, c)
		if v == reports.Nonconformant {
			r.Verdict, r.ExitCode = reports.Nonconformant, reports.ExitNonconformant
		}
	}
	return r
}

// fleetOf is the fleet of a run that was on all these nodes.
func fleetOf(t *testing.T, records map[string]reports.Record) Fleet {
	t.Helper()
	var fleets []Fleet
	for name, r := range records {
		fleets = append(fleets, part(0, 1, len(records), name, r))
	}
	f, err := Join(fleets...)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return f
}

// part is what the part of that index says of a node.
func part(index, of, nodes int, name string, r reports.Record) Fleet {
	return New(r.Run, r.Cluster, Shard{Index: index, Of: of, Nodes: nodes, Chosen: "c"}).With(ResultOf(name, r))
}

func TestTheOddNodeIsNamedWithWhatOnlyItHas(t *testing.T) {
	g := NewWithT(t)
	good := map[string]reports.Verdict{"A-01": reports.Conformant, "B-01": reports.Conformant, "C-01": ""}
	f := fleetOf(t, map[string]reports.Record{
		"n1": nodeRecord("n1", "v1.37.2", good),
		"n2": nodeRecord("n2", "v1.36.3", map[string]reports.Verdict{"A-01": reports.Conformant, "B-01": reports.Nonconformant, "C-01": ""}),
		"n3": nodeRecord("n3", "v1.37.2", good),
	})
	splits := f.Splits()
	g.Expect(splits).To(HaveLen(1))
	g.Expect(splits[0].Claim).To(Equal("B-01"))
	g.Expect(splits[0].Usual).To(Equal(reports.Conformant))
	g.Expect(splits[0].On).To(Equal(2))
	g.Expect(splits[0].Odd).To(HaveExactElements(HaveField("Name", "n2")))
	g.Expect(splits[0].Shared).To(Equal("kubelet v1.36.3"))
	g.Expect(f.ExitCode()).To(Equal(reports.ExitNonconformant))
	g.Expect(f.Nodes[1].Claims["B-01"].Reason).To(Equal("because of B-01"))
	g.Expect(f.Nodes[0].Claims).NotTo(HaveKey("C-01"), "a claim that was not selected says nothing about a node")
	text := Text(f, false)
	g.Expect(text).To(And(ContainSubstring("B-01  conformant on 2 nodes, but"), ContainSubstring("nonconformant on n2"),
		ContainSubstring("only these nodes have: kubelet v1.36.3"), ContainSubstring("3 nodes: 2 conformant, 1 nonconformant"), ContainSubstring("with 12 API")))
}

func TestWhatAllNodesShareIsNotThere(t *testing.T) {
	g := NewWithT(t)
	bad := map[string]reports.Verdict{"A-01": reports.Nonconformant}
	f := fleetOf(t, map[string]reports.Record{"n1": nodeRecord("n1", "v1", bad), "n2": nodeRecord("n2", "v1", bad)})
	g.Expect(f.Splits()).To(BeEmpty(), "nodes that agree are no odd ones")
	g.Expect(Text(f, false)).To(And(ContainSubstring("claims that no node keeps"), ContainSubstring("A-01")))

	known := map[string]reports.Verdict{"A-01": reports.KnownDeviation}
	f = fleetOf(t, map[string]reports.Record{"n1": nodeRecord("n1", "v1", known), "n2": nodeRecord("n2", "v1", known)})
	g.Expect(Text(f, false)).To(And(ContainSubstring("known deviations of all nodes\n  A-01\n      because of A-01"), Not(ContainSubstring("no node keeps"))))

	f = fleetOf(t, map[string]reports.Record{"n1": nodeRecord("n1", "v1", bad), "n2": nodeRecord("n2", "v1", map[string]reports.Verdict{"A-01": reports.Conformant})})
	g.Expect(f.Splits()).To(HaveExactElements(And(HaveField("Usual", reports.Conformant), HaveField("Shared", ""))),
		"of as many nodes those with the better verdict are the usual ones, and what both have explains nothing")
}

func TestFleetsAreJoinedFromTheLogsOfShards(t *testing.T) {
	g := NewWithT(t)
	r := func(name string) reports.Record {
		return nodeRecord(name, "v1", map[string]reports.Verdict{"A-01": reports.Conformant})
	}
	var log strings.Builder
	for n, name := range []string{"n2", "n1", "n3"} {
		fmt.Fprintln(&log, "podproof says something {first}")
		g.Expect(WriteLog(&log, part(n%2, 2, 2-n%2, name, r(name)))).To(Succeed())
		fmt.Fprint(&log, "{and} something after\n", `{"schema":"podproof.record/v1"}`, "\n")
	}
	join := func(log string) Fleet {
		fleets, err := Read(strings.NewReader(log))
		g.Expect(err).NotTo(HaveOccurred())
		f, err := Join(fleets...)
		g.Expect(err).NotTo(HaveOccurred())
		return f
	}
	f := join(log.String())
	g.Expect(f.Nodes).To(HaveExactElements(HaveField("Name", "n1"), HaveField("Name", "n2"), HaveField("Name", "n3")))
	g.Expect(f.ServerVersion).To(Equal("v1.37.2"))
	g.Expect(f.Missing()).To(BeEmpty())
	g.Expect(f.ExitCode()).To(Equal(reports.ExitConformant))

	// The files of the shards do as well, and what was cut off is missed.
	laidOut, err := json.MarshalIndent(f, "", "  ")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(join(string(laidOut)).Nodes).To(HaveLen(3))
	short := join(log.String()[:strings.LastIndex(log.String(), "n3")])
	g.Expect(short.Missing()).To(Equal("shard 0/2 has results of 1 of its 2 nodes"))
	g.Expect(short.ExitCode()).To(Equal(reports.ExitCouldNotTest))
	g.Expect(Text(short, false)).To(ContainSubstring("incomplete: shard 0/2"))

	for _, bad := range []string{"nothing\n", `{"schema":"podproof.record/v1"}`, `{"schema":`} {
		_, err := Read(strings.NewReader(bad))
		g.Expect(err).To(MatchError(ContainSubstring("it contains no results of nodes")), bad)
	}
}

func TestOnlyTheNodesOfOneRunAreJoined(t *testing.T) {
	g := NewWithT(t)
	r := nodeRecord("n1", "v1", map[string]reports.Verdict{"A-01": reports.Conformant})
	one := part(0, 2, 1, "n1", r)
	_, err := Join(one, one)
	g.Expect(err).To(MatchError(ContainSubstring("two results for node n1")))
	other := part(1, 2, 1, "n2", r)
	other.Profile = "full"
	_, err = Join(one, other)
	g.Expect(err).To(MatchError(ContainSubstring(`profile is "quick" in one and "full" in another`)))
	_, err = Join(one, part(1, 3, 1, "n2", r))
	g.Expect(err).To(MatchError(ContainSubstring("do not fit together")))
	_, err = Join()
	g.Expect(err).To(HaveOccurred())

	f, err := Join(one)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(f.Missing()).To(Equal("shard 1/2 has no result"))
	other = part(1, 2, 1, "n2", r)
	other.Parts[0].Chosen = "d"
	f, err = Join(one, other)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(f.Missing()).To(HavePrefix("shard 1/2 saw different nodes than shard 0/2"))

	one.Job, other.Job = "monday", "friday"
	_, err = Join(one, other)
	g.Expect(err).To(MatchError(ContainSubstring(`Job is "monday" in one and "friday" in another`)))
}

// A node that came while the shards started moves those after it to other shards.
func TestANodeThatTwoShardsJudgedHasTheWorseResult(t *testing.T) {
	g := NewWithT(t)
	good := map[string]reports.Verdict{"A-01": reports.Conformant}
	bad := map[string]reports.Verdict{"A-01": reports.Nonconformant}
	first := part(0, 2, 1, "n1", nodeRecord("n1", "v1", good))
	for name, verdicts := range map[string][2]map[string]reports.Verdict{"first is worse": {bad, good}, "second is worse": {good, bad}} {
		first.Nodes = append(first.Nodes[:1], ResultOf("n3", nodeRecord("n3", "v1", verdicts[0])))
		first.Parts[0].Nodes = 2
		second := New(reports.Run{Version: "v0", Profile: "quick"}, &reports.Cluster{ServerVersion: "v1.37.2"}, Shard{Index: 1, Of: 2, Nodes: 2, Chosen: "with n0"}).
			With(ResultOf("n0", nodeRecord("n0", "v1", good)), ResultOf("n3", nodeRecord("n3", "v1", verdicts[1])))
		f, err := Join(first, second)
		g.Expect(err).NotTo(HaveOccurred(), name)
		g.Expect(f.Nodes).To(HaveExactElements(HaveField("Name", "n0"), HaveField("Name", "n1"),
			And(HaveField("Name", "n3"), HaveField("Verdict", reports.Nonconformant))), name)
		g.Expect(f.Missing()).To(Equal("shard 1/2 saw different nodes than shard 0/2, so some may be missing"), name)
		g.Expect(f.ExitCode()).To(Equal(reports.ExitNonconformant), name)
	}
}

func TestNodesThatWereNotJudgedAreNoOddOnes(t *testing.T) {
	g := NewWithT(t)
	good := ResultOf("n1", nodeRecord("n1", "v1", map[string]reports.Verdict{"A-01": reports.Conformant, "B-01": reports.Conformant}))
	stopped := nodeRecord("n2", "v1", map[string]reports.Verdict{"A-01": reports.Conformant, "B-01": reports.NotRun})
	stopped.Run.Interrupted, stopped.ExitCode = true, reports.ExitInterrupted
	tainted := Result{Node: reports.Node{Name: "n3"}, Verdict: reports.NotApplicable, Reason: "tainted: gpu"}
	f := New(reports.Run{}, nil, Shard{Of: 1, Nodes: 3}).With(good, ResultOf("n2", stopped), tainted)
	g.Expect(f.Splits()).To(BeEmpty())
	g.Expect(f.ExitCode()).To(Equal(reports.ExitInterrupted))
	g.Expect(Text(f, false)).To(And(ContainSubstring("nodes that were not judged\n  n3\n      not applicable: tainted: gpu"), ContainSubstring("3 nodes:")))

	f = New(reports.Run{}, nil, Shard{Of: 1, Nodes: 1}).With(tainted)
	g.Expect(f.ExitCode()).To(Equal(reports.ExitCouldNotTest), "where nothing was judged, nothing is proven")
	g.Expect(Text(f, false)).To(ContainSubstring("1 node: 1 not applicable"))
	f = New(reports.Run{}, nil, Shard{Of: 1, Nodes: 2}).With(good, tainted)
	g.Expect(f.ExitCode()).To(Equal(reports.ExitConformant))
}

func TestTheSecondNodeIsNamedWhereItMayBeToBlame(t *testing.T) {
	g := NewWithT(t)
	f := fleetOf(t, map[string]reports.Record{
		"n1": nodeRecord("n1", "v1", map[string]reports.Verdict{"NET-03": reports.Nonconformant, "NET-01": reports.Nonconformant}),
		"n2": nodeRecord("n2", "v1", map[string]reports.Verdict{"NET-03": reports.Conformant, "NET-01": reports.Conformant}),
	})
	f.Nodes[0].Peer, f.Nodes[1].Peer = "n2", "n1"
	g.Expect(Text(f, false)).To(And(ContainSubstring("nonconformant on n1 (second node: n2)\n"), ContainSubstring("nonconformant on n1\n")))
}

func TestAThousandNodesStayReadable(t *testing.T) {
	g := NewWithT(t)
	records := map[string]reports.Record{}
	for n := range 1000 {
		verdict := reports.Conformant
		if n%100 == 0 {
			verdict = reports.Nonconformant
		}
		name := fmt.Sprintf("node-%03d", n)
		records[name] = nodeRecord(name, "v1", map[string]reports.Verdict{"A-01": verdict})
	}
	text := Text(fleetOf(t, records), false)
	g.Expect(strings.Count(text, "\n")).To(BeNumerically("<", 20))
	g.Expect(text).To(ContainSubstring("nonconformant on node-000, node-100, node-200, node-300, node-400 and 5 more"))
}
