package kubectl

import "strings"

// cell is what a table that kubectl printed has for an object in a column, ""
// when it has no such column or object. Columns are aligned under their names;
// a name that has spaces in it cannot be asked for.
func cell(table, object, column string) string {
	header, rows, _ := strings.Cut(table, "\n")
	from := -1
	for i := 0; i < len(header); {
		word := strings.Fields(header[i:])
		if len(word) == 0 {
			break
		}
		i += strings.Index(header[i:], word[0])
		if word[0] == column {
			from = i
			break
		}
		i += len(word[0])
	}
	if from < 0 {
		return ""
	}
	for row := range strings.Lines(rows) {
		if name, _, _ := strings.Cut(row, " "); name != object || len(row) <= from {
			continue
		}
		if words := strings.Fields(row[from:]); len(words) > 0 {
			return words[0]
		}
	}
	return ""
}
