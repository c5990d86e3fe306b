package deletion

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/spec"
)

// span is a measured time that is known to be between lasted and lasted + blur.
type span struct {
	lasted, blur time.Duration
	// sure is its minimum by the victim's own clock, whatever happened to the lines on
	// their way.
	sure time.Duration
}

// fromTermToEnd is the time from a victim's SIGTERM to its end, by the collector's
// clock. It fails the spec when that time is unknown.
func fromTermToEnd(s record.Series, victim *journal.Story) span {
	GinkgoHelper()
	took, stood, err := measure(s)
	if err != nil {
		Fail(fmt.Sprintf("%v\n%s", err, victim))
	}
	if stood >= quiet {
		spec.TooBusy("no beat of the process arrived for %s, so its end is unknown", stood)
	}
	return took
}

// measure computes the span from what the victim sent, and the longest time that it
// stood still after SIGTERM. The process may have got SIGTERM a while before it could
// report it. That delay is at most the sum of three times:
//   - the time since its last beat before the report,
//   - the extra travel time of the report compared with the fastest line,
//   - the longest time that it ever stood still, because the thread that gets the
//     signal need not be the one that beats. (On two busy cores, where a Pod without a
//     CPU request is served last, this was half a second.)
//
// The process may also have lived on after its last beat, for as long as it stood
// still between two other beats.
func measure(s record.Series) (took span, stood time.Duration, err error) {
	term := -1
	for i, a := range s.Arrivals {
		if a.Line.Event == record.Signal {
			term = i
			break
		}
	}
	if term < 0 {
		return span{}, 0, fmt.Errorf("the process must get SIGTERM before it is killed, but it never reported one; it sent %d lines", len(s.Arrivals))
	}
	told := s.Arrivals[term]
	if told.Line.Signal != "SIGTERM" {
		return span{}, 0, fmt.Errorf("the process must get SIGTERM before it is killed, but the first signal was %s", told.Line.Signal)
	}
	var late time.Duration
	if term > 0 {
		late = told.Since(s.Arrivals[term-1])
	}
	fastest := transit(told)
	for _, a := range s.Arrivals {
		fastest = min(fastest, transit(a))
	}
	late += transit(told) - fastest
	var ever time.Duration
	for i := 1; i < len(s.Arrivals); i++ {
		gap := s.Arrivals[i].Since(s.Arrivals[i-1])
		ever = max(ever, gap)
		if i > term {
			stood = max(stood, gap)
		}
	}
	last := s.Arrivals[len(s.Arrivals)-1]
	return span{lasted: last.Since(told), blur: late + ever + stood, sure: last.Line.Since(told.Line)}, stood, nil
}

// transit is the time from when a line was written to its arrival. It compares the
// clocks of two nodes, so only the difference between two transits has a meaning.
func transit(a record.Arrival) time.Duration { return time.Duration(a.BT - a.Line.BT) }

// early is how much may be missing from a grace period: the kubelet counts it from its
// request to stop the container, a moment before SIGTERM.
const early = 100 * time.Millisecond

// reaches reports whether the span can be as long as documented.
func (s span) reaches(documented time.Duration) bool { return s.lasted+s.blur >= documented-early }

// judge checks the span against the documented time. Whose is the process and what
// happened to it before, for the report.
func (s span) judge(whose string, documented, most time.Duration, victim *journal.Story) {
	GinkgoHelper()
	spec.Bound{
		What:       "SIGTERM to the end of " + whose,
		Documented: inSeconds(documented),
		// The process counts as alive for as long as the measurement cannot exclude it.
		Least: documented - early - s.blur,
		Most:  most,
		Must:  fmt.Sprintf("%s must have %s from SIGTERM until it is killed", whose, inSeconds(documented)),
	}.Judge(s.lasted, victim)
}

func inSeconds(d time.Duration) string { return fmt.Sprintf("%.0f s", d.Seconds()) }
