package deletion

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/spec"
	corev1 "k8s.io/api/core/v1"
)

// outlasted is how a Pod with two processes that ignore SIGTERM ended after a plain
// deletion.
type outlasted struct {
	victim        *journal.Story
	gone          *corev1.Pod
	first, second span
	both          time.Duration // from just before the request to the end of the last one
}

// outlast deletes such a Pod and measures how long its processes live on. A process that
// gets SIGTERM late seems to be killed a moment too early, and a busy machine can be late
// with the kill; then it measures again. A kubelet that is really early or late is so
// again.
func (s space) outlast(ctx SpecContext, c collector) outlasted {
	GinkgoHelper()
	var o outlasted
	for attempt := range spec.Attempts(2, grace+lookAgain) {
		name := fmt.Sprintf("stubborn-%d", attempt)
		second := name + "-second"
		o.victim = c.begin(ctx, s, name, s.Witness("second", c.stubborn(second)))
		c.await(ctx, s, name, record.Start, 1)
		c.await(ctx, s, second, record.Start, 1)
		asked := c.mark(ctx, s)
		spec.Do(s.Delete(ctx, o.victim, -1))
		o.gone = spec.Must(o.victim.AwaitGone(ctx)).Pod
		all := []record.Series{c.series(ctx, s, name), c.series(ctx, s, second)}
		s.Saw(o.victim, "second", lines(all[1]))
		o.first, o.second, o.both = fromTermToEnd(all[0], o.victim), fromTermToEnd(all[1], o.victim), 0
		for _, one := range all {
			last, _ := one.Last("")
			o.both = max(o.both, time.Duration(last.BT-asked.BT))
		}
		if o.first.decides(grace, mostPlain) && o.second.decides(grace, mostPlain) {
			break
		}
	}
	return o
}

// decides reports whether the span is right, or so wrong that no machine explains it.
func (s span) decides(documented, most time.Duration) bool {
	right := s.reaches(documented) && s.lasted <= most
	return right || s.lasted < documented-2*time.Second || s.lasted > most+documented/2
}

// attempts is how often the end of a force-deleted Pod is measured at most.
const attempts = 3

// forcedEnd is what is known of the end of a process whose Pod was deleted by force. On a
// busy machine the two seconds can become too blurred to use, or the kill or SIGTERM can
// be late; then the next attempt measures again. A kubelet that kills at once does so
// twice, and one that gives the Pod's own grace period is clear at once.
type forcedEnd struct {
	whose, suffix string // of the process, and of its name
	took          span
	err           error
	atOnce        int
	known         bool
}

// see takes in one attempt.
func (e *forcedEnd) see(s record.Series, attempt int) {
	if e.known {
		return
	}
	e.took, _, e.err = measure(s)
	// A collector that stands still for long enough takes its own pause for the end of the
	// process, even before SIGTERM.
	if e.err != nil || e.took.lasted < forcedGrace/4 {
		e.atOnce++
	}
	sharp := e.err == nil && (e.took.sure >= forcedGrace || e.took.blur <= 3*forcedGrace/8)
	right := e.took.reaches(forcedGrace) && e.took.lasted <= mostForced
	never := e.took.lasted > 2*mostForced
	e.known = e.atOnce == 2 && (e.err != nil || !e.took.reaches(forcedGrace)) || never || sharp && (right || attempt == attempts)
}

// judge checks what the attempts have found.
func (e *forcedEnd) judge(victim *journal.Story) {
	GinkgoHelper()
	if !e.known {
		spec.TooBusy("no attempt measured the %s that %s has after a forced deletion; in the last one it lived for %s after SIGTERM, or up to %s more", forcedGrace, e.whose, e.took.lasted, e.took.blur)
	}
	if e.err != nil {
		Fail(fmt.Sprintf("%s: %v\n%s", e.whose, e.err, victim))
	}
	e.took.judge(e.whose, forcedGrace, mostForced, victim)
}
