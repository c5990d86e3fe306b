package page

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"

	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/internal/wording"
)

// axis is the time axis of a picture of one or more pods, in seconds from zero.
type axis struct{ from, to float64 }

func (a axis) x(at float64) float64 { return (at - a.from) / (a.to - a.from) }

// Heights of what a picture of pods consists of, in pixels.
const (
	titleHeight = 18
	laneHeight  = 15
	textHeight  = 11 // more, for lanes with texts above their bars
	axisHeight  = 18
)

// storyPicture draws the pods of a spec, each with its outside view above its inside
// view, all on one time axis that begins with the first of them. What is said in words
// is longer when it is to be full.
func storyPicture(pods []reports.Timeline, full bool) template.HTML {
	zero := pods[0].Started
	for _, t := range pods {
		if t.Started.Before(zero) {
			zero = t.Started
		}
	}
	a := axis{0, 0.1}
	for _, t := range pods {
		a.to = max(a.to, t.Started.Sub(zero).Seconds()+t.Seconds)
	}
	p := newPicture()
	for _, t := range pods {
		d := drawing{p, a, t.Started.Sub(zero).Seconds(), t.Seconds, false}
		if !full {
			t.Node = ""
		}
		d.pod(t, func(reports.Lane) bool { return true })
	}
	drawAxis(p, a)
	if full {
		return p.svg(describePods(pods, 600))
	}
	return p.svg(describePods(pods, 100))
}

// drawAxis puts the time axis below everything drawn so far.
func drawAxis(p *picture, a axis) {
	step := stepFor(a.to - a.from)
	for i := math.Ceil(a.from / step); i*step <= a.to; i++ {
		x := a.x(i * step)
		p.tick("grid", x, titleHeight, p.height)
		p.mark(x, tickText(i*step, step))
	}
	p.height += axisHeight
}

// drawing draws one pod.
type drawing struct {
	*picture
	axis
	offset   float64 // of the pod's own times on the axis
	seconds  float64 // how long the pod was looked at
	deletion bool    // the picture is about the pod's end
}

func (d drawing) pod(t reports.Timeline, wanted func(reports.Lane) bool) {
	title := t.Pod
	if t.Node != "" {
		title += " on " + t.Node
	}
	d.title(d.height+12, title)
	d.height += titleHeight
	for _, lane := range t.Outside {
		if wanted(lane) {
			d.lane(lane)
		}
	}
	if len(t.Inside) > 0 {
		d.bar("part", 0, 1, d.height+1)
		d.height += 3
	}
	for _, lane := range t.Inside {
		if wanted(lane) {
			d.lane(lane)
		}
	}
}

// lane draws one lane below what is there.
func (d drawing) lane(lane reports.Lane) {
	label := lane.Name
	switch lane.Kind {
	case reports.PhaseLane, reports.DeletionLane, reports.EventLane:
		label = string(lane.Kind)
	case reports.ProcessLane:
		label = "in " + lane.Name
	}
	texts := lane.Kind != reports.EventLane && lane.Kind != reports.ConditionLane
	if texts {
		d.height += textHeight
	}
	y := d.height + laneHeight/2
	d.label(y+4, label)
	switch lane.Kind {
	case reports.EventLane:
		for _, m := range lane.Moments {
			class := "ev"
			if m.Warning {
				class = "wa"
			}
			d.tickAt(class, m.At, y, 4)
		}
	case reports.ProcessLane:
		d.process(lane, y)
	case reports.DeletionLane:
		d.end(lane, y)
	default:
		d.spans(lane, y)
	}
	d.height += laneHeight
}

func (d drawing) at(seconds float64) float64 { return d.x(d.offset + seconds) }

// inSight tells whether a time is on the axis.
func (d drawing) inSight(seconds float64) bool {
	x := d.at(seconds)
	return x >= 0 && x <= 1
}

func (d drawing) tickAt(class string, seconds float64, y, half int) {
	if d.inSight(seconds) {
		d.tick(class, d.at(seconds), y-half, y+half)
	}
}

func (d drawing) textAt(seconds float64, y int, text string) {
	if text != "" && d.inSight(seconds) {
		d.text(d.at(seconds), y-7, text)
	}
}

// spans draws states that last.
func (d drawing) spans(lane reports.Lane, y int) {
	for i, m := range lane.Moments {
		end := d.seconds
		if i+1 < len(lane.Moments) {
			end = lane.Moments[i+1].At
		}
		if d.at(end) < 0 || d.at(m.At) > 1 {
			continue
		}
		class, text := d.look(lane.Kind, m)
		if class != "" {
			d.bar(class, d.at(m.At), d.at(end), y)
		}
		if class == "bad" {
			d.tickAt("die", m.At, y, 6) // the next instance may have come at once
		}
		d.textAt(m.At, y, text)
	}
}

// look is how a state is drawn, and what is written above it.
func (d drawing) look(kind reports.LaneKind, m reports.Moment) (class, text string) {
	switch {
	case kind == reports.PhaseLane:
		text = join2(m.State, m.Text)
		switch m.State {
		case "Pending":
			return "php", m.Text // every pod begins so
		case "Running":
			return "phr", text
		case "Succeeded":
			return "phs", text
		case "Failed":
			return "phf", text
		}
		return "phu", text
	case kind == reports.ConditionLane && m.State == "True":
		return "yes", ""
	case kind == reports.ConditionLane && m.State == "False":
		return "", "" // only what holds is drawn
	case kind == reports.ConditionLane:
		return "held", ""
	case m.State == reports.StateRunning:
		return "run", ""
	case m.State == reports.StateTerminated && m.Exit != nil:
		class, text = "bad", fmt.Sprintf("exit %d", *m.Exit)
		if *m.Exit == 0 {
			class = "good"
		}
		if d.deletion && *m.Exit == 137 {
			text = "SIGKILL" // 128 + 9
		}
		return class, text
	}
	reason, _, _ := strings.Cut(m.Text, ":")
	switch reason {
	case "ContainerCreating", "PodInitializing", "":
		return "wait", ""
	}
	return "held", reason
}

func join2(a, b string) string {
	if b == "" {
		return a
	}
	return a + " (" + b + ")"
}

// process draws the life of each process of a container with what reached it.
func (d drawing) process(lane reports.Lane, y int) {
	begun, alive := 0.0, false
	live := func(end float64) {
		if alive && d.at(end) >= 0 && d.at(begun) <= 1 {
			d.bar("in", d.at(begun), d.at(end), y)
		}
		alive = false
	}
	for i, m := range lane.Moments {
		if m.State == reports.ProcessStart || i == 0 {
			live(m.At)
			begun, alive = m.At, true
		}
		switch m.State {
		case reports.ProcessProbe:
			d.tickAt("pr", m.At, y, 3)
		case reports.ProcessSignal:
			d.tickAt("si", m.At, y, 6)
			d.textAt(m.At, y, m.Text)
		case reports.ProcessExit:
			live(m.At)
			if m.Exit != nil {
				d.textAt(m.At, y, fmt.Sprintf("exit %d", *m.Exit))
			}
		case reports.ProcessLast:
			live(m.At)
			d.textAt(m.At, y, "last sign")
		}
	}
	live(d.seconds)
}

// end draws the deletion of a pod, from the request until it is gone.
func (d drawing) end(lane reports.Lane, y int) {
	for i, m := range lane.Moments {
		end := d.seconds
		if i+1 < len(lane.Moments) {
			end = lane.Moments[i+1].At
		}
		if m.State != reports.DeletionGone {
			d.bar("del", d.at(m.At), d.at(end), y)
		}
		d.tickAt("si", m.At, y, 6)
		d.textAt(m.At, y, deletionText(m))
	}
}

func deletionText(m reports.Moment) string {
	if m.State != reports.DeletionGone && m.Grace != nil {
		return fmt.Sprintf("%s, grace %d s", m.State, *m.Grace)
	}
	return m.State
}

// describePods says in words what a picture shows, shortly.
func describePods(pods []reports.Timeline, most int) string {
	var parts []string
	for _, t := range pods {
		var lanes []string
		for _, lane := range t.Outside {
			if lane.Kind == reports.EventLane || lane.Kind == reports.ConditionLane {
				continue
			}
			var moments []string
			for _, m := range lane.Moments {
				if m.State == reports.StateWaiting || m.State == "Pending" {
					continue // how everything begins, and what comes between other states
				}
				text := m.State
				if m.Exit != nil {
					text = fmt.Sprintf("exit %d", *m.Exit)
				}
				moments = append(moments, fmt.Sprintf("%s %.1f s", text, m.At))
			}
			if n := len(moments); n > 5 {
				moments = append(moments[:5], fmt.Sprintf("%d more", n-5))
			}
			if len(moments) > 0 {
				lanes = append(lanes, strings.TrimSpace(string(lane.Kind)+" "+lane.Name)+": "+strings.Join(moments, ", "))
			}
		}
		parts = append(parts, "Pod "+t.Pod+", "+strings.Join(lanes, "; "))
	}
	return wording.Shorten(strings.Join(parts, ". "), most)
}

// Told is one line of a pod's story in words.
type Told struct {
	At   string
	View string // outside or inside
	Of   string
	What string
}

// tell is the whole story of a pod in words, in the order of time.
func tell(t reports.Timeline) []Told {
	type entry struct {
		at float64
		Told
	}
	var all []entry
	add := func(view string, lanes []reports.Lane) {
		for _, lane := range lanes {
			of := strings.TrimSpace(string(lane.Kind) + " " + lane.Name)
			for i, m := range lane.Moments {
				what := m.State
				if lane.Kind == reports.DeletionLane {
					what = deletionText(m)
				}
				if m.Exit != nil {
					what += fmt.Sprintf(", exit code %d", *m.Exit)
				}
				if m.Count > 1 {
					what += fmt.Sprintf(" (%d times)", m.Count)
				}
				if m.Text != "" {
					what += ": " + m.Text
				}
				if lane.LeftOut > 0 && i == len(lane.Moments)/2 {
					what = fmt.Sprintf("(%d left out before) ", lane.LeftOut) + what
				}
				all = append(all, entry{m.At, Told{fmt.Sprintf("%.3f s", m.At), view, of, wording.Clean(what)}})
			}
		}
	}
	add("outside", t.Outside)
	add("inside", t.Inside)
	slices.SortStableFunc(all, func(a, b entry) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
	told := make([]Told, len(all))
	for i, e := range all {
		told[i] = e.Told
	}
	return told
}
