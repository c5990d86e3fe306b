package kubectl

import (
	"regexp"
	"strings"
)

// heading is the name of a column, which can have a space in it, and what separates it
// from the next one: kubectl puts three spaces between columns.
var heading = regexp.MustCompile(`\S+( \S+)*\s*`)

// cell is what a table that kubectl printed has for an object in a column, "" when it has
// no such column or object, or nothing there. Columns are aligned under their names.
func cell(table, object, column string) string {
	header, rows, _ := strings.Cut(table, "\n")
	for _, at := range heading.FindAllStringIndex(header, -1) {
		if strings.TrimSpace(header[at[0]:at[1]]) != column {
			continue
		}
		for row := range strings.Lines(rows) {
			if name, _, _ := strings.Cut(row, " "); name == object && len(row) > at[0] {
				to := len(row)
				if at[1] < len(header) {
					to = min(to, at[1])
				}
				return strings.TrimSpace(row[at[0]:to])
			}
		}
	}
	return ""
}
