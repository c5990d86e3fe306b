package text

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/internal/sample"
	"github.com/podproof/podproof/reports/internal/terminal"
	"github.com/podproof/podproof/reports/internal/wording"
)

func summaryOf(t *testing.T, r reports.Record, colour bool) string {
	t.Helper()
	var out bytes.Buffer
	NewWithT(t).Expect(Summary(&out, r, colour)).To(Succeed())
	return out.String()
}

func TestSummary(t *testing.T) {
	g := NewWithT(t)
	text := summaryOf(t, sample.Record(), false)
	for _, want := range []string{
		"  kind cluster podproof-7f3a, Kubernetes v1.37.2, 2 nodes, containerd://2.1.4\n",
		"delay before the 3rd restart: documented 20 s, measured 24.1 s\n",
		"in part; this run left out: 40 s step\n",
		"needs kubectl within one minor of 1.37; found 1.32\n",
		"NONCONFORMANT  DELETE-06\n  A force-deleted Pod is gone from the API at once, but on its node",
		"  where     suites/deletion/force_test.go:41, 9.3 s, process 2\n",
		"  evidence  evidence/DELETE-06/journal.txt\n",
		"    story of pod victim\n      0.000 s  created, Pending\n",
		"INCONCLUSIVE  NET-02\n",
		fmt.Sprintf("laws     all %d held, on up to 612 versions of 41 pods\n", len(sample.Laws())),
		"set-up   37.7 s: container engine 0.1 s,",
		"verdict  NONCONFORMANT: 1 claim not as documented\n",
		"specs took 52.4 s, the longest of them 47.2 s (Back-off doubles: up to the 20 s step)\n",
	} {
		g.Expect(text).To(ContainSubstring(want))
	}
	g.Expect(strings.Index(text, "NONCONFORMANT  DELETE-06")).To(BeNumerically("<", strings.Index(text, "INCONCLUSIVE  NET-02")))
	g.Expect(text).NotTo(ContainSubstring("\nlaws\n"), "laws that hold have one line")
	g.Expect(text).NotTo(ContainSubstring("\x1b"))
	g.Expect(text).NotTo(MatchRegexp(`(?m) $`), "no line ends with a blank")

	g.Expect(wording.Clean(summaryOf(t, sample.Record(), true))).To(Equal(text), "colour changes nothing else")
	g.Expect(summaryOf(t, sample.Record(), true)).To(ContainSubstring("\x1b[31mNONCONFORMANT\x1b[0m"))
}

// Every claim with a long text and measurements must fit.
func TestSummaryFitsItsColumns(t *testing.T) {
	g := NewWithT(t)
	var specs []reports.Spec
	for _, c := range claims.All() {
		if !c.Law {
			s := sample.Pass(c.ID)
			s.Text, s.Seconds = strings.Repeat("a spec with a long text ", 8), 1000
			s.Measured = []reports.Measurement{{Claim: c.ID, What: strings.Repeat("delay ", 9), Documented: strings.Repeat("1 s to 2 s ", 5), Measured: "3 s", OK: true}}
			specs = append(specs, s, sample.Skip(c.ID, strings.Repeat("needs something ", 9)))
		}
	}
	laws := sample.Laws()
	laws[0].Broken = []reports.BrokenLaw{{Pod: "podproof-abcde/p", Spec: strings.Repeat("long text ", 20), Message: "short"}}
	r := reports.New(claims.All(), reports.Run{Filters: []string{strings.Repeat("NET-02,", 40), "B"}, Interrupted: true}, specs, laws)
	for range 30 {
		r.Setup = append(r.Setup, reports.Timing{Step: "a step", Seconds: 3})
	}
	for line := range strings.Lines(summaryOf(t, r, false)) {
		if !strings.Contains(line, "NET-02,NET-02") { // one word that cannot be broken
			g.Expect(utf8.RuneCountInString(strings.TrimSuffix(line, "\n"))).To(BeNumerically("<=", terminal.Columns), line)
		}
	}
}

func TestSummaryOfWhatWentWrong(t *testing.T) {
	g := NewWithT(t)
	r := reports.New(sample.Catalogue(), reports.Run{SetupError: "no engine answers"}, []reports.Spec{sample.InState("A-01", reports.Unstarted)}, nil)
	r.Setup = []reports.Timing{{Step: "container engine", Seconds: 1, Error: "no engine answers"}}
	text := summaryOf(t, r, false)
	g.Expect(text).To(ContainSubstring("set-up   1.0 s: container engine 1.0 s (failed)\n"))
	g.Expect(text).To(ContainSubstring("verdict  COULD NOT TEST: set-up failed: no engine answers\n"))
	g.Expect(text).To(ContainSubstring("laws     not checked"))
	g.Expect(text).NotTo(ContainSubstring("specs took"))

	broken := []reports.Law{{ID: "LAW-C", Pods: 1, Versions: 2, Broken: []reports.BrokenLaw{{Pod: "ns/p", Spec: "Force", Message: "went back\nto Pending"}}}}
	text = summaryOf(t, reports.New(sample.Catalogue(), reports.Run{Interrupted: true}, []reports.Spec{sample.InState("A-01", reports.Interrupted)}, broken), false)
	g.Expect(text).To(ContainSubstring("NONCONFORMANT  LAW-C\n  C always holds.\n  pod       ns/p\n  spec      Force\n\n    went back\n    to Pending\n"))
	g.Expect(text).To(ContainSubstring("The run was stopped before this spec had a result."))
	g.Expect(text).To(ContainSubstring("laws     1 of 1 broken\n"))
	g.Expect(text).To(ContainSubstring("verdict  INTERRUPTED: 3 claims not as documented, in the specs that ran\n"))
	g.Expect(text).To(ContainSubstring("\nlaws\n  LAW-C"), "a law that does not hold is in the table")

	contradiction := sample.Pass("A-01")
	contradiction.Measured = []reports.Measurement{{Claim: "A-01", What: "delay", Documented: "10 s", Measured: "3 s"}}
	text = summaryOf(t, reports.New(sample.Catalogue(), reports.Run{}, []reports.Spec{contradiction}, sample.LawHolds), false)
	g.Expect(text).To(ContainSubstring("INCONCLUSIVE  A-01\n"), "also what no failed spec explains is told in full")
	g.Expect(text).To(ContainSubstring("documented 10 s, measured 3 s, not as documented"))
}

func TestKnownDeviationIsVisibleInTheSummary(t *testing.T) {
	g := NewWithT(t)
	var out strings.Builder
	g.Expect(Summary(&out, reports.New(sample.Catalogue(), reports.Run{}, []reports.Spec{sample.Pass("B-01"), sample.Deviate("A-01")}, sample.LawHolds), false)).To(Succeed())
	g.Expect(out.String()).To(And(
		MatchRegexp(`A-01  known deviation  A is so\.`),
		ContainSubstring("known deviation kubernetes/kubernetes#1 of kubelet v1.36.3: It does not."),
		ContainSubstring("1 known to deviate"),
		ContainSubstring("CONFORMANT: 3 claims as documented, 1 known deviation of this version")))
}

func TestALawThatAKnownBugBreaksIsVisibleInTheSummary(t *testing.T) {
	g := NewWithT(t)
	text := summaryOf(t, reports.New(sample.Catalogue(), reports.Run{}, []reports.Spec{sample.Pass("B-01"), sample.Pass("A-01")}, sample.LawDeviates), false)
	g.Expect(text).To(And(
		MatchRegexp(`LAW-C  known deviation  C always holds\.`),
		ContainSubstring("known deviation kubernetes/kubernetes#1 of kubelet v1.36.3: C does not hold. It is seen on"),
		ContainSubstring("laws     0 of 1 held, on up to 20 versions of 3 pods"),
		ContainSubstring("2 known deviations of this version")), "the law, and the claim that it alone proves")
}
