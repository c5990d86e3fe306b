package spec

import (
	"fmt"
	"slices"
	"time"

	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/namespace"
	"github.com/podproof/podproof/framework/witness"
	"github.com/podproof/podproof/reports"
)

// inside is the inside view of a pod from the lines that were read of its processes:
// a lane for each container.
func inside(seen []namespace.Seen, zero time.Time) []reports.Lane {
	lanes := &lanes{}
	for _, container := range seen {
		for _, instance := range witness.Instances(container.Lines) {
			for i, line := range instance.Lines {
				if lanes.at = since(zero, line.At()); lanes.at < 0 {
					continue // of an earlier pod of that name
				}
				last := i == len(instance.Lines)-1
				if m, worth := said(line, last); worth {
					lanes.tick(reports.ProcessLane, container.Container, m)
				}
			}
		}
	}
	for i := range lanes.all {
		lane := &lanes.all[i]
		// Instances may overlap, as on a node that was away.
		slices.SortStableFunc(lane.Moments, func(a, b reports.Moment) int {
			switch {
			case a.At < b.At:
				return -1
			case a.At > b.At:
				return 1
			}
			return 0
		})
		thin(lane)
	}
	return lanes.all
}

// said is a line of the witness as a moment, if it is worth a place in a timeline.
func said(l record.Line, last bool) (reports.Moment, bool) {
	switch l.Event {
	case record.Start:
		text := ""
		if l.Index != nil && *l.Index > 0 {
			text = fmt.Sprintf("restart %d", *l.Index)
		}
		return reports.Moment{State: reports.ProcessStart, Text: text}, true
	case record.Exit:
		return reports.Moment{State: reports.ProcessExit, Text: l.Signal, Exit: l.Code}, true
	case record.Signal:
		return reports.Moment{State: reports.ProcessSignal, Text: l.Signal}, true
	case record.Probed:
		m := reports.Moment{State: reports.ProcessProbe}
		if r := l.Request; r != nil {
			m.Text = fmt.Sprintf("%s: %s", r.Path, answered(*r))
			if r.Service != nil {
				m.Text = fmt.Sprintf("gRPC %q: %s", *r.Service, answered(*r))
			}
		}
		return m, true
	case record.Connected:
		return reports.Moment{State: reports.ProcessProbe, Text: "connection"}, true
	case record.Beat:
		// Of a process that is killed this is all that is known of its end.
		return reports.Moment{State: reports.ProcessLast}, last
	}
	return reports.Moment{}, false
}

func answered(r record.Request) string {
	if r.Status == 0 {
		return "no answer"
	}
	return fmt.Sprint(r.Status)
}
