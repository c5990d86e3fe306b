package listing

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/fixtures/statements"
	"github.com/podproof/podproof/reports/text"
)

func TestShare(t *testing.T) {
	NewWithT(t).Expect(Share()).To(MatchRegexp(`^Claims prove \d+ % of the \d+ checkable statements .* on \d+ pages .*, and another \d+ % in part\.$`))
}

func TestWordsAboutStatements(t *testing.T) {
	g := NewWithT(t)
	link := func(claim string) string { return "<" + claim + ">" }
	for want, s := range map[string]statements.Statement{
		"<A>, <B>":                      {Claims: []string{"A", "B"}},
		"<A>; missing: the second half": {Claims: []string{"A"}, Missing: "the second half"},
		"needs node access":             {Open: "node access"},
		"not a promise":                 {Reason: "not a promise"},
	} {
		g.Expect(proof(s, link)).To(Equal(want))
	}
	g.Expect(tells(statements.Statement{Sentence: "It is Unknown."})).To(Equal("It is Unknown."))
	g.Expect(tells(statements.Statement{Sentence: "It is Unknown.", Instead: "It is Running."})).To(Equal("It is Unknown. In truth: It is Running."))
}

func TestDocumentationPageHasEveryStatement(t *testing.T) {
	g := NewWithT(t)
	page := Documentation(Entries(nil)).Text
	all := statements.Total(statements.Pages()...)
	g.Expect(page).To(MatchRegexp(`\n\| \*\*all\*\* \|  \| %d \| %d \| %d \| %d \| %d \| %d %% \|\n`,
		all.Statements, all.Proven, all.InPart, all.Open, all.NoClaim, all.Percent(all.Proven)))
	for _, p := range statements.Pages() {
		g.Expect(page).To(ContainSubstring("\n## %s\n\n[%s](%s), text of ", p.Name(), p.Path, p.URL("")))
		for _, s := range p.Statements {
			row := regexp.MustCompile(`\n\| ` + s.ID + ` \| .*`).FindString(page)
			g.Expect(row).To(ContainSubstring(" | %s | ", s.State()), s.ID)
			g.Expect(row).To(ContainSubstring(text.EscapeMarkdown(s.Sentence)))
			for _, c := range s.Claims {
				g.Expect(row).To(MatchRegexp(`\[%s\]\([a-z]+\.md#%s\)`, c, strings.ToLower(c)), "the link of a claim to its page")
			}
		}
	}
	g.Expect(page).To(ContainSubstring("| [pod-phase](https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase) |"), "a section that somebody has verified")
	g.Expect(page).To(ContainSubstring("| kubelet-restarts |"), "a section that nobody has verified")
}

func TestDocumentationTable(t *testing.T) {
	g := NewWithT(t)
	var out strings.Builder
	g.Expect(DocumentationTable(&out)).To(Succeed())
	all := statements.Total(statements.Pages()...)
	lines := strings.Split(out.String(), "\n")
	g.Expect(slices.DeleteFunc(lines, func(l string) bool { return !strings.HasPrefix(l, "  ") })).To(HaveLen(all.Statements))
	g.Expect(out.String()).To(MatchRegexp(`(?m)^concepts/workloads/pods/: \d+ of \d+ proven \(\d+ %\)\n  DEF-01 +proven +All containers .*  DEF-01, LAW-CONTAINERS-FIXED$`))
	g.Expect(out.String()).To(HaveSuffix("\n\n" + Share() + "\n"))
}

func TestDocumentationJSON(t *testing.T) {
	g := NewWithT(t)
	var out strings.Builder
	g.Expect(DocumentationJSON(&out)).To(Succeed())
	var back struct {
		Pages []documented     `json:"pages"`
		Count statements.Count `json:"count"`
	}
	decoder := json.NewDecoder(strings.NewReader(out.String()))
	decoder.DisallowUnknownFields()
	g.Expect(decoder.Decode(&back)).To(Succeed())
	g.Expect(back.Count).To(Equal(statements.Total(statements.Pages()...)))
	for i, p := range statements.Pages() {
		g.Expect(back.Pages[i].Path).To(Equal(p.Path))
		for j, s := range p.Statements {
			g.Expect(back.Pages[i].Statements[j]).To(Equal(judged{s, s.State(), p.URL(s.Section)}))
		}
	}
}
