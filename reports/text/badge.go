package text

import (
	"bytes"
	"fmt"
	"html"
	"strings"
	"unicode/utf8"

	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/internal/wording"
)

// Badge renders the verdict as a small SVG image. It says in words what the colour
// says, and names what it does not cover, so that a green one promises no more than
// the run has shown.
func Badge(r reports.Record) []byte {
	label := "Pods"
	if r.Cluster != nil && r.Cluster.ServerVersion != "" {
		label += " on " + r.Cluster.ServerVersion
	}
	word, verdict := r.Headline()
	word = strings.ToLower(word)
	switch {
	case len(r.Run.Filters) > 0:
		selected := r.Summary.Claims - r.Summary.NotSelected
		word += fmt.Sprintf(" (%d of %s)", selected, wording.Plural(r.Summary.Claims, "claim"))
	case r.Run.Profile != "" && r.Run.Profile != "full":
		word += " (" + r.Run.Profile + ")"
	}
	// White text has a contrast of more than 4.5 on each of these.
	colour := "#57606a"
	switch verdict {
	case reports.Conformant:
		colour = "#1a7f37"
	case reports.Nonconformant:
		colour = "#b42318"
	case reports.Inconclusive, reports.NotRun:
		colour = "#8a5a00"
	}
	const height, margin, perRune = 20, 7, 6.5
	width := func(text string) int { return int(perRune*float64(utf8.RuneCountInString(text))) + 2*margin }
	left, right := width(label), width(word)
	label, word = html.EscapeString(wording.Clean(label)), html.EscapeString(wording.Clean(word))
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" role="img" aria-label="%s: %s">
<title>podproof, %s: %s</title>
<rect width="%d" height="%d" fill="#24292f"/>
<rect x="%d" width="%d" height="%d" fill="%s"/>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
<text x="%d" y="14" textLength="%d" lengthAdjust="spacingAndGlyphs">%s</text>
<text x="%d" y="14" textLength="%d" lengthAdjust="spacingAndGlyphs">%s</text>
</g>
</svg>
`, left+right, height, label, word, label, word, left, height, left, right, height, colour,
		margin, left-2*margin, label, left+margin, right-2*margin, word)
	return out.Bytes()
}
