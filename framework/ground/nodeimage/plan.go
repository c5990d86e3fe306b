package nodeimage

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Lanes of a build. What is in one lane runs one after the other. The compiler
// keeps every core busy, so compiling is one lane; beside it run what waits for
// the network and disk. The last lane begins when the others are through.
const (
	laneCompile  = "compile"
	laneSystem   = "system"
	laneAssemble = "assemble"
)

// plan knows the steps of a build and estimates what is left of it.
type plan struct {
	mu    sync.Mutex
	steps []*planStep
	now   func() time.Time
}

// effort is what a step takes: its time, and for compiling the packages that
// are compiled in that time.
type effort struct {
	Seconds  float64 `json:"seconds"`
	Packages int     `json:"packages,omitempty"`
}

func (e effort) duration() time.Duration {
	return time.Duration(e.Seconds * float64(time.Second)).Round(time.Second)
}

type planStep struct {
	plan     *plan
	name     string
	key      string // under which timings know the step
	lane     string
	usual    effort
	packages int // to compile, once that is known
	compiled int
	started  time.Time
	done     bool
}

func (p *plan) add(lane, key, name string, usual effort) *planStep {
	s := &planStep{plan: p, name: name, key: key, lane: lane, usual: usual}
	p.steps = append(p.steps, s)
	return s
}

func (s *planStep) start() {
	s.plan.mu.Lock()
	defer s.plan.mu.Unlock()
	s.started = s.plan.now()
}

func (s *planStep) finish() {
	s.plan.mu.Lock()
	defer s.plan.mu.Unlock()
	s.done = true
}

// progress says how many of the packages that Go's build cache lacks are
// compiled.
func (s *planStep) progress(compiled, packages int) {
	s.plan.mu.Lock()
	defer s.plan.mu.Unlock()
	s.compiled, s.packages = compiled, packages
}

// expected is what the whole step takes. When only few packages are left to
// compile it is less than usual, though linking takes its time even then.
func (s *planStep) expected() time.Duration {
	usual := s.usual.duration()
	if s.packages == 0 || s.usual.Packages == 0 {
		return usual
	}
	share := float64(s.packages) / float64(s.usual.Packages)
	return time.Duration(float64(usual) * max(0.05, share))
}

// left is what the step still takes, as far as anybody can tell.
func (s *planStep) left() time.Duration {
	expected := s.expected()
	switch {
	case s.done:
		return 0
	case s.started.IsZero():
		return expected
	}
	elapsed := s.plan.now().Sub(s.started)
	left := expected - elapsed
	if s.compiled > 0 && s.compiled >= s.packages/10 {
		// This machine's own pace, and the linking that comes after the last
		// package.
		left = elapsed*time.Duration(s.packages-s.compiled)/time.Duration(s.compiled) + expected/10
	}
	// A step that takes longer than usual is nearly done, for all we know.
	return max(left, expected/20)
}

// left is what the whole build still takes: the longest of the lanes that run
// beside each other, and then the last one.
func (p *plan) left() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	lanes := make(map[string]time.Duration)
	for _, s := range p.steps {
		lanes[s.lane] += s.left()
	}
	return max(lanes[laneCompile], lanes[laneSystem]) + lanes[laneAssemble]
}

// leftText says in words what is left, in steps that do not jump about.
func (p *plan) leftText() string { return "about " + roughly(p.left()) + " left of the node image" }

// roughly rounds a time to what an estimate is good for.
func roughly(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return "10s"
	case d < 90*time.Second:
		return d.Round(10 * time.Second).String()
	}
	d = d.Round(30 * time.Second)
	if s := d % time.Minute; s != 0 {
		return fmt.Sprintf("%dm%ds", d/time.Minute, s/time.Second)
	}
	return fmt.Sprintf("%dm", d/time.Minute)
}

// timings remembers what each step took in earlier builds.
type timings struct {
	mu   sync.Mutex
	file string
	took map[string]effort
}

func loadTimings(dir string) *timings {
	t := &timings{file: filepath.Join(dir, "timings.json"), took: make(map[string]effort)}
	if data, err := os.ReadFile(t.file); err == nil {
		// A file that cannot be read only costs better estimates.
		if json.Unmarshal(data, &t.took) != nil || t.took == nil {
			t.took = make(map[string]effort)
		}
	}
	return t
}

// estimate is what the step took in an earlier build, or else the usual.
func (t *timings) estimate(key string, usual effort) effort {
	t.mu.Lock()
	defer t.mu.Unlock()
	if took, known := t.took[key]; known {
		return took
	}
	return usual
}

// record remembers what a step took, unless it had much less to compile than
// the estimate is made for: linking alone would spoil it.
func (t *timings) record(key string, took, estimate effort) error {
	if estimate.Packages > 2*took.Packages {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.took[key] = took
	data, err := json.MarshalIndent(t.took, "", "  ")
	if err != nil {
		return err
	}
	return writeFileAtomic(t.file, append(data, '\n'))
}
