package listing

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/fixtures/mutants"
	"github.com/podproof/podproof/reports/text"
)

// Page is one Markdown file of docs/.
type Page struct {
	File string
	Text string
}

const generated = "<!-- Made by `make docs` from fixtures/claims and the specs. Do not edit. -->\n\n"

// strengths says what each strength means.
var strengths = map[claims.Strength]string{
	claims.API:  "API: a field under Kubernetes' deprecation policy",
	claims.DOC:  "DOC: documented behaviour",
	claims.IMPL: "IMPL: how it is implemented in every supported version, without a promise",
}

// Pages makes an index, a page for each subject, and one of all mutants.
func Pages(entries []Entry) []Page {
	index := &strings.Builder{}
	index.WriteString(generated + "# Claims\n\nEvery claim is one documented, checkable statement about Pods. `podproof run` gives a verdict on each.\n\n" +
		"| subject | claims | specs |\n|---|---:|---:|\n")
	pages := []Page{{}}
	for _, subject := range claims.Subjects() {
		var of []Entry
		specs := map[string]bool{} // by text, for one can prove several claims
		for _, e := range entries {
			if e.Subject == subject {
				of = append(of, e)
				for _, s := range e.Specs {
					specs[s.Text] = true
				}
			}
		}
		fmt.Fprintf(index, "| [%s](%s.md) | %d | %s |\n", subject, subject, len(of), numberOf(len(specs), subject))
		pages = append(pages, Page{File: subject + ".md", Text: page(subject, of)})
	}
	fmt.Fprintf(index, "\nWhat the claims would notice: %d wrong components, the [mutants](%s).\n", len(mutants.All()), mutantsFile)
	pages[0] = Page{File: "README.md", Text: index.String()}
	return append(pages, Page{File: mutantsFile, Text: mutantsPage(entries)})
}

// numberOf is the number of specs, where there are any to count.
func numberOf(specs int, subject string) string {
	if subject == "laws" {
		return "every pod"
	}
	return fmt.Sprint(specs)
}

func page(subject string, entries []Entry) string {
	out := &strings.Builder{}
	fmt.Fprintf(out, "%s# %s\n\n| claim | sentence | strength | profile | versions | specs |\n|---|---|---|---|---|---|\n", generated, subject)
	for _, e := range entries {
		fmt.Fprintf(out, "| [%s](#%s) | %s | %s | %s | %s | %s |\n", e.ID, strings.ToLower(e.ID),
			text.EscapeMarkdown(e.Sentence), e.Strength, e.Profile, e.Versions(), e.Proof())
	}
	for _, e := range entries {
		section(out, e)
	}
	return out.String()
}

// section tells all of one claim.
func section(out *strings.Builder, e Entry) {
	fmt.Fprintf(out, "\n## %s\n\n**%s**\n\n", e.ID, text.EscapeMarkdown(e.Sentence))
	item := func(name, value string) {
		if value != "" {
			fmt.Fprintf(out, "- %s: %s\n", name, text.EscapeMarkdown(value))
		}
	}
	item("strength", strengths[e.Strength])
	item("profile", string(e.Profile))
	if e.Wait.Duration > 0 {
		item("inherent wait", fmt.Sprintf("%s. %s", e.Wait.Duration, e.WaitWhy))
	}
	for _, p := range e.Parts {
		item(fmt.Sprintf("part %q", p.Name), strings.TrimSpace(fmt.Sprintf("profile %s, inherent wait %s. %s %s", p.Profile, p.Wait.Duration, p.WaitWhy, needs(p.Needs))))
	}
	if v := e.Versions(); v != "all" {
		item("versions of Kubernetes", v)
	}
	item("needs", strings.Join(e.Needs, ", "))
	item("speaks also for", strings.Join(e.SpeaksFor, ", "))
	item("cannot be shown", e.Unreachable)
	item("note", e.Note)
	if e.Article != "" {
		item("the article says", fmt.Sprintf("“%s” That is %s. %s", e.Article, e.ArticleVerdict, e.ArticleWhy))
	}
	out.WriteString("\nDocumented in\n\n")
	for _, s := range e.Sources {
		fmt.Fprintf(out, "- [%s](%s)\n", text.EscapeMarkdown(s.Title), s.URL)
	}
	switch {
	case e.Law:
		out.WriteString("\nChecked on every version of every pod of a run.\n")
	case e.Unreachable != "":
	case len(e.Specs) == 0:
		out.WriteString("\nProven by the laws that speak for it.\n")
	default:
		out.WriteString("\nProven by\n\n")
	}
	for _, s := range e.Specs {
		part := ""
		if s.Part != "" {
			part = fmt.Sprintf(" (part %q)", s.Part)
		}
		fmt.Fprintf(out, "- %s%s, in [%s](../%s)\n", text.EscapeMarkdown(s.Text), part, s.File, s.File)
	}
	if len(e.Mutants) > 0 {
		out.WriteString("\n[Mutants](" + mutantsFile + ") that have to turn it red\n\n")
	}
	for _, m := range mutants.All() {
		if slices.Contains(e.Mutants, m.ID) {
			fmt.Fprintf(out, "- `%s`: %s\n", m.ID, text.EscapeMarkdown(m.Wrong))
		}
	}
	if len(e.Deviations) > 0 {
		out.WriteString("\nKnown deviations\n\n")
	}
	for _, d := range e.Deviations {
		fmt.Fprintf(out, "- %s %s, [%s](%s): %s\n", d.Component, text.EscapeMarkdown(d.Versions), text.EscapeMarkdown(d.Short()), d.Issue, text.EscapeMarkdown(d.Summary))
	}
}

func needs(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return "It needs " + strings.Join(all, ", ") + "."
}

// mutantsFile is the page of all mutants.
const mutantsFile = "mutants.md"

// mutantsPage lists every mutant by its component, with the claims that have to notice.
func mutantsPage(entries []Entry) string {
	subjects := map[string]string{}
	for _, e := range entries {
		subjects[e.ID] = e.Subject
	}
	out := &strings.Builder{}
	out.WriteString("<!-- Made by `make docs` from fixtures/mutants. Do not edit. -->\n\n# Mutants\n\n" +
		"Each is one component made wrong by a small edit of its source. `podproof mutants` builds it, puts it into a cluster, and says whether the claims named here turn red.\n")
	for _, component := range mutants.Components() {
		fmt.Fprintf(out, "\n## %s\n\n| mutant | what is wrong | edited | versions | claims that have to turn red |\n|---|---|---|---|---|\n", component)
		for _, m := range mutants.All() {
			if m.Component != component {
				continue
			}
			var edited, noticed []string
			for _, e := range m.Edits {
				if file := "`" + path.Join(e.Module, e.File) + "`"; !slices.Contains(edited, file) {
					edited = append(edited, file)
				}
			}
			for _, c := range m.Claims {
				noticed = append(noticed, fmt.Sprintf("[%s](%s.md#%s)", c, subjects[c], strings.ToLower(c)))
			}
			if m.Unseen != "" {
				noticed = []string{"none: " + text.EscapeMarkdown(m.Unseen)}
			}
			fmt.Fprintf(out, "| `%s` | %s | %s | %s | %s |\n", m.ID, text.EscapeMarkdown(m.Wrong), strings.Join(edited, ", "),
				cmp.Or(text.EscapeMarkdown(m.Versions), "all"), strings.Join(noticed, ", "))
		}
	}
	return out.String()
}
