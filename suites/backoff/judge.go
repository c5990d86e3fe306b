package backoff

import (
	"fmt"
	"slices"
	"time"

	"github.com/podproof/podproof/reports"
	"k8s.io/apimachinery/pkg/util/version"
)

// The kubelet's back-off for containers that end: base, factor 2 and cap.
// Source: pkg/kubelet/kubelet.go (initialCrashLoopBackOff, MaxCrashLoopBackOff),
// client-go/util/flowcontrol/backoff.go (Next).
const (
	base    = 10 * time.Second
	ceiling = 300 * time.Second
)

const (
	// early is how much sooner than the documented delay a restart may seem to
	// come: the kubelet counts from the exit time that the runtime recorded, and
	// the witness writes its last line a moment before that. It is never widened,
	// because a shorter back-off is exactly what must be found.
	early = 100 * time.Millisecond
	// atOnce is the limit for a restart without a delay. Such a restart takes a
	// second or two, and ten times that on a very busy machine. The limit has to
	// distinguish it from the shortest delay.
	atOnce = base - early
	// slack is the time for noticing the exit, for the kubelet's work queue, which
	// is checked each second, and for starting a container, on a busy machine.
	// For a long delay, a tenth of it costs nothing.
	slack = 15 * time.Second
	// leastSlack is how far slack may shrink if that helps to find a delay that
	// is twice as long as it should be.
	leastSlack = 5 * time.Second
	// unreported is how long a restart may stay invisible in the API. A container
	// is watched that much beyond the longest delay before it counts as late.
	unreported = 15 * time.Second
)

// documented is the delay before the given restart, from 1: none, then 10 s, then
// doubled each time up to 300 s.
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

// lateness is how long after the end of a delay a kubelet of this version may
// check again. Up to 1.34 it checks every 10 s with a jitter of 50 %, whatever the
// delay. From 1.35 on it checks after the rest of the delay, but after at most 60 s,
// with a jitter of 50 %. For an unknown version it is the longer of the two.
// Source: pkg/kubelet/pod_workers.go (completeWork).
func lateness(kubelet string, delay time.Duration) time.Duration {
	ticks, sleeps := 15*time.Second, min(delay, 60*time.Second)/2
	v, err := version.ParseGeneric(kubelet)
	switch {
	case err != nil:
		return max(ticks, sleeps)
	case v.LessThan(version.MajorMinor(1, 35)):
		return ticks
	}
	return sleeps
}

// rung is the required time from an exit to the next start at one restart of the
// ladder.
type rung struct {
	restart      int           // from 1
	documented   time.Duration // the delay before it
	lower, upper time.Duration
}

// after is the rung of a restart after a delay, on a kubelet of the version. The
// lower bound is strict.
func after(delay time.Duration, restart int, kubelet string) rung {
	if delay == 0 {
		return rung{restart: restart, upper: atOnce}
	}
	latest := delay + lateness(kubelet, delay)
	upper := latest + max(slack, delay/10)
	if twice := 2*delay - early; latest+leastSlack <= twice {
		upper = min(upper, twice)
	}
	return rung{restart, delay, delay - early, upper}
}

// rungs are the rungs of the documented ladder from one restart to another.
func rungs(first, last int, kubelet string) []rung {
	var all []rung
	for n := first; n <= last; n++ {
		all = append(all, after(documented(n), n, kubelet))
	}
	return all
}

// course is what a container has gone through so far.
type course struct {
	// gaps are the times from each exit to the next start, by the container's own
	// clock.
	gaps []time.Duration
	// began are the times from each exit until the kubelet began the next start, -1 where
	// that is not known. Only upper bounds are about them.
	began []time.Duration
	// waited is how long it has waited for its next restart, at the least.
	waited time.Duration
}

// atMost is how long the delay before a restart was at most: the time to the next start or,
// where the node took its time for that, until the kubelet began it.
func (c course) atMost(restart int) time.Duration {
	gap := c.gaps[restart-1]
	if len(c.began) >= restart && c.began[restart-1] >= 0 {
		gap = min(gap, c.began[restart-1])
	}
	return gap
}

// step is the rung for the record, with the measured value of every container that
// got that far.
func (r rung) step(courses []course) reports.Step {
	s := reports.Step{Number: r.restart, Documented: r.documented.Seconds(), Low: r.lower.Seconds(), High: r.upper.Seconds()}
	for _, c := range courses {
		if len(c.gaps) >= r.restart {
			s.Measured = append(s.Measured, c.gaps[r.restart-1].Seconds())
		}
	}
	return s
}

// tooLate is what judge returns when an upper bound is broken.
type tooLate struct{ error }

// judge checks the courses of containers that crash side by side against the
// rungs, as far as they have come, and returns the first fault. Every single gap
// has to keep the lower bound. Only the shortest gap of each rung has to keep the
// upper one, because a busy machine can delay one container, but hardly all of
// them. So a rung is late when it is late for every container, whether that has
// restarted by now or still waits.
func judge(want []rung, containers []course) error {
	for _, r := range want {
		for _, c := range containers {
			if len(c.gaps) >= r.restart && c.gaps[r.restart-1] < r.lower {
				return fmt.Errorf("restart %d came %.1f s after the exit, but its documented back-off is %.0f s", r.restart, c.gaps[r.restart-1].Seconds(), r.documented.Seconds())
			}
		}
		var least []time.Duration
		late := 0
		for _, c := range containers {
			switch {
			case len(c.gaps) >= r.restart:
				least = append(least, c.gaps[r.restart-1])
				if c.atMost(r.restart) > r.upper {
					late++
				}
			case len(c.gaps) == r.restart-1 && c.waited > r.upper+unreported:
				least = append(least, c.waited)
				late++
			}
		}
		if late > 0 && late == len(containers) {
			if r.documented == 0 {
				return tooLate{fmt.Errorf("restart %d did not come within %.1f s of the exit, but it must come at once, and no machine needs more than %.1f s for that", r.restart, slices.Min(least).Seconds(), r.upper.Seconds())}
			}
			return tooLate{fmt.Errorf("restart %d did not come within %.1f s of the exit, but its documented back-off is %.0f s, and no kubelet of this version needs more than %.1f s in all", r.restart, slices.Min(least).Seconds(), r.documented.Seconds(), r.upper.Seconds())}
		}
	}
	return nil
}

// shortest is the shortest gap before a restart, and the container that had it. It
// is false when one of the containers has not got that far.
func shortest(restart int, containers []course) (gap time.Duration, container int, ok bool) {
	for i, c := range containers {
		if len(c.gaps) < restart {
			return 0, 0, false
		}
		if g := c.gaps[restart-1]; i == 0 || g < gap {
			gap, container = g, i
		}
	}
	return gap, container, len(containers) > 0
}
