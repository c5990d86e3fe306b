package backoff

import (
	"fmt"
	"slices"
	"time"
)

// The kubelet's back-off for containers that end: base, factor 2 and cap.
// Source: pkg/kubelet/kubelet.go (backOffPeriod, MaxCrashLoopBackOff),
// client-go/util/flowcontrol/backoff.go.
const (
	base    = 10 * time.Second
	ceiling = 300 * time.Second
)

const (
	// early is how much sooner than the documented delay a restart may look:
	// the kubelet counts from the time of the exit as the runtime noted it,
	// the witness writes its last line a moment before that. It is never
	// widened: a shorter back-off is the very thing to be found.
	early = 100 * time.Millisecond
	// soon is the limit for the first restart, which has no delay: the
	// kubelet notices an exit within a second or so, and starts a container
	// in about one. 10 s, what the article says, is far above it.
	soon = 5 * time.Second
	// slack is for noticing the exit, for the kubelet's work queue, which is
	// looked at each second, and for starting a container on a busy machine.
	slack = 8 * time.Second
)

// step is one restart of the ladder.
type step struct {
	restart    int           // from 1
	documented time.Duration // the delay before it
	least      time.Duration // the shortest that was measured
	gaps       []time.Duration
}

// documented is the delay before the given restart, from 1: none, then 10 s,
// doubled each time, at most 300 s.
func documented(restart int) time.Duration {
	if restart <= 1 {
		return 0
	}
	delay := base
	for range restart - 2 {
		delay = min(2*delay, ceiling)
	}
	return delay
}

// bounds are what the time from an exit to the next start may be. The lower
// one is strict. The upper one follows from when the kubelet looks again:
// up to 1.34 each 10 s with a jitter of 50 %, so 15 s late at most; from 1.35
// after min(remaining, 60 s) with a jitter of 50 %, so half of that late. The
// greater of the two serves all versions.
// Source: pkg/kubelet/pod_workers.go (completeWork).
func bounds(restart int) (lower, upper time.Duration) {
	d := documented(restart)
	if d == 0 {
		return 0, soon
	}
	late := max(15*time.Second, min(d, 60*time.Second)/2)
	return d - early, d + late + slack
}

// judge compares the gaps of several containers that crash side by side with
// the documented ladder. Every single gap has to keep the lower bound; the
// shortest of each step has to keep the upper one, since a busy machine can
// delay a container, but not all of them by so much. It returns the restarts
// from the first to the last one asked for, and the first thing that is wrong.
func judge(containers [][]time.Duration, first, last int) ([]step, error) {
	var steps []step
	for n := first; n <= last; n++ {
		s := step{restart: n, documented: documented(n)}
		for i, gaps := range containers {
			if len(gaps) < n {
				return steps, fmt.Errorf("container %d was restarted %d times, not %d", i+1, len(gaps), last)
			}
			s.gaps = append(s.gaps, gaps[n-1])
		}
		if len(s.gaps) == 0 {
			return steps, fmt.Errorf("no container was measured")
		}
		s.least = slices.Min(s.gaps)
		steps = append(steps, s)
	}
	for _, s := range steps {
		if err := s.check(); err != nil {
			return steps, err
		}
	}
	return steps, nil
}

func (s step) check() error {
	lower, upper := bounds(s.restart)
	switch {
	case s.least < lower:
		return fmt.Errorf("restart %d came %.1f s after the exit, but the back-off before it is documented as %.0f s", s.restart, s.least.Seconds(), s.documented.Seconds())
	case s.least > upper:
		return fmt.Errorf("restart %d came %.1f s after the exit at the earliest, but the back-off before it is documented as %.0f s, and no kubelet needs more than %.0f s in all", s.restart, s.least.Seconds(), s.documented.Seconds(), upper.Seconds())
	}
	return nil
}
