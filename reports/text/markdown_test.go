package text

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/internal/sample"
)

func TestMarkdown(t *testing.T) {
	g := NewWithT(t)
	text := string(Markdown(sample.Record()))
	for _, want := range []string{
		"## podproof: nonconformant\n\n1 claim not as documented\n\n",
		"| Kubernetes | v1.37.2 |\n",
		"### Nonconformant\n\n**DELETE-06** A force-deleted Pod is gone",
		"- SIGTERM to the last beat: documented 1.8 s to 6 s, measured **0.04 s**\n",
		"```text\nexpected the last beat 1.8 s to 6 s after SIGTERM\n",
		"### Inconclusive\n\n**NET-02**",
		"<details><summary>backoff: 2 of 2 claims conformant</summary>\n\n| claim",
		"| delay before the 2nd restart: 10 s<br>delay before the 3rd restart: 20 s | 13.6 s<br>24.1 s | 47.2 s |\n",
	} {
		g.Expect(text).To(ContainSubstring(want))
	}
	g.Expect(strings.Index(text, "### Nonconformant")).To(BeNumerically("<", strings.Index(text, "<details><summary>network")))
	g.Expect(string(Markdown(sample.Record()))).To(Equal(text))
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "| DELETE") {
			g.Expect(strings.Count(line, "|")).To(Equal(7))
		}
	}
}

func TestMarkdownTakesAnyMessage(t *testing.T) {
	g := NewWithT(t)
	s := sample.Fail("A-01", reports.ClusterFailure)
	s.Message = "a </details> | pipe\n````\nnot a fence\n````"
	s.Text = "spec <script> | x"
	s.Measured = []reports.Measurement{{Claim: "A-01", What: "a|b", Documented: "<c>", Measured: "*d*\ne"}}
	text := string(Markdown(reports.New(sample.Catalogue(), reports.Run{}, []reports.Spec{s}, sample.LawHolds)))
	g.Expect(text).To(ContainSubstring("`````text\na </details> | pipe\n"), "the fence is longer than those in the message")
	g.Expect(text).To(ContainSubstring(`| a\|b: &lt;c&gt; | \*d\* e |`))
	g.Expect(text).NotTo(ContainSubstring("<script>"))
	g.Expect(string(Markdown(reports.New(sample.Catalogue(), reports.Run{SetupError: "no engine\nanswers"}, nil, nil)))).
		To(ContainSubstring("## podproof: could not test\n\nset-up failed: no engine\n"))
}

func TestMarkdownFitsGitHub(t *testing.T) {
	var specs []reports.Spec
	for _, c := range claims.All() {
		if !c.Law {
			s := sample.Fail(c.ID, reports.ClusterFailure)
			s.Message = strings.Repeat("at some time a pod did something\n", 5000)
			specs = append(specs, s)
		}
	}
	text := Markdown(reports.New(claims.All(), reports.Run{}, specs, sample.Laws()))
	NewWithT(t).Expect(len(text)).To(BeNumerically("<", 1<<20))
}

func TestStepSummaryIsAppended(t *testing.T) {
	g := NewWithT(t)
	t.Setenv("GITHUB_STEP_SUMMARY", "")
	g.Expect(StepSummary(sample.Record())).To(Succeed(), "outside of GitHub nothing is written")
	file := filepath.Join(t.TempDir(), "summary")
	g.Expect(os.WriteFile(file, []byte("before\n"), 0o600)).To(Succeed())
	t.Setenv("GITHUB_STEP_SUMMARY", file)
	g.Expect(StepSummary(sample.Record())).To(Succeed())
	data, err := os.ReadFile(file)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(data)).To(Equal("before\n" + string(Markdown(sample.Record()))))
	t.Setenv("GITHUB_STEP_SUMMARY", filepath.Join(file, "x"))
	g.Expect(StepSummary(sample.Record())).To(MatchError(ContainSubstring("$GITHUB_STEP_SUMMARY")))
}

func TestBadge(t *testing.T) {
	full := reports.New(sample.Catalogue(), reports.Run{Profile: "full"}, []reports.Spec{sample.Pass("A-01"), sample.Pass("B-01")}, sample.LawHolds)
	some := reports.New(sample.Catalogue(), reports.Run{Profile: "full", Filters: []string{"A-01"}}, []reports.Spec{sample.Pass("A-01"), sample.InState("B-01", reports.Filtered)}, nil)
	odd := full
	odd.Cluster = &reports.Cluster{ServerVersion: `v1.37.2<&">`}
	stopped := reports.New(sample.Catalogue(), reports.Run{Profile: "full", Interrupted: true}, []reports.Spec{sample.Pass("A-01")}, sample.LawHolds)
	for name, c := range map[string]struct {
		record       reports.Record
		words, color string
	}{
		"full":        {full, "Pods: conformant", "#1a7f37"},
		"quick":       {sample.Record(), "Pods on v1.37.2: nonconformant (quick)", "#b42318"},
		"filtered":    {some, "Pods: conformant (1 of 5 claims)", "#1a7f37"},
		"no set-up":   {reports.New(sample.Catalogue(), reports.Run{Profile: "full", SetupError: "x"}, nil, nil), "Pods: could not test", "#8a5a00"},
		"interrupted": {stopped, "Pods: interrupted", "#8a5a00"},
		"odd version": {odd, `Pods on v1.37.2<&">: conformant`, "#1a7f37"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			data := Badge(c.record)
			var svg struct {
				Label string `xml:"aria-label,attr"`
				Title string `xml:"title"`
			}
			g.Expect(xml.Unmarshal(data, &svg)).To(Succeed())
			g.Expect(svg.Label).To(Equal(c.words))
			g.Expect(svg.Title).To(Equal("podproof, " + c.words))
			g.Expect(string(data)).To(ContainSubstring(`fill="` + c.color + `"`))
		})
	}
}
