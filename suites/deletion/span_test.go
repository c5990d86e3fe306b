package deletion

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
)

// sent is a series of lines that arrived at these milliseconds.
func sent(signalAt int64, signal string, beats ...int64) record.Series {
	var s record.Series
	told := signal == ""
	for _, at := range beats {
		if !told && at > signalAt {
			s.Arrivals = append(s.Arrivals, arrival(signalAt, record.Line{Event: record.Signal, Signal: signal}))
			told = true
		}
		s.Arrivals = append(s.Arrivals, arrival(at, record.Line{Event: record.Beat}))
	}
	return s
}

// arrival is a line that took no time to arrive, unless it says when it was written.
func arrival(ms int64, line record.Line) record.Arrival {
	if line.BT == 0 {
		line.BT = ms * int64(time.Millisecond)
	}
	return record.Arrival{BT: ms * int64(time.Millisecond), Line: line}
}

func TestMeasureTakesInHowExactlyTheEndIsKnown(t *testing.T) {
	for name, c := range map[string]struct {
		series record.Series
		want   span
		stood  time.Duration
	}{
		"a process that never stands still": {sent(1010, "SIGTERM", 950, 1000, 1050, 1100, 1150),
			span{140 * time.Millisecond, (10 + 50 + 50) * time.Millisecond, 140 * time.Millisecond}, 50 * time.Millisecond},
		"standing still before it is told": {sent(1010, "SIGTERM", 700, 900, 1000, 1050, 1100),
			span{90 * time.Millisecond, (10 + 200 + 50) * time.Millisecond, 90 * time.Millisecond}, 50 * time.Millisecond},
		"told while it stood still": {sent(1300, "SIGTERM", 950, 1000, 1310, 1350, 1400),
			span{100 * time.Millisecond, (300 + 300 + 50) * time.Millisecond, 100 * time.Millisecond}, 50 * time.Millisecond},
		"standing still later": {sent(1010, "SIGTERM", 1000, 1050, 1350, 1400),
			span{390 * time.Millisecond, (10 + 300 + 300) * time.Millisecond, 390 * time.Millisecond}, 300 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			took, stood, err := measure(c.series)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(took).To(Equal(c.want))
			g.Expect(stood).To(Equal(c.stood))
		})
	}
}

func TestMeasureTakesInThatTheLineCameLate(t *testing.T) {
	g := NewWithT(t)
	s := sent(1310, "SIGTERM", 1000, 1300, 1350, 1400)
	s.Arrivals[2].Line.BT = 1010 * int64(time.Millisecond) // it was 300 ms on its way
	took, _, err := measure(s)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(took).To(Equal(span{lasted: 90 * time.Millisecond, blur: (10 + 300 + 300 + 50) * time.Millisecond, sure: 390 * time.Millisecond}))
}

func TestMeasureNeedsSIGTERM(t *testing.T) {
	for name, c := range map[string]struct {
		series record.Series
		want   string
	}{
		"no signal":      {sent(0, "", 950, 1000), "never reported one; it sent 2 lines"},
		"another signal": {sent(1010, "SIGINT", 1000, 1050), "the first signal was SIGINT"},
		"nothing":        {record.Series{}, "it sent 0 lines"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := measure(c.series)
			NewWithT(t).Expect(err).To(MatchError(ContainSubstring(c.want)))
		})
	}
}
