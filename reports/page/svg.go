package page

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// picture is an SVG picture that is as wide as its place in the page, on a phone and
// on paper. Its lines are drawn on a thousand units that are stretched to that width;
// its texts and dots are placed in per cent, and keep their size. Lines of one class
// are one path, so that a picture has few elements. All x are from 0 to 1, all y in
// pixels from the top.
type picture struct {
	height  int
	classes []string
	paths   map[string]*strings.Builder
	dots    strings.Builder
	texts   map[string]*strings.Builder // by their class
	taken   map[int]float64             // by y of a text, up to which x there is one
}

func newPicture() *picture {
	return &picture{paths: map[string]*strings.Builder{}, texts: map[string]*strings.Builder{}, taken: map[int]float64{}}
}

func (p *picture) path(class string) *strings.Builder {
	b := p.paths[class]
	if b == nil {
		b = &strings.Builder{}
		p.paths[class] = b
		p.classes = append(p.classes, class)
	}
	return b
}

// units is x on the thousand units.
func units(x float64) int { return int(math.Round(min(1, max(0, x)) * 1000)) }

// bar is a line along the time axis; however short, it can be seen.
func (p *picture) bar(class string, from, to float64, y int) {
	a, b := units(from), max(units(to), units(from)+3)
	fmt.Fprintf(p.path(class), "M%d,%dH%d", a, y, b)
}

// tick is a line across the time axis.
func (p *picture) tick(class string, x float64, top, bottom int) {
	fmt.Fprintf(p.path(class), "M%d,%dv%d", units(x), top, bottom-top)
}

// point is a place in a picture.
type point struct {
	x float64
	y int
}

// line connects points; an area is a line that its class fills.
func (p *picture) line(class string, points []point) {
	for i, at := range points {
		command := "L"
		if i == 0 {
			command = "M"
		}
		fmt.Fprintf(p.path(class), "%s%d,%d", command, units(at.x), at.y)
	}
}

func (p *picture) dot(class string, x float64, y int) {
	fmt.Fprintf(&p.dots, `<circle class=%s cx=%s cy=%d r=4 />`, class, percent(x), y)
}

// characterWidth is how much of the narrowest picture (a phone) a character takes.
const characterWidth = 0.023

// text writes beside the point if that is free, and tells whether it did. What has no
// room is also said in the words below a picture.
func (p *picture) text(x float64, y int, text string) bool {
	width := float64(utf8.RuneCountInString(text)) * characterWidth
	from, class := max(0, x), ""
	if from+width > 1 {
		if from, class = x-width, "z"; from < 0 {
			return false
		}
	}
	if until, some := p.taken[y]; some && from < until {
		return false
	}
	p.taken[y] = from + width + characterWidth
	p.write(class, fmt.Sprintf("x=%s y=%d", percent(x), y), text)
	return true
}

// write adds a text to those of its class.
func (p *picture) write(class, place, text string) {
	b := p.texts[class]
	if b == nil {
		b = &strings.Builder{}
		p.texts[class] = b
	}
	fmt.Fprintf(b, `<text %s>%s</text>`, place, html.EscapeString(text))
}

// mark writes a short text below the picture at the middle of its point.
func (p *picture) mark(x float64, text string) { p.write("m", "x="+percent(x), text) }

// longestLabel is how many characters fit beside a picture.
const longestLabel = 15

// label writes to the left of the picture, which the page leaves free.
func (p *picture) label(y int, text string) {
	p.write("n", fmt.Sprintf("y=%d", y), cut(text, longestLabel))
}

// title writes at the left edge, over the whole width.
func (p *picture) title(y int, text string) {
	p.write("o", fmt.Sprintf("y=%d", y), cut(text, 58))
}

// percent writes x without a sign more than it needs.
func percent(x float64) string {
	return strconv.FormatFloat(math.Round(min(1, max(0, x))*1000)/10, 'f', -1, 64) + "%"
}

// cut shortens a name that has no blanks to break it at.
func cut(text string, width int) string {
	if runes := []rune(text); len(runes) > width {
		return string(runes[:width-1]) + "…"
	}
	return text
}

// svg is the picture, with a description for those who do not see it.
func (p *picture) svg(description string) template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class=p height=%d role=img aria-label="%s"><svg viewBox="0 0 1000 %d" preserveAspectRatio=none>`,
		p.height, html.EscapeString(description), p.height)
	for _, class := range p.order() {
		fmt.Fprintf(&b, `<path class=%s d=%s />`, class, p.paths[class].String())
	}
	b.WriteString("</svg>" + p.dots.String())
	for _, class := range []string{"", "z", "n", "o", "m"} {
		switch texts := p.texts[class]; {
		case texts == nil:
		case class == "":
			b.WriteString(texts.String())
		case class == "m":
			fmt.Fprintf(&b, `<svg class=m y=%d>%s</svg>`, p.height-axisHeight+13, texts)
		default:
			fmt.Fprintf(&b, `<g class=%s>%s</g>`, class, texts)
		}
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// order puts grids and areas below everything else.
func (p *picture) order() []string {
	below := []string{"grid", "band"}
	sorted := slices.Clone(p.classes)
	slices.SortStableFunc(sorted, func(a, b string) int {
		place := func(class string) int {
			if i := slices.Index(below, class); i >= 0 {
				return i
			}
			return len(below)
		}
		return place(a) - place(b)
	})
	return sorted
}

// steps are the distances, in seconds, that the ticks of a time axis may have.
var steps = []float64{0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600}

// mostTicks is how many ticks an axis has beside that at zero.
const mostTicks = 4

// stepFor is the distance of the ticks of an axis over that many seconds.
func stepFor(span float64) float64 {
	for _, s := range steps {
		if span/s <= mostTicks {
			return s
		}
	}
	return math.Ceil(span/mostTicks/3600) * 3600
}

// tickText is the time at a tick, given the distance of the ticks.
func tickText(at, step float64) string {
	if at == 0 {
		return "0 s" // and not "-0 s"
	}
	if step >= 60 {
		return fmt.Sprintf("%g min", at/60)
	}
	return strconv.FormatFloat(math.Round(at*10)/10, 'f', -1, 64) + " s"
}
