package compare

import (
	"fmt"
	"io"
	"strings"

	"github.com/podproof/podproof/reports/internal/terminal"
	"github.com/podproof/podproof/reports/internal/wording"
	"github.com/podproof/podproof/reports/text"
)

// slowRule is the rule for readers.
var slowRule = fmt.Sprintf("A spec is slower when it takes more than %.0f times as long and more than %.0f s longer than before, without its documented waits. If all specs became slower, that part is taken off first.", slowTimes, slowSeconds)

// worseRule is the rule for readers.
const worseRule = "A claim is worse when it became nonconformant, or when it was conformant or a known deviation and is now lower in this order: conformant, known deviation, inconclusive or not run, nonconformant."

func joined(texts []string) string { return strings.Join(texts, ", ") }

// Text writes the comparison as a table for a terminal.
func (c Comparison) Text(w io.Writer) error {
	var out strings.Builder
	for n, column := range c.Columns {
		fmt.Fprintf(&out, "%d  %s\n", n+1, column.Heading())
		out.WriteString(wording.Wrap(column.Details(), "   ", terminal.Columns))
		if n > 0 {
			fmt.Fprintf(&out, "   its specs took %.2f times as long as those of 1 (median, without documented waits)\n", column.Pace)
		}
	}
	for _, change := range []Change{Worse, Better, Changed} {
		if c.Count(change) == 0 {
			continue
		}
		fmt.Fprintf(&out, "\n%s\n", change)
		c.each(change, func(row Row, n int) {
			before, after := row.Cells[0], row.Cells[n]
			fmt.Fprintf(&out, "  %s  %s in 1, %s in %d\n", row.ID, before.Text(), after.Text(), n+1)
			out.WriteString(wording.Wrap(row.Sentence, "    ", terminal.Columns))
			if after.Reason != "" {
				out.WriteString(wording.Wrap(wording.Clean(after.Reason), "    ", terminal.Columns))
			}
			for _, m := range after.Measured {
				if !m.OK {
					out.WriteString(wording.Wrap(fmt.Sprintf("%s: documented %s, measured %s", wording.Clean(m.What), wording.Clean(m.Documented), wording.Clean(m.Measured)), "    ", terminal.Columns))
				}
			}
		})
	}
	if len(c.Slower) > 0 {
		out.WriteString("\nslower\n")
		for _, s := range c.Slower {
			fmt.Fprintf(&out, "  %s  %s in 1, %s in %d\n", joined(s.Claims), wording.Duration(s.Before), wording.Duration(s.After), s.Column+1)
			out.WriteString(wording.Wrap(wording.Clean(s.Spec), "    ", terminal.Columns))
		}
		out.WriteString(wording.Wrap(slowRule, "    ", terminal.Columns))
	}
	out.WriteString("\n" + wording.Wrap(c.Conclusion(), "", terminal.Columns))
	if _, err := io.WriteString(w, out.String()); err != nil {
		return fmt.Errorf("write the comparison: %w", err)
	}
	return nil
}

// each visits every cell that has changed so.
func (c Comparison) each(change Change, visit func(row Row, n int)) {
	for _, row := range c.Rows {
		for n := range row.Cells {
			if n > 0 && row.Cells[n].Change == change {
				visit(row, n)
			}
		}
	}
}

// Markdown renders the comparison for a page of a forge or a CI job: only what changed
// has a line.
func (c Comparison) Markdown() []byte {
	var out strings.Builder
	fmt.Fprintf(&out, "## podproof: comparison\n\n%s.\n\n| | record | made with | pace |\n|---|---|---|---:|\n", wording.Capital(c.Conclusion()))
	for n, column := range c.Columns {
		fmt.Fprintf(&out, "| %d | %s | %s | %.2f |\n", n+1, text.EscapeMarkdown(column.Heading()), text.EscapeMarkdown(column.Details()), column.Pace)
	}
	head, line := "| | claim |", "|---|---|"
	for n := range c.Columns {
		head, line = head+fmt.Sprintf(" %d |", n+1), line+"---|"
	}
	rows := ""
	for _, change := range []Change{Worse, Better, Changed} {
		last := ""
		c.each(change, func(row Row, _ int) {
			if row.ID == last {
				return // has changed so in several records
			}
			last = row.ID
			rows += fmt.Sprintf("| %s | **%s** %s |", change, row.ID, text.EscapeMarkdown(row.Sentence))
			for _, cell := range row.Cells {
				verdict := cell.Text()
				if cell.Reason != "" {
					verdict += "<br>" + text.EscapeMarkdown(wording.Shorten(wording.Clean(cell.Reason), 200))
				}
				rows += " " + verdict + " |"
			}
			rows += "\n"
		})
	}
	if rows != "" {
		fmt.Fprintf(&out, "\n%s\n%s\n%s", head, line, rows)
	}
	if len(c.Slower) > 0 {
		out.WriteString("\n| slower spec | claims | record | before | after |\n|---|---|---|---:|---:|\n")
		for _, s := range c.Slower {
			fmt.Fprintf(&out, "| %s | %s | %d | %s | %s |\n", text.EscapeMarkdown(s.Spec), joined(s.Claims), s.Column+1, wording.Duration(s.Before), wording.Duration(s.After))
		}
	}
	fmt.Fprintf(&out, "\n%s %s\n", worseRule, slowRule)
	return []byte(out.String())
}
