package build

import (
	"fmt"
	"sync"
	"time"
)

// Lanes of a build. The steps of a lane run one after the other. The compiler keeps
// every core busy, so compiling is one lane; the steps that wait for network and disk
// run beside it. The last lane begins when the others are done.
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

// effort is the time that a step takes and, for compiling, the number of packages that
// are compiled in that time.
type effort struct {
	Seconds  float64 `json:"seconds"`
	Packages int     `json:"packages,omitempty"`
}

func (e effort) duration() time.Duration {
	return time.Duration(e.Seconds * float64(time.Second)).Round(time.Second)
}

// usualCompile is the effort of compiling each component on two cores, when Go's build
// cache has only what the components before it left there.
var usualCompile = map[string]effort{
	"kubernetes":  {470, 2862},
	"coredns":     {114, 1200},
	"containerd":  {58, 1000},
	"etcd":        {27, 300},
	"runc":        {12, 70},
	"cni-plugins": {5, 60},
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

// progress notes how many of the packages that are missing in Go's build cache are
// compiled.
func (s *planStep) progress(compiled, packages int) {
	s.plan.mu.Lock()
	defer s.plan.mu.Unlock()
	s.compiled, s.packages = compiled, packages
}

// expected is the time of the whole step. It is less than usual when only few packages
// have to be compiled, but linking still takes its time.
func (s *planStep) expected() time.Duration {
	usual := s.usual.duration()
	if s.packages == 0 || s.usual.Packages == 0 {
		return usual
	}
	share := float64(s.packages) / float64(s.usual.Packages)
	return time.Duration(float64(usual) * max(0.05, share))
}

// left estimates the time that the step still takes.
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
		// The pace of this machine, and linking after the last package.
		left = elapsed*time.Duration(s.packages-s.compiled)/time.Duration(s.compiled) + expected/10
	}
	// A step that takes longer than usual is taken to be nearly done.
	return max(left, expected/20)
}

// left estimates the time that the whole build still takes: the longest of the lanes
// that run beside each other, and then the last one.
func (p *plan) left() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	lanes := make(map[string]time.Duration)
	for _, s := range p.steps {
		lanes[s.lane] += s.left()
	}
	return max(lanes[laneCompile], lanes[laneSystem]) + lanes[laneAssemble]
}

// leftText is the estimate in words.
func (p *plan) leftText() string {
	return "about " + roughly(p.left()) + " until the node image is built"
}

// roughly rounds an estimate, so that it is not more exact than it can be and does not
// change with every line.
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
