package reports

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// nodeRecord is a record of a run on one node of three, on which claims have verdicts.
func nodeRecord(name, kubelet string, verdicts map[string]Verdict) Record {
	r := Record{Schema: Schema, Run: Run{Version: "v0", Profile: "quick", SpecsSeconds: 60},
		Cluster: &Cluster{ServerVersion: "v1.37.2", Nodes: []Node{{Name: name, Role: "worker", Kubelet: kubelet, Runtime: "containerd://2"}}},
		Verdict: Conformant, Specs: []Spec{{APIRequests: 7}, {APIRequests: 5}}}
	for id, v := range verdicts {
		c := ClaimResult{ID: id, Verdict: v, Selected: v != "", Reason: "because of " + id + "\nand more"}
		r.Claims = append(r.Claims, c)
		if v == Nonconformant {
			r.Verdict, r.ExitCode = Nonconformant, ExitNonconformant
		}
	}
	return r
}

// fleetOf is the fleet of a run that was on all these nodes.
func fleetOf(t *testing.T, records map[string]Record) Fleet {
	t.Helper()
	var fleets []Fleet
	for name, r := range records {
		fleets = append(fleets, part(0, 1, len(records), name, r))
	}
	f, err := JoinFleets(fleets...)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return f
}

// part is what the part of that index says of a node.
func part(index, of, nodes int, name string, r Record) Fleet {
	return NewFleet(r.Run, r.Cluster, Shard{Index: index, Of: of, Nodes: nodes, Chosen: "c"}).With(OnNode(name, r))
}

func TestTheOddNodeIsNamedWithWhatOnlyItHas(t *testing.T) {
	g := NewWithT(t)
	good := map[string]Verdict{"A-01": Conformant, "B-01": Conformant, "C-01": ""}
	f := fleetOf(t, map[string]Record{
		"n1": nodeRecord("n1", "v1.37.2", good),
		"n2": nodeRecord("n2", "v1.36.3", map[string]Verdict{"A-01": Conformant, "B-01": Nonconformant, "C-01": ""}),
		"n3": nodeRecord("n3", "v1.37.2", good),
	})
	splits := f.Splits()
	g.Expect(splits).To(HaveLen(1))
	g.Expect(splits[0].Claim).To(Equal("B-01"))
	g.Expect(splits[0].Usual).To(Equal(Conformant))
	g.Expect(splits[0].On).To(Equal(2))
	g.Expect(splits[0].Odd).To(HaveExactElements(HaveField("Name", "n2")))
	g.Expect(splits[0].Shared).To(Equal("kubelet v1.36.3"))
	g.Expect(f.ExitCode()).To(Equal(ExitNonconformant))
	g.Expect(f.Nodes[1].Claims["B-01"].Reason).To(Equal("because of B-01"))
	g.Expect(f.Nodes[0].Claims).NotTo(HaveKey("C-01"), "a claim that was not selected says nothing about a node")
	text := FleetText(f, false)
	g.Expect(text).To(And(ContainSubstring("B-01  conformant on 2 nodes, but"), ContainSubstring("nonconformant on n2"),
		ContainSubstring("only there: kubelet v1.36.3"), ContainSubstring("3 nodes: 2 conformant, 1 nonconformant"), ContainSubstring("with 12 API")))
}

func TestWhatAllNodesShareIsNotThere(t *testing.T) {
	g := NewWithT(t)
	bad := map[string]Verdict{"A-01": Nonconformant}
	f := fleetOf(t, map[string]Record{"n1": nodeRecord("n1", "v1", bad), "n2": nodeRecord("n2", "v1", bad)})
	g.Expect(f.Splits()).To(BeEmpty(), "nodes that agree are no odd ones")
	g.Expect(FleetText(f, false)).To(And(ContainSubstring("claims that no node keeps"), ContainSubstring("A-01")))

	known := map[string]Verdict{"A-01": KnownDeviation}
	f = fleetOf(t, map[string]Record{"n1": nodeRecord("n1", "v1", known), "n2": nodeRecord("n2", "v1", known)})
	g.Expect(FleetText(f, false)).To(And(ContainSubstring("known deviations of all nodes\n  A-01\n      because of A-01"), Not(ContainSubstring("no node keeps"))))

	f = fleetOf(t, map[string]Record{"n1": nodeRecord("n1", "v1", bad), "n2": nodeRecord("n2", "v1", map[string]Verdict{"A-01": Conformant})})
	g.Expect(f.Splits()).To(HaveExactElements(And(HaveField("Usual", Conformant), HaveField("Shared", ""))),
		"of as many nodes those with the better verdict are the usual ones, and what both have explains nothing")
}

func TestFleetsAreJoinedFromTheLogsOfShards(t *testing.T) {
	g := NewWithT(t)
	r := func(name string) Record { return nodeRecord(name, "v1", map[string]Verdict{"A-01": Conformant}) }
	var log strings.Builder
	for n, name := range []string{"n2", "n1", "n3"} {
		fmt.Fprintln(&log, "podproof says something {first}")
		g.Expect(WriteFleetLog(&log, part(n%2, 2, 2-n%2, name, r(name)))).To(Succeed())
		fmt.Fprint(&log, "{and} something after\n", `{"schema":"podproof.record/v1"}`, "\n")
	}
	join := func(log string) Fleet {
		fleets, err := ReadFleets(strings.NewReader(log))
		g.Expect(err).NotTo(HaveOccurred())
		f, err := JoinFleets(fleets...)
		g.Expect(err).NotTo(HaveOccurred())
		return f
	}
	f := join(log.String())
	g.Expect(f.Nodes).To(HaveExactElements(HaveField("Name", "n1"), HaveField("Name", "n2"), HaveField("Name", "n3")))
	g.Expect(f.ServerVersion).To(Equal("v1.37.2"))
	g.Expect(f.Missing()).To(BeEmpty())
	g.Expect(f.ExitCode()).To(Equal(ExitConformant))

	// The files of the shards do as well, and what was cut off is missed.
	laidOut, err := json.MarshalIndent(f, "", "  ")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(join(string(laidOut)).Nodes).To(HaveLen(3))
	short := join(log.String()[:strings.LastIndex(log.String(), "n3")])
	g.Expect(short.Missing()).To(Equal("shard 0/2 has results of 1 of its 2 nodes"))
	g.Expect(short.ExitCode()).To(Equal(ExitCouldNotTest))
	g.Expect(FleetText(short, false)).To(ContainSubstring("incomplete: shard 0/2"))

	for _, bad := range []string{"nothing\n", `{"schema":"podproof.record/v1"}`, `{"schema":`} {
		_, err := ReadFleets(strings.NewReader(bad))
		g.Expect(err).To(MatchError(ContainSubstring("there is no result of nodes")), bad)
	}
}

func TestOnlyTheNodesOfOneRunAreJoined(t *testing.T) {
	g := NewWithT(t)
	r := nodeRecord("n1", "v1", map[string]Verdict{"A-01": Conformant})
	one := part(0, 2, 1, "n1", r)
	_, err := JoinFleets(one, one)
	g.Expect(err).To(MatchError(ContainSubstring("two results of node n1")))
	other := part(1, 2, 1, "n2", r)
	other.Profile = "full"
	_, err = JoinFleets(one, other)
	g.Expect(err).To(MatchError(ContainSubstring(`profile "quick", another of "full"`)))
	_, err = JoinFleets(one, part(1, 3, 1, "n2", r))
	g.Expect(err).To(MatchError(ContainSubstring("do not go together")))
	_, err = JoinFleets()
	g.Expect(err).To(HaveOccurred())

	f, err := JoinFleets(one)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(f.Missing()).To(Equal("shard 1/2 has no result"))
	other = part(1, 2, 1, "n2", r)
	other.Parts[0].Chosen = "d"
	f, err = JoinFleets(one, other)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(f.Missing()).To(HavePrefix("shard 1/2 saw other nodes than shard 0/2"))

	one.Job, other.Job = "monday", "friday"
	_, err = JoinFleets(one, other)
	g.Expect(err).To(MatchError(ContainSubstring(`of the Job "monday", another of "friday"`)))
}

// A node that came while the shards started moves those after it to other shards.
func TestANodeThatTwoShardsJudgedHasTheWorseResult(t *testing.T) {
	g := NewWithT(t)
	good := map[string]Verdict{"A-01": Conformant}
	bad := map[string]Verdict{"A-01": Nonconformant}
	first := part(0, 2, 1, "n1", nodeRecord("n1", "v1", good))
	for name, verdicts := range map[string][2]map[string]Verdict{"first is worse": {bad, good}, "second is worse": {good, bad}} {
		first.Nodes = append(first.Nodes[:1], OnNode("n3", nodeRecord("n3", "v1", verdicts[0])))
		first.Parts[0].Nodes = 2
		second := NewFleet(Run{Version: "v0", Profile: "quick"}, &Cluster{ServerVersion: "v1.37.2"}, Shard{Index: 1, Of: 2, Nodes: 2, Chosen: "with n0"}).
			With(OnNode("n0", nodeRecord("n0", "v1", good)), OnNode("n3", nodeRecord("n3", "v1", verdicts[1])))
		f, err := JoinFleets(first, second)
		g.Expect(err).NotTo(HaveOccurred(), name)
		g.Expect(f.Nodes).To(HaveExactElements(HaveField("Name", "n0"), HaveField("Name", "n1"),
			And(HaveField("Name", "n3"), HaveField("Verdict", Nonconformant))), name)
		g.Expect(f.Missing()).To(Equal("shard 1/2 saw other nodes than shard 0/2, so that some may be left out"), name)
		g.Expect(f.ExitCode()).To(Equal(ExitNonconformant), name)
	}
}

func TestNodesThatWereNotJudgedAreNoOddOnes(t *testing.T) {
	g := NewWithT(t)
	good := OnNode("n1", nodeRecord("n1", "v1", map[string]Verdict{"A-01": Conformant, "B-01": Conformant}))
	stopped := nodeRecord("n2", "v1", map[string]Verdict{"A-01": Conformant, "B-01": NotRun})
	stopped.Run.Interrupted, stopped.ExitCode = true, ExitInterrupted
	tainted := NodeResult{Node: Node{Name: "n3"}, Verdict: NotApplicable, Reason: "tainted: gpu"}
	f := NewFleet(Run{}, nil, Shard{Of: 1, Nodes: 3}).With(good, OnNode("n2", stopped), tainted)
	g.Expect(f.Splits()).To(BeEmpty())
	g.Expect(f.ExitCode()).To(Equal(ExitInterrupted))
	g.Expect(FleetText(f, false)).To(And(ContainSubstring("nodes that were not judged\n  n3\n      not applicable: tainted: gpu"), ContainSubstring("3 nodes:")))

	f = NewFleet(Run{}, nil, Shard{Of: 1, Nodes: 1}).With(tainted)
	g.Expect(f.ExitCode()).To(Equal(ExitCouldNotTest), "where nothing was judged, nothing is proven")
	g.Expect(FleetText(f, false)).To(ContainSubstring("1 node: 1 not applicable"))
	f = NewFleet(Run{}, nil, Shard{Of: 1, Nodes: 2}).With(good, tainted)
	g.Expect(f.ExitCode()).To(Equal(ExitConformant))
}

func TestTheSecondNodeIsNamedWhereItMayBeToBlame(t *testing.T) {
	g := NewWithT(t)
	f := fleetOf(t, map[string]Record{
		"n1": nodeRecord("n1", "v1", map[string]Verdict{"NET-03": Nonconformant, "NET-01": Nonconformant}),
		"n2": nodeRecord("n2", "v1", map[string]Verdict{"NET-03": Conformant, "NET-01": Conformant}),
	})
	f.Nodes[0].Peer, f.Nodes[1].Peer = "n2", "n1"
	g.Expect(FleetText(f, false)).To(And(ContainSubstring("nonconformant on n1 (second node: n2)\n"), ContainSubstring("nonconformant on n1\n")))
}

func TestAThousandNodesStayReadable(t *testing.T) {
	g := NewWithT(t)
	records := map[string]Record{}
	for n := range 1000 {
		verdict := Conformant
		if n%100 == 0 {
			verdict = Nonconformant
		}
		name := fmt.Sprintf("node-%03d", n)
		records[name] = nodeRecord(name, "v1", map[string]Verdict{"A-01": verdict})
	}
	text := FleetText(fleetOf(t, records), false)
	g.Expect(strings.Count(text, "\n")).To(BeNumerically("<", 20))
	g.Expect(text).To(ContainSubstring("nonconformant on node-000, node-100, node-200, node-300, node-400 and 5 more"))
}
