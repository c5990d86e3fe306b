package deletion

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/claim"
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
		claim.Inconclusive(fmt.Sprintf("the machine is too busy: no beat of the process arrived for %s, so its end is unknown", stood))
		Fail("the end of the process is unknown")
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

// reaches reports whether the span can be as long as documented. The kubelet counts
// from its request to stop the container, a moment before SIGTERM. If more than a tenth
// of a second is missing, the grace period is too short.
func (s span) reaches(documented time.Duration) bool {
	return s.lasted+s.blur >= documented-100*time.Millisecond
}

// expect checks the span against the documented time.
func (s span) expect(id string, documented, most time.Duration, victim *journal.Story) {
	GinkgoHelper()
	long := s.reaches(documented)
	claim.MeasureTime(id, "SIGTERM to the end of a process that ignores it", fmt.Sprintf("%.0f s", documented.Seconds()), s.lasted, long && s.lasted <= most)
	if !long {
		Fail(fmt.Sprintf("a process that ignores SIGTERM must have %s until it is killed, but it had only %s (or up to %s more, which the measurement cannot exclude)\n%s", documented, s.lasted, s.blur, victim))
	}
	if s.lasted > most {
		spec.Late(fmt.Sprintf("a process that ignores SIGTERM must be killed after %s, but it lived for %s; a slow machine explains at most %s\n%s", documented, s.lasted, most, victim))
	}
}
