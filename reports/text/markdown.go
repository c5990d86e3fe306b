package text

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/internal/wording"
)

// Bounds of the Markdown summary: GitHub takes 1 MiB for a step, and nobody reads the
// twentieth story in a summary.
const (
	markdownStories = 20     // failures that are told with their message
	markdownMessage = 12_000 // bytes of one message
)

// Markdown renders the record as a summary for a CI job's page: the verdict, then what
// failed with its values, then a table for each subject, folded.
func Markdown(r reports.Record) []byte {
	m := &strings.Builder{}
	word, _ := r.Headline()
	fmt.Fprintf(m, "## podproof: %s\n\n%s\n\n", strings.ToLower(word), EscapeMarkdown(r.Reason))
	m.WriteString(markdownFacts(r))
	if message := strings.TrimSpace(r.Run.SetupError); strings.Contains(message, "\n") {
		m.WriteString("### Set-up failed\n\n" + fenced(message, "the record"))
	}
	told := 0
	for _, verdict := range []reports.Verdict{reports.Nonconformant, reports.Inconclusive} {
		var concerned []reports.ClaimResult
		for _, c := range r.Claims {
			if c.Verdict == verdict && c.Selected {
				concerned = append(concerned, c)
			}
		}
		if len(concerned) == 0 {
			continue
		}
		fmt.Fprintf(m, "### %s\n\n", wording.Capital(string(verdict)))
		for _, c := range concerned {
			m.WriteString(markdownProblem(c, r, told < markdownStories))
			told++
		}
	}
	m.WriteString(markdownSubjects(r))
	return []byte(m.String())
}

// markdownFacts are what was tested, how, and how many claims have which verdict.
func markdownFacts(r reports.Record) string {
	rows := [][2]string{}
	if c := r.Cluster; c != nil {
		rows = append(rows, [2]string{"Kubernetes", c.ServerVersion})
		var nodes []string
		for _, n := range c.Nodes {
			if text := strings.Join(nonEmpty(n.Role, n.Runtime, n.OS), ", "); !slices.Contains(nodes, text) {
				nodes = append(nodes, text)
			}
		}
		rows = append(rows, [2]string{"Cluster", strings.Join(nonEmpty(c.Name, wording.Plural(len(c.Nodes), "node"), c.Cgroup), ", ")},
			[2]string{"Nodes", strings.Join(nodes, "; ")})
	}
	profile := r.Run.Profile
	if len(r.Run.Filters) > 0 {
		profile += ", only " + strings.Join(r.Run.Filters, ", ")
	}
	if c := r.Cluster; c != nil {
		rows = append(rows, [2]string{wording.DoubtHeading, c.Doubt})
	}
	rows = append(rows, [2]string{"Profile", profile}, [2]string{"Claims", strings.Join(r.Summary.Texts(), ", ")})
	if held := r.Summary.LawPods; held > 0 {
		rows = append(rows, [2]string{"Laws", fmt.Sprintf("%d broken, checked on %s of %s", r.Summary.LawsBroken, wording.Plural(r.Summary.LawVersions, "version"), wording.Plural(held, "pod"))})
	}
	if r.Run.SpecsSeconds > 0 {
		rows = append(rows, [2]string{"Specs took", wording.Duration(r.Run.SpecsSeconds)})
	}
	out := "| | |\n|---|---|\n"
	for _, row := range rows {
		if row[1] != "" {
			out += fmt.Sprintf("| %s | %s |\n", row[0], EscapeMarkdown(row[1]))
		}
	}
	return out + "\n"
}

// markdownProblem tells one claim that is not as documented, or could not be tested.
func markdownProblem(c reports.ClaimResult, r reports.Record, withStory bool) string {
	out := fmt.Sprintf("**%s** %s", c.ID, EscapeMarkdown(c.Sentence))
	if c.Source != "" {
		out += fmt.Sprintf(" ([documented](%s))", c.Source)
	}
	out += "\n\n"
	for _, m := range c.Measured {
		if !m.OK {
			out += fmt.Sprintf("- %s: documented %s, measured **%s**\n", EscapeMarkdown(m.What), EscapeMarkdown(m.Documented), EscapeMarkdown(m.Measured))
		}
	}
	out += "- " + EscapeMarkdown(c.Reason) + "\n\n"
	if !withStory {
		return out
	}
	for _, s := range r.Specs {
		if s.State != reports.Failed || !slices.Contains(s.Claims, c.ID) {
			continue
		}
		where := "the record"
		if len(s.Evidence) > 0 {
			where = s.Evidence[0]
		}
		out += fmt.Sprintf("<details><summary>%s</summary>\n\n%s</details>\n\n", EscapeMarkdown(s.Text), fenced(s.Message, where))
	}
	return out
}

// markdownSubjects has a folded table of claims for each subject.
func markdownSubjects(r reports.Record) string {
	var out strings.Builder
	for _, subject := range subjectsOf(r) {
		var rows strings.Builder
		good, all := 0, 0
		for _, c := range r.Claims {
			if c.Subject != subject || !c.Selected {
				continue
			}
			all++
			if c.Verdict == reports.Conformant {
				good++
			}
			var documented, measured []string
			for _, m := range c.Measured {
				documented = append(documented, EscapeMarkdown(m.What+": "+m.Documented))
				measured = append(measured, EscapeMarkdown(m.Measured))
			}
			seconds := ""
			if c.Seconds > 0 {
				seconds = wording.Duration(c.Seconds)
			}
			verdict := string(c.Verdict)
			if c.Reason != "" {
				verdict += ": " + EscapeMarkdown(wording.Shorten(wording.FirstLine(c.Reason), 200))
			}
			fmt.Fprintf(&rows, "| %s | %s | %s | %s | %s | %s |\n", c.ID, verdict, EscapeMarkdown(c.Sentence),
				strings.Join(documented, "<br>"), strings.Join(measured, "<br>"), seconds)
		}
		if all > 0 {
			fmt.Fprintf(&out, "<details><summary>%s: %d of %s conformant</summary>\n\n| claim | verdict | sentence | documented | measured | took |\n|---|---|---|---|---|---:|\n%s\n</details>\n\n",
				subject, good, wording.Plural(all, "claim"), rows.String())
		}
	}
	return out.String()
}

// subjectsOf lists the subjects of a record in its order.
func subjectsOf(r reports.Record) []string {
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

// EscapeMarkdown is text on one line that means only itself, also in a table.
func EscapeMarkdown(text string) string {
	return markdownSigns.Replace(strings.Join(strings.Fields(wording.Clean(text)), " "))
}

// fenced is a message as it is, in a fence that is longer than any in it.
func fenced(message, where string) string {
	message = strings.TrimRight(middleOut(wording.Clean(cmp.Or(message, "no message")), markdownMessage, where), "\n")
	fence := "```"
	for strings.Contains(message, fence) {
		fence += "`"
	}
	return fmt.Sprintf("%stext\n%s\n%s\n\n", fence, message, fence)
}

// stepSummaryVariable names the file whose Markdown GitHub shows on a job's page.
const stepSummaryVariable = "GITHUB_STEP_SUMMARY"

// StepSummary adds the Markdown summary to the page of the GitHub job that this
// process runs in, if it runs in one.
func StepSummary(r reports.Record) error {
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
