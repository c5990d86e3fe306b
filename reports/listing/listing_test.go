package listing

import (
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/fixtures/mutants"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/text"
)

var specs = []reports.Spec{
	{Text: "later", Claims: []string{"BACKOFF-02", "BACKOFF-04"}, Part: "fourth restart, up to 160 s", Location: "backoff/b.go:12"},
	{Text: "early | x", Claims: []string{"BACKOFF-02"}, Location: "backoff/a.go:99"},
}

func entry(t *testing.T, id string) Entry {
	t.Helper()
	for _, e := range Entries(specs) {
		if e.ID == id {
			return e
		}
	}
	t.Fatalf("no entry %s", id)
	return Entry{}
}

func TestEntries(t *testing.T) {
	g := NewWithT(t)
	g.Expect(Entries(nil)).To(HaveLen(len(claims.All())))
	g.Expect(entry(t, "BACKOFF-02").Specs).To(Equal([]Spec{
		{Text: "early | x", File: "suites/backoff/a.go"},
		{Text: "later", Part: "up to 160 s", File: "suites/backoff/b.go"},
	}), "in the order of files, each with the part of this claim")
	g.Expect(entry(t, "BACKOFF-04").Specs).To(Equal([]Spec{{Text: "later", Part: "fourth restart", File: "suites/backoff/b.go"}}))
	for _, d := range claims.Deviations() {
		g.Expect(entry(t, d.Claim).Deviations).To(ContainElement(d))
	}
}

func TestWords(t *testing.T) {
	g := NewWithT(t)
	for want, c := range map[string]claims.Claim{
		"all": {}, "since 1.35": {Since: "1.35"}, "up to 1.36": {Until: "1.36"}, "1.35 to 1.36, gate X": {Since: "1.35", Until: "1.36", Gate: "X"},
	} {
		g.Expect(Entry{Claim: c}.Versions()).To(Equal(want))
	}
	g.Expect(Entry{Claim: claims.Claim{Law: true}}.Proof()).To(Equal("every pod"))
	g.Expect(Entry{Claim: claims.Claim{Unreachable: "x"}}.Proof()).To(Equal("none"))
	g.Expect(Entry{}.Proof()).To(Equal("laws"))
	g.Expect(entry(t, "BACKOFF-02").Proof()).To(Equal("2"))
}

func TestTable(t *testing.T) {
	g := NewWithT(t)
	var out strings.Builder
	g.Expect(Table(&out, Entries(specs))).To(Succeed())
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	g.Expect(lines).To(HaveLen(1 + len(claims.All())))
	g.Expect(out.String()).To(MatchRegexp(`BACKOFF-02 +DOC +quick +all +2 +right +By default, the delay .* doubles with each later one\. +https://kubernetes\.io/`))
}

func TestJSON(t *testing.T) {
	g := NewWithT(t)
	var out strings.Builder
	g.Expect(JSON(&out, Entries(specs))).To(Succeed())
	var back struct {
		Claims []Entry `json:"claims"`
	}
	g.Expect(json.Unmarshal([]byte(out.String()), &back)).To(Succeed())
	g.Expect(back.Claims).To(Equal(Entries(specs)))
}

func TestPages(t *testing.T) {
	g := NewWithT(t)
	pages := map[string]string{}
	for _, p := range Pages(Entries(specs)) {
		pages[p.File] = p.Text
	}
	g.Expect(pages).To(HaveLen(4 + len(claims.Subjects())))
	for file, page := range pages {
		// Every link within docs/ leads to a page or a section that there is.
		for _, link := range regexp.MustCompile(`\]\(([a-z]+\.md)?(#[a-z0-9-]+)?\)`).FindAllStringSubmatch(page, -1) {
			to := cmp.Or(link[1], file)
			g.Expect(pages).To(HaveKey(to), file)
			if id, section := strings.CutPrefix(link[2], "#"); section {
				g.Expect(strings.ToLower(pages[to])).To(ContainSubstring("\n## "+id+"\n"), file)
			}
		}
	}
	for _, c := range claims.All() {
		page := pages[c.Subject+".md"]
		g.Expect(page).To(ContainSubstring("\n## " + c.ID + "\n\n**" + text.EscapeMarkdown(c.Sentence) + "**\n"))
		for _, s := range c.Sources {
			g.Expect(page).To(ContainSubstring("](" + s.URL + ")\n"))
		}
	}
	g.Expect(pages["README.md"]).To(ContainSubstring(Share() + " The [list of statements](documentation.md)"))
	backoff := pages["backoff.md"]
	g.Expect(backoff).To(ContainSubstring("- early \\| x, in [suites/backoff/a.go](../suites/backoff/a.go)\n- later (part \"up to 160 s\"), in"))
	g.Expect(backoff).To(ContainSubstring("“The first restart is attempted after 10 s.” That is wrong. The kubelet restarts at once"))
	g.Expect(pages["laws.md"]).To(ContainSubstring("Checked on every version of every pod of a run."))
	g.Expect(pages["probes.md"]).To(ContainSubstring("[kubernetes/kubernetes\\#140881](https://github.com/kubernetes/kubernetes/issues/140881)"))
}

func TestEveryClaimTellsItsMutants(t *testing.T) {
	g := NewWithT(t)
	for _, e := range Entries(nil) {
		if e.ID == "NET-01" {
			g.Expect(e.Mutants).To(Equal(mutants.Against("NET-01")))
			for _, id := range e.Mutants {
				g.Expect(page("network", []Entry{e})).To(ContainSubstring("\n- `" + id + "`: "))
			}
			return
		}
	}
	t.Fatal("NET-01 is not listed")
}

func TestEveryMutantIsOnItsPage(t *testing.T) {
	g := NewWithT(t)
	page := mutantsPage(Entries(nil))
	for _, m := range mutants.All() {
		g.Expect(page).To(MatchRegexp("\n\\| `%s` \\| .*%s", m.ID, regexp.QuoteMeta(m.Edits[0].File)))
		for _, c := range m.Claims {
			g.Expect(page).To(MatchRegexp("\n\\| `%s` \\| .*\\[%s\\]\\([a-z]+\\.md#%s\\)", m.ID, c, strings.ToLower(c)))
		}
	}
}

func TestTheMuseumTellsEveryRegression(t *testing.T) {
	g := NewWithT(t)
	page := regressionsPage(mutants.Regressions(), Entries(nil))
	for _, m := range mutants.Regressions() {
		r := m.Regression
		row := regexp.MustCompile("\n\\| \\[`" + m.ID + "`\\].*").FindString(page)
		for _, number := range append(slices.Clone(r.Reports), r.Fix) {
			g.Expect(row).To(ContainSubstring("[\\#%d](%s)", number, r.Link(number)))
		}
		g.Expect(row).To(ContainSubstring("| %s | %s | %s |", ways[r.Back], r.Before, r.After))
		g.Expect(page).To(ContainSubstring("\n## %s\n\n%s\n", m.ID, text.EscapeMarkdown(m.Wrong)))
	}
}

func TestTheMuseumCounts(t *testing.T) {
	g := NewWithT(t)
	of := func(before, after mutants.Noticed) mutants.Mutant {
		return mutants.Mutant{ID: "regression-x", Regression: &mutants.Regression{
			Repository: "containerd/containerd", Reports: []int{1}, Fix: 2, Back: mutants.Reverse, Before: before, After: after}}
	}
	museum := []mutants.Mutant{of(mutants.Killed, ""), of(mutants.Survived, ""), of(mutants.Survived, mutants.Killed), of(mutants.KilledInPart, "")}
	g.Expect(tally(museum)).To(Equal("Of 4, before: 1 killed, 1 killed in part, 2 survived. Not known to be killed today: 2."))
	g.Expect(regressionsPage(museum, nil)).To(ContainSubstring("| [containerd/containerd\\#1](https://github.com/containerd/containerd/issues/1) | [containerd/containerd\\#2]"))
}
