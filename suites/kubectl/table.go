package kubectl

import (
	"regexp"
	"strings"
)

// heading is the name of a column, which can contain a space, and the space before the
// next one: kubectl puts three spaces between columns.
var heading = regexp.MustCompile(`\S+( \S+)*\s*`)

// cell returns an object's value in a column of a table that kubectl printed. It is "" for
// an unknown column or object and for an empty cell. Columns are aligned under their names.
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
