package deletion

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
)

const (
	hookedGrace = 12 * time.Second
	// shortHook leaves little of the grace period. The kubelet itself waits for it, so no
	// machine is too slow to start it.
	shortHook = 9 * time.Second
	// longHook ends long after the grace period.
	longHook = 60 * time.Second
	// extension is the extra time of a process whose preStop hook uses up the grace
	// period.
	extension = 2 * time.Second
	// slack is for the runtime and a busy machine. It is less than shortHook, because the
	// end would be late by shortHook if hooks did not count.
	slack = 8 * time.Second
)

var _ = Describe("A preStop hook", func() {
	ns := space{spec.Namespace()}

	It("has ended before its container gets SIGTERM, whatever kind of hook, of container and of stop it is", claim.Proves("DELETE-10").Waiting(hookTakes), func(ctx SpecContext) {
		collector := startCollector(ctx, ns)
		story := collector.place(ctx, ns, ns.withHooks(collector), "w", "w")
		for _, name := range []string{"w", "sidecar", "asked"} {
			collector.await(ctx, ns, name, record.Start, 1)
		}
		By("having a liveness probe stop a container")
		spec.Must(ns.Get(ctx, story, hookPort, "/set", map[string]string{"path": "/live", "code": "500"}))
		collector.await(ctx, ns, "asked", record.Start, 2)
		spec.Must(story.Await(ctx, pod.All(pod.Restarted("asked", 1), pod.AllRunning())))

		By("deleting the Pod")
		asked := collector.mark(ctx, ns)
		spec.Do(ns.Delete(ctx, story, -1))
		spec.Must(story.AwaitGone(ctx))
		for _, h := range []hookKind{
			{container: "w", hook: "w-hook"}, {container: "sidecar", hook: "sidecar-hook"},
			{container: "asked", instances: 2}, {container: "waits", least: hookTakes}, {container: "cannot"},
		} {
			var hook record.Series
			if h.hook != "" {
				hook = collector.soFar(ctx, ns, h.hook)
			}
			Expect(h.fault(collector.series(ctx, ns, h.container), hook, asked)).To(Succeed(), "container %s\n%s", h.container, story)
		}
	})

	It("counts against the grace period, and if it outlasts that the process gets SIGTERM and 2 s more", claim.Proves("DELETE-10"), func(ctx SpecContext) {
		collector := startCollector(ctx, ns)
		var story *journal.Story
		var short, long hooked
		// A busy machine can be late once.
		for attempt := range spec.Attempts(2, hookedGrace+lookAgain) {
			story, short, long = ns.outlastHooks(ctx, collector, attempt)
			if short.inTime(hookedGrace-shortHook) && long.inTime(extension) && long.began {
				break
			}
		}

		spec.Bound{
			What: "request, with a preStop hook of 9 s, to SIGTERM", Documented: inSeconds(shortHook), Least: shortHook,
			Must: "SIGTERM must not come before the preStop hook has ended",
		}.Judge(short.toTerm, story)
		// The kubelet subtracts whole seconds of the hook from the grace period, so the
		// sum is not less than the grace period.
		spec.Bound{
			What: "request, with a preStop hook of 9 s, to the end of a process that ignores SIGTERM", Documented: inSeconds(hookedGrace), Least: hookedGrace - short.left.blur,
			Must: "the process and its preStop hook together must have the whole grace period",
		}.Judge(short.toEnd, story)
		spec.Bound{
			What: "SIGTERM to the end of a process that ignores it, after a preStop hook of 9 s", Documented: inSeconds(hookedGrace - shortHook), Most: hookedGrace - shortHook + slack,
			Must: "the preStop hook must count against the grace period, so that only the rest is left after SIGTERM",
		}.Judge(short.left.lasted, story)

		spec.Bound{
			What: "request, with a preStop hook longer than the grace of 12 s, to SIGTERM", Documented: inSeconds(hookedGrace), Least: hookedGrace, Most: hookedGrace + lateEnd,
			Must: "SIGTERM must come when the grace period ends, although the preStop hook still runs, and not before",
		}.Judge(long.toTerm, story)
		// The kubelet waits for a hook no longer than the grace period, and a slow node can
		// take all of it to start the hook's process. That hooks run is the other spec.
		if !long.began {
			spec.TooBusy("the node took the whole grace period of %s to start the process of a preStop hook", hookedGrace)
		}
		long.left.judge("a process whose preStop hook has used up the grace period", extension, extension+slack, story)
	})
})

// hooked is how a process with a preStop hook ended, by the collector's clock.
type hooked struct {
	began  bool          // the hook reported its start before SIGTERM
	toTerm time.Duration // from just before the delete request to SIGTERM
	toEnd  time.Duration // from just before the delete request to the last line
	left   span          // from SIGTERM to the end
}

// inTime reports whether the process had no more time after SIGTERM than documented, as
// far as a busy machine allows.
func (h hooked) inTime(documented time.Duration) bool { return h.left.lasted <= documented+slack }

// outlastHooks deletes a Pod with two processes that ignore SIGTERM, one with a hook
// that leaves time and one with a hook that does not.
func (s space) outlastHooks(ctx SpecContext, c collector, attempt int) (*journal.Story, hooked, hooked) {
	GinkgoHelper()
	shortName, longName := fmt.Sprintf("short-%d", attempt), fmt.Sprintf("long-%d", attempt)
	hook := witness.Run(c.hears(), witness.ID(longName+"-hook"), witness.For(longHook))
	p := pod.New(fmt.Sprintf("hooked-%d", attempt), pod.Grace(int64(hookedGrace/time.Second)),
		s.Witness("short", c.stubborn(shortName), pod.PreStopSleep(int64(shortHook/time.Second))),
		s.Witness("long", c.stubborn(longName), pod.PreStop(witness.Command(hook)...)))
	story := c.place(ctx, s, p, "short", shortName)
	spec.Must(story.Await(ctx, pod.AllRunning()))
	c.await(ctx, s, shortName, record.Start, 1)
	c.await(ctx, s, longName, record.Start, 1)

	asked := c.mark(ctx, s)
	spec.Do(s.Delete(ctx, story, -1))
	// A collector that stands still while they live would take its pause for their end.
	soon, cancel := context.WithTimeout(ctx, mostAlive)
	defer cancel()
	spec.Must(story.AwaitGone(soon))
	process := c.series(ctx, s, shortName)
	s.Saw(story, "short", lines(process))
	short := hooked{left: fromTermToEnd(process, story)}.since(asked, process)
	process = c.series(ctx, s, longName)
	itsHook := c.soFar(ctx, s, longName+"-hook")
	s.Saw(story, "long", lines(process))
	s.Saw(story, "long hook", lines(itsHook))
	long := hooked{left: fromTermToEnd(process, story)}.since(asked, process)
	term, _ := process.First(record.Signal)
	if start, ok := itsHook.First(record.Start); ok {
		long.began = start.Line.BT < term.BT
	}
	return story, short, long
}

// since fills in the times from just before the request.
func (h hooked) since(asked record.Request, process record.Series) hooked {
	term, _ := process.First(record.Signal)
	last, _ := process.Last("")
	h.toTerm, h.toEnd = time.Duration(term.BT-asked.BT), time.Duration(last.BT-asked.BT)
	return h
}
