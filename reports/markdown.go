package reports

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Bounds of the Markdown summary: GitHub takes 1 MiB for a step, and nobody reads the
// twentieth story in a summary.
const (
	markdownStories = 20     // failures that are told with their message
	markdownMessage = 12_000 // bytes of one message
)

// Markdown renders the record as a summary for a CI job's page: the verdict, then what
// failed with its values, then a table for each subject, folded.
func Markdown(r Record) []byte {
	m := &strings.Builder{}
	word, _ := headline(r)
	fmt.Fprintf(m, "## podproof: %s\n\n%s\n\n", strings.ToLower(word), MarkdownText(r.Reason))
	m.WriteString(markdownFacts(r))
	if message := strings.TrimSpace(r.Run.SetupError); strings.Contains(message, "\n") {
		m.WriteString("### Set-up failed\n\n" + fenced(message, "the record"))
	}
	told := 0
	for _, verdict := range []Verdict{Nonconformant, Inconclusive} {
		var concerned []ClaimResult
		for _, c := range r.Claims {
			if c.Verdict == verdict && c.Selected {
				concerned = append(concerned, c)
			}
		}
		if len(concerned) == 0 {
			continue
		}
		fmt.Fprintf(m, "### %s\n\n", capital(string(verdict)))
		for _, c := range concerned {
			m.WriteString(markdownProblem(c, r, told < markdownStories))
			told++
		}
	}
	m.WriteString(markdownSubjects(r))
	return []byte(m.String())
}

// markdownFacts are what was tested, how, and how many claims have which verdict.
func markdownFacts(r Record) string {
	rows := [][2]string{}
	if c := r.Cluster; c != nil {
		rows = append(rows, [2]string{"Kubernetes", c.ServerVersion})
		var nodes []string
		for _, n := range c.Nodes {
			if text := strings.Join(nonEmpty(n.Role, n.Runtime, n.OS), ", "); !slices.Contains(nodes, text) {
				nodes = append(nodes, text)
			}
		}
		rows = append(rows, [2]string{"Cluster", strings.Join(nonEmpty(c.Name, plural(len(c.Nodes), "node"), c.Cgroup), ", ")},
			[2]string{"Nodes", strings.Join(nodes, "; ")})
	}
	profile := r.Run.Profile
	if len(r.Run.Filters) > 0 {
		profile += ", only " + strings.Join(r.Run.Filters, ", ")
	}
	if c := r.Cluster; c != nil {
		rows = append(rows, [2]string{doubtHeading, c.Doubt})
	}
	rows = append(rows, [2]string{"Profile", profile}, [2]string{"Claims", strings.Join(countTexts(r.Summary), ", ")})
	if held := r.Summary.LawPods; held > 0 {
		rows = append(rows, [2]string{"Laws", fmt.Sprintf("%d broken, checked on %s of %s", r.Summary.LawsBroken, plural(r.Summary.LawVersions, "version"), plural(held, "pod"))})
	}
	if r.Run.SpecsSeconds > 0 {
		rows = append(rows, [2]string{"Specs took", duration(r.Run.SpecsSeconds)})
	}
	out := "| | |\n|---|---|\n"
	for _, row := range rows {
		if row[1] != "" {
			out += fmt.Sprintf("| %s | %s |\n", row[0], MarkdownText(row[1]))
		}
	}
	return out + "\n"
}

// markdownProblem tells one claim that is not as documented, or could not be tested.
func markdownProblem(c ClaimResult, r Record, withStory bool) string {
	out := fmt.Sprintf("**%s** %s", c.ID, MarkdownText(c.Sentence))
	if c.Source != "" {
		out += fmt.Sprintf(" ([documented](%s))", c.Source)
	}
	out += "\n\n"
	for _, m := range c.Measured {
		if !m.OK {
			out += fmt.Sprintf("- %s: documented %s, measured **%s**\n", MarkdownText(m.What), MarkdownText(m.Documented), MarkdownText(m.Measured))
		}
	}
	out += "- " + MarkdownText(c.Reason) + "\n\n"
	if !withStory {
		return out
	}
	for _, s := range r.Specs {
		if s.State != Failed || !slices.Contains(s.Claims, c.ID) {
			continue
		}
		where := "the record"
		if len(s.Evidence) > 0 {
			where = s.Evidence[0]
		}
		out += fmt.Sprintf("<details><summary>%s</summary>\n\n%s</details>\n\n", MarkdownText(s.Text), fenced(s.Message, where))
	}
	return out
}

// markdownSubjects has a folded table of claims for each subject.
func markdownSubjects(r Record) string {
	var out strings.Builder
	for _, subject := range subjectsOf(r) {
		var rows strings.Builder
		good, all := 0, 0
		for _, c := range r.Claims {
			if c.Subject != subject || !c.Selected {
				continue
			}
			all++
			if c.Verdict == Conformant {
				good++
			}
			var documented, measured []string
			for _, m := range c.Measured {
				documented = append(documented, MarkdownText(m.What+": "+m.Documented))
				measured = append(measured, MarkdownText(m.Measured))
			}
			seconds := ""
			if c.Seconds > 0 {
				seconds = duration(c.Seconds)
			}
			verdict := string(c.Verdict)
			if c.Reason != "" {
				verdict += ": " + MarkdownText(shorten(firstLine(c.Reason), 200))
			}
			fmt.Fprintf(&rows, "| %s | %s | %s | %s | %s | %s |\n", c.ID, verdict, MarkdownText(c.Sentence),
				strings.Join(documented, "<br>"), strings.Join(measured, "<br>"), seconds)
		}
		if all > 0 {
			fmt.Fprintf(&out, "<details><summary>%s: %d of %s conformant</summary>\n\n| claim | verdict | sentence | documented | measured | took |\n|---|---|---|---|---|---:|\n%s\n</details>\n\n",
				subject, good, plural(all, "claim"), rows.String())
		}
	}
	return out.String()
}

// subjectsOf lists the subjects of a record in its order.
func subjectsOf(r Record) []string {
	var subjects []string
	for _, c := range r.Claims {
		if !slices.Contains(subjects, c.Subject) {
			subjects = append(subjects, c.Subject)
		}
	}
	return subjects
}

// markdownSigns are what Markdown or HTML would take for more than a character.
var markdownSigns = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "|", `\|`,
	"~", `\~`, "$", `\$`, "#", `\#`, "&", "&amp;", "<", "&lt;", ">", "&gt;")

// MarkdownText is text on one line that means only itself, also in a table.
func MarkdownText(text string) string {
	return markdownSigns.Replace(strings.Join(strings.Fields(clean(text)), " "))
}

// fenced is a message as it is, in a fence that is longer than any in it.
func fenced(message, where string) string {
	message = strings.TrimRight(middleOut(clean(cmp.Or(message, "no message")), markdownMessage, where), "\n")
	fence := "```"
	for strings.Contains(message, fence) {
		fence += "`"
	}
	return fmt.Sprintf("%stext\n%s\n%s\n\n", fence, message, fence)
}

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// stepSummaryVariable names the file whose Markdown GitHub shows on a job's page.
const stepSummaryVariable = "GITHUB_STEP_SUMMARY"

// StepSummary adds the Markdown summary to the page of the GitHub job that this
// process runs in, if it runs in one.
func StepSummary(r Record) error {
	path := os.Getenv(stepSummaryVariable)
	if path == "" {
		return nil
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("add the summary to $%s: %w", stepSummaryVariable, err)
	}
	if _, err := file.Write(Markdown(r)); err != nil {
		file.Close()
		return fmt.Errorf("add the summary to $%s: %w", stepSummaryVariable, err)
	}
	return file.Close()
}
