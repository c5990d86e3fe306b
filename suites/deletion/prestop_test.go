package deletion

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
)

// said is a series of events that arrived at these milliseconds.
func said(arrivals ...record.Arrival) record.Series { return record.Series{Arrivals: arrivals} }

func TestCompareAHookWithItsProcess(t *testing.T) {
	start := func(ms int64) record.Arrival { return arrival(ms, record.Line{Event: record.Start}) }
	exit := func(ms int64) record.Arrival { return arrival(ms, record.Line{Event: record.Exit}) }
	term := func(ms int64) record.Arrival {
		return arrival(ms, record.Line{Event: record.Signal, Signal: "SIGTERM"})
	}
	last := func(ms int64) record.Arrival { return arrival(ms, record.Line{Event: record.Beat}) }
	asked := record.Request{BT: int64(time.Second)}

	g := NewWithT(t)
	h, err := compare(said(start(1200), exit(6200)), said(start(100), term(6300), last(11000)), asked)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(h).To(Equal(hooked{toTerm: 5100 * time.Millisecond, afterHook: true, fromMark: 5300 * time.Millisecond, toEnd: 10 * time.Second}))

	h, err = compare(said(start(1200)), said(start(100), term(11000), last(13000)), asked)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(h.afterHook).To(BeFalse(), "a hook that never ended was cut short")
	h, err = compare(said(start(1200), exit(6200)), said(start(100), term(6100), last(11000)), asked)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(h.afterHook).To(BeFalse(), "SIGTERM came 100 ms before the end of the hook")

	_, err = compare(said(start(1200)), said(start(100), last(13000)), asked)
	g.Expect(err).To(MatchError(ContainSubstring("must get SIGTERM")))
	_, err = compare(said(), said(start(100), term(1100), last(3000)), asked)
	g.Expect(err).To(MatchError(ContainSubstring("never reported its start")))
	_, err = compare(said(start(1300)), said(start(100), term(1100), last(3000)), asked)
	g.Expect(err).To(MatchError(ContainSubstring("started 200ms after that")))
}
