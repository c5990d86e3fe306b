package progress

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/podproof/podproof/reports"
)

// step is a running step of a Console; its fields belong to the Console's mutex.
type step struct {
	console  *Console
	name     string
	estimate time.Duration
	began    time.Time
	detail   string
	ended    bool
}

// begin announces a step. Without a live line only one that takes long by itself is
// worth a line at its start.
func (c *Console) begin(name string, estimate time.Duration) *step {
	s := &step{console: c, name: name, estimate: estimate, began: time.Now()}
	c.steps = append(c.steps, s)
	if !c.live && estimate >= c.heartbeat {
		c.say(fmt.Sprintf("%s: started, usually takes %s", oneLine(name), rough(estimate)))
	}
	c.redraw()
	return s
}

// Update replaces the detail of the live line and of heartbeats.
func (s *step) Update(detail string) {
	s.console.mu.Lock()
	defer s.console.mu.Unlock()
	s.detail = detail
	s.console.redraw()
}

// Done ends the step well.
func (s *step) Done(note string) {
	s.console.mu.Lock()
	defer s.console.mu.Unlock()
	s.console.end(s, note, nil)
}

// Fail ends the step badly.
func (s *step) Fail(err error) {
	s.console.mu.Lock()
	defer s.console.mu.Unlock()
	s.console.end(s, "", err)
}

// end records the time of a step and writes its line. A second end, for instance a
// deferred Fail after Done, says nothing.
func (c *Console) end(s *step, note string, err error) {
	if s.ended {
		return
	}
	s.ended = true
	c.steps = slices.DeleteFunc(c.steps, func(other *step) bool { return other == s })
	seconds := time.Since(s.began).Seconds()
	timing := reports.Timing{Step: s.name, Seconds: seconds, Note: note}
	word, text := c.paint(green, "done"), note
	if err != nil {
		word, text, timing.Error = c.paint(red, "FAIL"), err.Error(), err.Error()
	}
	c.timings = append(c.timings, timing)
	line := fmt.Sprintf("%s  %7s  %s", word, brief(seconds), oneLine(s.name))
	// The rest of an error that has several lines is in the timing; whoever ends the
	// program says it in full.
	first, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if text = oneLine(first); text != "" {
		line += ": " + text
	}
	c.say(line)
}

// doing says how far the step is: "cluster 12 s, about 18 s left: waiting for node 2".
func (s *step) doing() string {
	elapsed := time.Since(s.began)
	text := oneLine(s.name) + " " + rough(elapsed)
	switch left := s.estimate - elapsed; {
	case s.estimate == 0:
	case left > 0:
		text += fmt.Sprintf(", about %s left", rough(left))
	default:
		text += fmt.Sprintf(", usually takes %s", rough(s.estimate))
	}
	if s.detail != "" {
		text += ": " + oneLine(s.detail)
	}
	return text
}

// Terminal colours (SGR codes).
const (
	faint = "2"
	red   = "31"
	green = "32"
)

func (c *Console) paint(code, text string) string {
	if !c.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// brief writes seconds for people: "0.4 s", "12.3 s", "17m02s".
func brief(seconds float64) string {
	if seconds < 59.95 {
		return fmt.Sprintf("%.1f s", seconds)
	}
	d := time.Duration(seconds * float64(time.Second)).Round(time.Second)
	return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
}

// rough writes a duration in whole seconds: "12 s", "17m02s".
func rough(d time.Duration) string {
	d = d.Round(time.Second)
	if d < time.Minute {
		return fmt.Sprintf("%d s", int(d.Seconds()))
	}
	return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
}

// oneLine makes one line of text, which may have line ends.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// fit cuts text off so that it takes at most width characters.
func fit(text string, width int) string {
	if width < 1 || utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:width-1]) + "…"
}
