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

func fleetOf(t *testing.T, records map[string]Record) Fleet {
	t.Helper()
	var fleets []Fleet
	for name, r := range records {
		fleets = append(fleets, OnNode(name, r))
	}
	f, err := JoinFleets(fleets...)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return f
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
		ContainSubstring("only there: kubelet v1.36.3"), ContainSubstring("3 nodes: 2 conformant, 1 nonconformant"), ContainSubstring("12 API requests a node")))
}

func TestWhatAllNodesShareIsNotThere(t *testing.T) {
	g := NewWithT(t)
	bad := map[string]Verdict{"A-01": Nonconformant}
	f := fleetOf(t, map[string]Record{"n1": nodeRecord("n1", "v1", bad), "n2": nodeRecord("n2", "v1", bad)})
	g.Expect(f.Splits()).To(BeEmpty(), "nodes that agree are no odd ones")
	g.Expect(FleetText(f, false)).To(And(ContainSubstring("claims that no node keeps"), ContainSubstring("A-01")))

	f = fleetOf(t, map[string]Record{"n1": nodeRecord("n1", "v1", bad), "n2": nodeRecord("n2", "v1", map[string]Verdict{"A-01": Conformant})})
	g.Expect(f.Splits()).To(HaveExactElements(And(HaveField("Usual", Conformant), HaveField("Shared", ""))),
		"of as many nodes those with the better verdict are the usual ones, and what both have explains nothing")
}

func TestFleetsAreJoinedFromTheLogsOfShards(t *testing.T) {
	g := NewWithT(t)
	verdicts := map[string]Verdict{"A-01": Conformant}
	var log strings.Builder
	for _, name := range []string{"n2", "n1"} {
		data, err := json.MarshalIndent(OnNode(name, nodeRecord(name, "v1", verdicts)), "", "  ")
		g.Expect(err).NotTo(HaveOccurred())
		fmt.Fprintf(&log, "podproof says something {first}\n%s\nand something after\n", data)
	}
	fleets, err := ReadFleets(strings.NewReader(log.String()))
	g.Expect(err).NotTo(HaveOccurred())
	f, err := JoinFleets(fleets...)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(f.Nodes).To(HaveExactElements(HaveField("Name", "n1"), HaveField("Name", "n2")))
	g.Expect(f.ServerVersion).To(Equal("v1.37.2"))

	for _, bad := range []struct{ text, why string }{
		{"nothing\n", "there is no fleet.json in it"},
		{`{"schema":"podproof.record/v1"}`, `"podproof.record/v1"`},
		{`{"schema":`, "cannot be read"},
	} {
		_, err := ReadFleets(strings.NewReader(bad.text))
		g.Expect(err).To(MatchError(ContainSubstring(bad.why)))
	}
}

func TestOnlyTheNodesOfOneRunAreJoined(t *testing.T) {
	g := NewWithT(t)
	one := OnNode("n1", nodeRecord("n1", "v1", map[string]Verdict{"A-01": Conformant}))
	_, err := JoinFleets(one, one)
	g.Expect(err).To(MatchError(ContainSubstring("two results of node n1")))
	other := OnNode("n2", nodeRecord("n2", "v1", nil))
	other.Profile = "full"
	_, err = JoinFleets(one, other)
	g.Expect(err).To(MatchError(ContainSubstring(`profile "quick", another of "full"`)))
	_, err = JoinFleets()
	g.Expect(err).To(HaveOccurred())
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
