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
	// early is how much sooner than the documented delay a restart may look:
	// the kubelet counts from the time of the exit as the runtime noted it,
	// the witness writes its last line a moment before that. It is never
	// widened: a shorter back-off is the very thing to be found.
	early = 100 * time.Millisecond
	// atOnce is the limit for a restart without a delay. It takes a second or
	// two, but ten times that where the machine is very busy; what it has to be
	// told from is the shortest delay that there is.
	atOnce = base - early
	// slack is for noticing the exit, for the kubelet's work queue, which is
	// looked at each second, and for starting a container, on a busy machine.
	// Where the delay is long, a tenth of it costs nothing.
	slack = 15 * time.Second
	// leastSlack is what it may be made where that helps to find a delay that
	// is twice as long as it should be.
	leastSlack = 5 * time.Second
	// unreported is how long a restart may have come without the API telling,
	// and so how much longer than the longest delay a container is watched
	// before it is said to be late.
	unreported = 15 * time.Second
)

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

// lateness is how much later than the end of a delay a kubelet of this version
// may look again. Up to 1.34 it looks each 10 s with a jitter of 50 %, whatever
// the delay; from 1.35 on after what is left of the delay, but no more than
// 60 s, with a jitter of 50 %. For a version that is not known it is the longer.
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

// rung is what the time from an exit to the next start has to be at one
// restart of the ladder.
type rung struct {
	restart      int           // from 1
	documented   time.Duration // the delay before it
	lower, upper time.Duration
}

// after is the rung of a restart that comes after a delay, on a kubelet of the
// version. The lower bound is strict.
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

// rungs are those of the documented ladder from one restart to another.
func rungs(first, last int, kubelet string) []rung {
	var all []rung
	for n := first; n <= last; n++ {
		all = append(all, after(documented(n), n, kubelet))
	}
	return all
}

// course is what a container has gone through so far.
type course struct {
	// gaps are the times from each exit to the next start, by the container's
	// own clock.
	gaps []time.Duration
	// waited is how long at least it has been waiting for its next restart.
	waited time.Duration
}

// step is the rung for the record, with what was measured of it in every container
// that got so far.
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

// judge holds the courses of containers that crash side by side against the
// rungs, as far as they have come, and returns the first thing that is wrong.
// Every single gap has to keep the lower bound. The shortest of each rung has to
// keep the upper one, since a busy machine can hold up a container, but hardly
// all of them; so a rung is late when it is so for every container, be it
// restarted by now or still waiting.
func judge(want []rung, containers []course) error {
	for _, r := range want {
		for _, c := range containers {
			if len(c.gaps) >= r.restart && c.gaps[r.restart-1] < r.lower {
				return fmt.Errorf("restart %d came %.1f s after the exit, but the back-off before it is documented as %.0f s", r.restart, c.gaps[r.restart-1].Seconds(), r.documented.Seconds())
			}
		}
		var least []time.Duration
		late := 0
		for _, c := range containers {
			switch {
			case len(c.gaps) >= r.restart:
				least = append(least, c.gaps[r.restart-1])
				if c.gaps[r.restart-1] > r.upper {
					late++
				}
			case len(c.gaps) == r.restart-1 && c.waited > r.upper+unreported:
				least = append(least, c.waited)
				late++
			}
		}
		if late > 0 && late == len(containers) {
			if r.documented == 0 {
				return tooLate{fmt.Errorf("restart %d did not come within %.1f s of the exit, but it has to come at once, and no machine needs more than %.1f s for that", r.restart, slices.Min(least).Seconds(), r.upper.Seconds())}
			}
			return tooLate{fmt.Errorf("restart %d did not come within %.1f s of the exit, but the back-off before it is documented as %.0f s, and no kubelet of this version needs more than %.1f s in all", r.restart, slices.Min(least).Seconds(), r.documented.Seconds(), r.upper.Seconds())}
		}
	}
	return nil
}

// shortest is the shortest gap before a restart, and which container had it.
// It is false when one of them has not come so far.
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
