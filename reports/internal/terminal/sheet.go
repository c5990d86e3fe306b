// Package terminal lays texts out for a terminal: lines, colours, quotations.
package terminal

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/internal/wording"
)

// Columns is the width that texts for a terminal fit into, messages of failures excepted.
const Columns = 100

// Sheet is a text for a terminal while it is being made. It is also a file of a run, and
// then without colours.
type Sheet struct {
	bytes.Buffer
	Colour bool
}

// Line writes a line.
func (s *Sheet) Line(format string, args ...any) { fmt.Fprintf(s, format+"\n", args...) }

// Terminal colours (SGR codes).
const (
	Bold   = "1"
	Faint  = "2"
	Red    = "31"
	Green  = "32"
	Yellow = "33"
)

// Paint gives text a colour, if there are to be colours.
func (s *Sheet) Paint(code, text string) string {
	if !s.Colour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// PaintVerdict gives text the colour of a verdict.
func (s *Sheet) PaintVerdict(v reports.Verdict, text string) string {
	switch v {
	case reports.Conformant:
		return s.Paint(Green, text)
	case reports.Nonconformant:
		return s.Paint(Red, text)
	case reports.Inconclusive, reports.NotRun, reports.KnownDeviation:
		return s.Paint(Yellow, text)
	default:
		return s.Paint(Faint, text)
	}
}

// Quote writes a message as it is, indented.
func (s *Sheet) Quote(message string) {
	s.Line("")
	for line := range strings.Lines(strings.TrimRight(wording.Clean(message), "\n") + "\n") {
		if line = strings.TrimRight(line, "\n"); line == "" {
			s.Line("")
			continue
		}
		s.Line("    %s", line)
	}
}
