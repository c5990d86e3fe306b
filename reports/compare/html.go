package compare

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strings"

	"github.com/podproof/podproof/reports/internal/wording"
)

//go:embed comparison.html
var comparePage string

var compareTemplate = template.Must(template.New("compare").Funcs(template.FuncMap{
	"number":   func(i int) int { return i + 1 },
	"class":    func(v string) string { return strings.ReplaceAll(v, " ", "-") },
	"duration": wording.Duration,
	"clean":    wording.Clean,
	"joined":   joined,
}).Parse(comparePage))

// HTML renders the comparison as one self-contained page: a matrix of claims and
// records that needs no script, in light and dark and on paper.
func (c Comparison) HTML() ([]byte, error) {
	type subject struct {
		Name string
		Rows []Row
	}
	var subjects []subject
	for _, row := range c.Rows {
		if len(subjects) == 0 || subjects[len(subjects)-1].Name != row.Subject {
			subjects = append(subjects, subject{Name: row.Subject})
		}
		last := &subjects[len(subjects)-1]
		last.Rows = append(last.Rows, row)
	}
	type changed struct {
		Row
		Column int
		Cell   Cell
	}
	var changes []changed
	for _, change := range []Change{Worse, Better, Changed} {
		c.each(change, func(row Row, n int) { changes = append(changes, changed{row, n, row.Cells[n]}) })
	}
	var out bytes.Buffer
	err := compareTemplate.Execute(&out, map[string]any{
		"Comparison": c, "Subjects": subjects, "Changes": changes, "Width": len(c.Columns) + 1,
		"WorseRule": worseRule, "SlowRule": slowRule,
	})
	if err != nil {
		return nil, fmt.Errorf("write the comparison as HTML: %w", err)
	}
	return out.Bytes(), nil
}
