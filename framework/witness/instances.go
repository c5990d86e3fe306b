package witness

import (
	"fmt"
	"strings"
	"time"

	"github.com/podproof/podproof/fixtures/witness/record"
)

// Instance is what one process said: one run of a container.
type Instance struct {
	Nonce string
	Start *record.Line  // nil when the log does not reach back to it
	Exit  *record.Line  // nil while it runs, or when it was killed
	Lines []record.Line // all its lines, in order
}

// Instances sorts lines by process, in the order in which the processes first
// spoke.
func Instances(lines []record.Line) []Instance {
	var all []Instance
	index := map[string]int{}
	for _, l := range lines {
		i, known := index[l.Instance]
		if !known {
			i = len(all)
			index[l.Instance] = i
			all = append(all, Instance{Nonce: l.Instance})
		}
		one := &all[i]
		one.Lines = append(one.Lines, l)
		switch l.Event {
		case record.Start:
			one.Start = &l
		case record.Exit:
			one.Exit = &l
		}
	}
	return all
}

// Gaps returns the time from the exit of each instance to the start of the
// next one, by CLOCK_BOOTTIME. It is an error when an instance lacks the line
// that is needed, or started while the one before it lived: then there is no
// gap to measure.
func Gaps(instances []Instance) ([]time.Duration, error) {
	var gaps []time.Duration
	for i := 1; i < len(instances); i++ {
		before, after := instances[i-1], instances[i]
		switch {
		case before.Exit == nil:
			return gaps, fmt.Errorf("instance %d (%s) has no exit line, so when it ended is not known from inside", i, before.Nonce)
		case after.Start == nil:
			return gaps, fmt.Errorf("instance %d (%s) has no start line: the record is not whole", i+1, after.Nonce)
		case after.Start.Overlap || after.Start.BT < before.Exit.BT:
			return gaps, fmt.Errorf("instance %d (%s) started while instance %d (%s) was alive", i+1, after.Nonce, i, before.Nonce)
		}
		gaps = append(gaps, after.Start.Since(*before.Exit))
	}
	return gaps, nil
}

// Select returns the lines of an event.
func Select(lines []record.Line, event record.Event) []record.Line {
	return only(lines, func(l record.Line) bool { return l.Event == event })
}

// Count returns how many lines of an event there are.
func Count(lines []record.Line, event record.Event) int { return len(Select(lines, event)) }

// Probes returns the HTTP probes that reached a path, in order; "" stands for
// all paths.
func Probes(lines []record.Line, path string) []record.Request {
	return ProbesIn(requests(lines), path)
}

// ProbesIn is Probes for what the page /requests answered.
func ProbesIn(all []record.Request, path string) []record.Request {
	var probes []record.Request
	for _, r := range all {
		if strings.HasPrefix(r.Header.Get("User-Agent"), record.ProbeAgent) && (path == "" || r.Path == path) {
			probes = append(probes, r)
		}
	}
	return probes
}

func requests(lines []record.Line) []record.Request {
	var all []record.Request
	for _, l := range lines {
		if l.Request != nil {
			all = append(all, *l.Request)
		}
	}
	return all
}

// From returns the lines of one sender, by its ID.
func From(lines []record.Line, id string) []record.Line {
	return only(lines, func(l record.Line) bool { return l.ID == id })
}

func only(lines []record.Line, keep func(record.Line) bool) []record.Line {
	var kept []record.Line
	for _, l := range lines {
		if keep(l) {
			kept = append(kept, l)
		}
	}
	return kept
}
