package progress

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/podproof/podproof/reports"
)

// Options say how a Console shows what it is told. The zero value fits most.
type Options struct {
	// Heartbeat is after how much silence a line says what is going on, where there is
	// no live line; 30 s when 0.
	Heartbeat time.Duration
	// Plain keeps the Console from using a live line and colours on a terminal.
	Plain bool
}

const (
	defaultHeartbeat = 30 * time.Second
	liveInterval     = 125 * time.Millisecond
)

// Console is a Log for people. On a terminal it has one live line at the bottom, with
// what runs and what is left. Elsewhere (also on a terminal with CI=true, or TERM=dumb)
// it writes a line for each finished step and spec, and says what runs when it has been
// silent for a while. It is safe for use from several goroutines.
type Console struct {
	out       io.Writer
	live      bool
	colour    bool
	width     func() int // of the terminal, in characters
	heartbeat time.Duration

	mu       sync.Mutex
	steps    []*step // running, in the order of their start
	timings  []reports.Timing
	specs    []runningSpec // in the order of their start
	done     int
	total    int
	failed   int
	frame    int
	lastLine time.Time // when a permanent line was last written
	shown    bool      // the live line is on the screen

	stop    chan struct{}
	closing sync.Once
	ticking sync.WaitGroup
}

type runningSpec struct {
	text    string
	process int
	since   time.Time
}

// NewConsole makes a Console that writes to out; Close ends it. It has a live line when
// out is a terminal, and colours unless NO_COLOR is set.
func NewConsole(out io.Writer, opts Options) *Console {
	c := &Console{out: out, width: func() int { return 80 }}
	if file, ok := out.(*os.File); ok && !opts.Plain && term.IsTerminal(int(file.Fd())) {
		c.live = os.Getenv("CI") != "true" && os.Getenv("TERM") != "dumb"
		c.colour = c.live && os.Getenv("NO_COLOR") == ""
		c.width = func() int {
			width, _, err := term.GetSize(int(file.Fd()))
			if err != nil || width <= 0 {
				return 80
			}
			return width
		}
	}
	return c.start(opts)
}

func (c *Console) start(opts Options) *Console {
	c.heartbeat = cmp.Or(opts.Heartbeat, defaultHeartbeat)
	c.lastLine = time.Now()
	c.stop = make(chan struct{})
	c.ticking.Go(c.tick)
	return c
}

// Colour reports whether colours are welcome where the Console writes to.
func (c *Console) Colour() bool { return c.colour }

// Close ends the Console and erases the live line; later calls write plain lines.
func (c *Console) Close() {
	c.closing.Do(func() { close(c.stop) })
	c.ticking.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.erase()
	c.live = false
}

// Timings returns what the finished steps took, in the order in which they ended.
func (c *Console) Timings() []reports.Timing {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.timings)
}

// Info writes one line.
func (c *Console) Info(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.say(fmt.Sprintf(format, args...))
}

// Step announces a step.
func (c *Console) Step(name string, estimate time.Duration) Step {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.begin(name, estimate)
}

// Event shows what happened in another process of the run.
func (c *Console) Event(e Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch e.Kind {
	case SpecsTotal: // the specs begin, maybe not for the first time
		c.total, c.done, c.failed, c.specs = e.Total, 0, 0, nil
	case SpecStart:
		c.specs = append(c.specs, runningSpec{e.Text, e.Process, time.Now()})
	case SpecDone:
		c.specDone(e)
	}
	c.redraw()
}

func (c *Console) specDone(e Event) {
	c.specs = slices.DeleteFunc(c.specs, func(s runningSpec) bool { return s.text == e.Text && s.process == e.Process })
	c.done++
	word, code := e.State, green
	switch e.State {
	case "passed":
	case "skipped", "known deviation":
		code = faint
	default:
		word, code = strings.ToUpper(e.State), red
		c.failed++
	}
	line := fmt.Sprintf("%s  %s  %7s  %s", c.count(), c.paint(code, fmt.Sprintf("%-7s", word)), brief(e.Seconds), oneLine(e.Text))
	if len(e.Claims) > 0 {
		line += c.paint(faint, "  "+strings.Join(e.Claims, " "))
	}
	c.say(line)
}

// count is how many specs are done, of how many where that is known.
func (c *Console) count() string {
	if c.total == 0 {
		return fmt.Sprint(c.done)
	}
	return fmt.Sprintf("%*d/%d", len(fmt.Sprint(c.total)), c.done, c.total)
}

// tick draws the live line, or says that all is well when nothing else was said.
func (c *Console) tick() {
	interval := c.heartbeat
	if c.live {
		interval = liveInterval
	}
	timer := time.NewTimer(interval)
	defer timer.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-timer.C:
		}
		c.mu.Lock()
		next := liveInterval
		if c.live {
			c.frame++
			c.redraw()
		} else {
			next = c.beat()
		}
		c.mu.Unlock()
		timer.Reset(next)
	}
}

// beat writes the heartbeat line when it is due and returns when to look again.
func (c *Console) beat() time.Duration {
	if rest := c.heartbeat - time.Since(c.lastLine); rest > 0 {
		return rest
	}
	if what := c.doing(); what != "" {
		c.say("still at it: " + what)
	}
	return c.heartbeat
}

// doing says what runs, "" when nothing does.
func (c *Console) doing() string {
	var all []string
	for _, s := range c.steps {
		all = append(all, s.doing())
	}
	if len(c.specs) > 0 || c.done < c.total {
		text := "specs " + strings.TrimSpace(c.count()) + " done"
		if c.failed > 0 {
			text += fmt.Sprintf(", %d failed", c.failed)
		}
		if len(c.specs) > 0 {
			var running []string
			for _, s := range c.specs {
				running = append(running, fmt.Sprintf("%s (%s)", oneLine(s.text), rough(time.Since(s.since))))
			}
			text += fmt.Sprintf(", %d running: %s", len(c.specs), strings.Join(running, ", "))
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

// say writes a permanent line above the live one.
func (c *Console) say(line string) {
	c.erase()
	// Nothing can be done about a terminal that is gone; the record has it all.
	_, _ = fmt.Fprintln(c.out, strings.TrimRight(line, "\n"))
	c.lastLine = time.Now()
	c.redraw()
}

// erase takes the live line off the screen.
func (c *Console) erase() {
	if c.shown {
		_, _ = io.WriteString(c.out, "\r\x1b[K")
		c.shown = false
	}
}

// redraw puts the live line, as it is now, on the screen.
func (c *Console) redraw() {
	if !c.live {
		return
	}
	what := c.doing()
	if what == "" {
		c.erase()
		return
	}
	spinner := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
	line := fit(string(spinner[c.frame%len(spinner)])+" "+what, c.width()-1)
	_, _ = io.WriteString(c.out, "\r\x1b[K"+line)
	c.shown = true
}
