package page

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/podproof/podproof/reports"
)

// ladder are the steps that a spec measured, the lowest first, each once although
// the spec may prove several claims by it.
func ladder(measured []reports.Measurement) []reports.Step {
	var all []reports.Step
	for _, m := range measured {
		if m.Step != nil && !slices.ContainsFunc(all, func(s reports.Step) bool { return s.Number == m.Step.Number }) {
			all = append(all, *m.Step)
		}
	}
	slices.SortStableFunc(all, func(a, b reports.Step) int { return a.Number - b.Number })
	return all
}

const (
	stairTop    = 14
	stairHeight = 150
)

// staircase draws a ladder of delays: the documented steps as a line, the band in
// which a delay counts as documented around it, and every measured delay as a dot.
func staircase(all []reports.Step) template.HTML {
	highest := 1.0
	for _, s := range all {
		highest = max(highest, s.High)
		for _, m := range s.Measured {
			highest = max(highest, m)
		}
	}
	p := newPicture()
	p.height = stairTop + stairHeight
	y := func(seconds float64) int { return p.height - int(seconds/highest*stairHeight) }
	step := stepFor(highest)
	for at := 0.0; at <= highest; at += step {
		p.line("grid", []point{{0, y(at)}, {1, y(at)}})
		p.label(y(at)+4, tickText(at, step))
	}
	var line []point
	var words []string
	for i, s := range all {
		from, to := float64(i)/float64(len(all)), float64(i+1)/float64(len(all))
		p.line("band", []point{{from, y(s.Low)}, {to, y(s.Low)}, {to, y(s.High)}, {from, y(s.High)}})
		line = append(line, point{from, y(s.Documented)}, point{to, y(s.Documented)})
		var measured []string
		for n, m := range s.Measured {
			x := from + (to-from)*float64(n+1)/float64(len(s.Measured)+1)
			class := "dot"
			// Every delay has to be long enough, and the shortest one short enough.
			if m < s.Low || m > s.High && m == slices.Min(s.Measured) {
				class = "out"
			}
			p.dot(class, x, y(m))
			measured = append(measured, fmt.Sprintf("%.1f s", m))
		}
		p.mark((from+to)/2, fmt.Sprintf("%d.", s.Number))
		words = append(words, fmt.Sprintf("restart %d: documented %g s, counts from %.1f s to %.1f s, measured %s",
			s.Number, s.Documented, max(0, s.Low), s.High, strings.Join(measured, ", ")))
	}
	p.line("stair", line)
	p.height += axisHeight
	return p.svg("Delay before each restart. " + strings.Join(words, "; "))
}
