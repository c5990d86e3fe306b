package page

import (
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/fixtures/mutants"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/internal/sample"
)

func htmlOf(t *testing.T, r reports.Record) string {
	t.Helper()
	page, err := HTML(r)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return string(page)
}

func TestHTMLTellsEverything(t *testing.T) {
	g := NewWithT(t)
	r := sample.Record()
	page := htmlOf(t, r)
	for _, want := range []string{
		"<title>podproof: nonconformant, Kubernetes v1.37.2</title>",
		`<li class="nonconformant"><b>1</b> nonconformant</li>`,
		`<tr><th scope="row">cp</th><td>control-plane</td><td>v1.37.2</td><td>containerd://2.1.4</td>`,
		"all held, on up to 612 versions of 41 pods",
		`<a href="evidence/DELETE-06/journal.txt">`,
		"<td class=doc>10\u00a0s</td><td class=got>13.6\u00a0s</td>",
		"in part; this run left out: 40 s step",
		"needs kubectl within one minor of 1.37; found 1.32",
		"<b>Article, right:</b>",
		"✗ not as documented",
	} {
		g.Expect(page).To(ContainSubstring(want))
	}
	for _, c := range r.Claims {
		g.Expect(strings.Count(page, c.ID)).To(BeNumerically(">", 0), c.ID)
	}
	g.Expect(strings.Index(page, `id="problems"`)).To(BeNumerically("<", strings.Index(page, `id="network"`)), "what failed comes first")
	g.Expect(strings.Index(page, "Deletion by force")).To(BeNumerically("<", strings.Index(page, "Network namespace is one")), "the cluster's failures before the suite's")
	g.Expect(page).NotTo(ContainSubstring("\x1b"))
	g.Expect(htmlOf(t, r)).To(Equal(page), "the same record makes the same page")
}

func TestHTMLTellsOfTheCluster(t *testing.T) {
	g := NewWithT(t)
	page := htmlOf(t, sample.Full(1, sample.LikeReal))
	g.Expect(page).To(And(
		ContainSubstring("<dt>kubectl</dt><dd>yes <small>kubectl 1.37.2 of node control-plane</small>"),
		ContainSubstring("<dt>cgroup-v2</dt><dd>no <small>the nodes use cgroup v1</small>"),
		ContainSubstring("<dt>Feature gate</dt><dd>ContainerRestartRules on <small>as the API server&#39;s metrics say</small>"),
		ContainSubstring("<dt>Set-up</dt><dd>14.3 s <small>container engine 0.1 s, cluster 14.2 s</small>"),
	))
}

func TestHTMLEscapesWhatOthersWrote(t *testing.T) {
	g := NewWithT(t)
	evil := `<script>alert(1)</script>" onload="x`
	r := sample.Full(3, sample.LikeReal)
	spec := &r.Specs[0]
	spec.State, spec.Failure, spec.Text, spec.Message = reports.Failed, reports.ClusterFailure, evil, evil
	spec.Evidence = []string{"javascript:alert(1)", "evidence/a b"}
	spec.Timelines = []reports.Timeline{{Pod: evil, Node: evil, Outside: []reports.Lane{{Kind: reports.ContainerLane, Name: evil, Moments: []reports.Moment{{State: reports.StateWaiting, Text: evil}}}}}}
	r.Cluster.Name = evil
	r.Reason = evil
	page := htmlOf(t, r)
	g.Expect(page).NotTo(ContainSubstring("<script>alert"))
	g.Expect(page).NotTo(ContainSubstring(`" onload="`))
	g.Expect(page).NotTo(ContainSubstring(`href="javascript:`))
	g.Expect(page).To(ContainSubstring(`href="evidence/a%20b"`))
}

func TestHTMLOfWhatFailedBesideSpecs(t *testing.T) {
	g := NewWithT(t)
	broken := []reports.Law{{ID: "LAW-C", Pods: 1, Versions: 2, Broken: []reports.BrokenLaw{{Pod: "ns/p", Spec: "Force", Message: "went back\n  to Pending"}}}}
	contradiction := sample.Pass("A-01")
	contradiction.Measured = []reports.Measurement{{Claim: "A-01", What: "delay", Documented: "10 s", Measured: "3 s"}}
	contradiction.Text = "Deletion Force"
	contradiction.Timelines = []reports.Timeline{sample.Pod("deletion", "other", pictureStart), sample.Pod("deletion", "p", pictureStart)}
	deviating := sample.Deviate("B-01")
	deviating.Deviation.Issue = "https://github.com/kubernetes/kubernetes/issues/1"
	page := htmlOf(t, reports.New(sample.Catalogue(), reports.Run{Interrupted: true}, []reports.Spec{contradiction, deviating, sample.InState("C-01", reports.Interrupted)}, broken))
	g.Expect(page).To(And(
		ContainSubstring("<b>interrupted</b>"),
		ContainSubstring(`id="LAW-C-1" data-v="nonconformant"`),
		ContainSubstring("<p>On pod ns/p.</p>"),
		ContainSubstring(`aria-label="Story of pod p"`), // of which the law was broken
		Not(ContainSubstring("Story of pod other")),
		ContainSubstring("went back\n  to Pending"), // as it was written
		ContainSubstring(`id="why-A-01" data-v="inconclusive"`),
		ContainSubstring("The run was stopped before this spec had a result."),
		ContainSubstring(`<a href="https://github.com/kubernetes/kubernetes/issues/1">kubernetes/kubernetes#1</a>`),
	))
	g.Expect(htmlOf(t, reports.Record{})).To(ContainSubstring("How to read this"), "an empty record is a page too")
}

// An interrupt after the last spec must not look like success.
func TestPageOfARunThatWasInterruptedAfterItsSpecs(t *testing.T) {
	g := NewWithT(t)
	good := sample.InState("C-01", reports.Passed)
	page := htmlOf(t, reports.New(sample.Catalogue(), reports.Run{Interrupted: true}, []reports.Spec{good}, nil))
	g.Expect(page).To(ContainSubstring(`<h1 class="inconclusive">`))
	g.Expect(page).NotTo(ContainSubstring("until then"))
}

func TestSpecIsToldOfInOnePlace(t *testing.T) {
	g := NewWithT(t)
	two := sample.Pass("A-01")
	two.Claims = []string{"A-01", "B-01"}
	two.Text = "Two at once"
	page := htmlOf(t, reports.New(sample.Catalogue(), reports.Run{}, []reports.Spec{two, sample.Fail("C-01", reports.ClusterFailure)}, sample.LawHolds))
	g.Expect(strings.Count(page, `id="s1"`)).To(Equal(1))
	g.Expect(page).To(ContainSubstring(`Tested by <a href="#s1">Two at once</a>`))
	g.Expect(strings.Count(page, `id="s2"`)).To(Equal(1))
	g.Expect(page).To(ContainSubstring(`Tested by <a href="#s2">`), "the row of a claim that failed leads to its problem")
}

func TestThePageLinksToTheDocumentationOfTheServersVersion(t *testing.T) {
	g := NewWithT(t)
	on := func(server string) string {
		r := reports.New(claims.All(), reports.Run{}, []reports.Spec{sample.Pass("RESTART-01"), sample.Pass("DELETE-02")}, nil)
		r.Cluster = &reports.Cluster{ServerVersion: server}
		return htmlOf(t, r)
	}
	const termination, rules = "pods/pod-lifecycle/#pod-termination-flow", "pods/pod-lifecycle/#container-restart-rules"
	g.Expect(on("v1.36.3")).To(And(ContainSubstring("https://v1-36.docs.kubernetes.io/docs/concepts/workloads/"+termination), Not(ContainSubstring("pods/pod-termination/"))))
	g.Expect(on("v1.37.2")).NotTo(ContainSubstring(termination))
	g.Expect(on("v1.34.4")).To(ContainSubstring(rules))
	g.Expect(on("v1.33.1")).NotTo(ContainSubstring(rules), "a link to what a version does not have must be left out")
}

func TestThePageNamesTheMutantsOfAClaim(t *testing.T) {
	g := NewWithT(t)
	page, err := HTML(reports.New(claims.All(), reports.Run{}, []reports.Spec{sample.Pass("BACKOFF-03")}, nil))
	g.Expect(err).NotTo(HaveOccurred())
	against := mutants.Against("BACKOFF-03")
	g.Expect(against).NotTo(BeEmpty())
	g.Expect(string(page)).To(ContainSubstring(fmt.Sprintf("%d mutants must turn it red", len(against))))
	g.Expect(string(page)).To(ContainSubstring(strings.Join(against, ", ")))
}
