package deletion

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
)

// said is a series of events that arrived at these milliseconds.
func said(arrivals ...record.Arrival) record.Series { return record.Series{Arrivals: arrivals} }

func startAt(ms int64) record.Arrival { return arrival(ms, record.Line{Event: record.Start}) }
func exitAt(ms int64) record.Arrival  { return arrival(ms, record.Line{Event: record.Exit}) }
func termAt(ms int64) record.Arrival {
	return arrival(ms, record.Line{Event: record.Signal, Signal: "SIGTERM"})
}

// askedAt is the request of a hook, whose line is written when it has been answered.
func askedAt(ms, answered int64) record.Arrival {
	return arrival(answered, record.Line{Event: record.Requested, Request: &record.Request{BT: ms * int64(time.Millisecond), Path: "/status/500", Status: 500}})
}

var askedToDelete = record.Request{BT: int64(time.Second)}

func TestHowAContainerWithAHookIsStopped(t *testing.T) {
	own, request, sleep := hookKind{hook: "h"}, hookKind{instances: 1}, hookKind{least: 2 * time.Second}
	for name, c := range map[string]struct {
		kind          hookKind
		process, hook record.Series
		want          string
	}{
		"a command":                    {own, said(startAt(100), termAt(3300), exitAt(3301)), said(startAt(1200), exitAt(3200)), ""},
		"a command cut short":          {own, said(startAt(100), termAt(3000), exitAt(3301)), said(startAt(1200), exitAt(3200)), "ended 200ms after that"},
		"a command that never ran":     {own, said(startAt(100), termAt(3000)), said(), "never reported its end"},
		"a request":                    {request, said(startAt(100), askedAt(1200, 3200), termAt(3300)), said(), ""},
		"a request that never came":    {request, said(startAt(100), termAt(3300)), said(), "no such request came"},
		"a request that nobody awaits": {request, said(startAt(100), termAt(1300), askedAt(1200, 3200)), said(), "SIGTERM came 100ms after the request"},
		"an instance that is missing":  {hookKind{instances: 2}, said(startAt(100), askedAt(1200, 3200), termAt(3300)), said(), "must have run 2 times"},
		"a sleep":                      {sleep, said(startAt(100), termAt(3000)), said(), ""},
		"a sleep that is skipped":      {sleep, said(startAt(100), termAt(1500)), said(), "SIGTERM came 500ms after the request"},
		"killed without SIGTERM":       {hookKind{}, said(startAt(100)), said(), "must get SIGTERM after its preStop hook"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.kind.fault(c.process, c.hook, askedToDelete)
			if c.want == "" {
				NewWithT(t).Expect(err).NotTo(HaveOccurred())
				return
			}
			NewWithT(t).Expect(err).To(MatchError(ContainSubstring(c.want)))
		})
	}
}

func TestTimesFromTheRequest(t *testing.T) {
	h := hooked{}.since(askedToDelete, said(startAt(100), termAt(10500), arrival(13000, record.Line{Event: record.Beat})))
	NewWithT(t).Expect(h).To(Equal(hooked{toTerm: 9500 * time.Millisecond, toEnd: 12 * time.Second}))
	NewWithT(t).Expect(hooked{left: span{lasted: 11 * time.Second}}.inTime(3 * time.Second)).To(BeTrue())
	NewWithT(t).Expect(hooked{left: span{lasted: 12 * time.Second}}.inTime(3*time.Second)).To(BeFalse(), "the hook did not count")
}
