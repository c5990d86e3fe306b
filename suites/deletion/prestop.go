package deletion

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
)

const (
	hookedGrace = 10 * time.Second
	// shortHook leaves as much of the grace period as it takes.
	shortHook = 5 * time.Second
	// longHook ends long after the grace period.
	longHook = 30 * time.Second
	// extension is the extra time of a process whose preStop hook uses up the grace
	// period.
	extension = 2 * time.Second
	// slack is for the runtime and a busy machine. It is less than shortHook, because the
	// end would be late by shortHook if hooks did not count.
	slack = 4500 * time.Millisecond
)

var _ = Describe("A preStop hook", func() {
	ns := space{spec.Namespace()}

	It("runs before SIGTERM and inside the grace period, with 2 s more when it uses that up", claim.Proves("DELETE-10"), func(ctx SpecContext) {
		collector := startCollector(ctx, ns)
		hook := func(name string, lasts time.Duration) pod.ContainerOption {
			return pod.PreStop(witness.Command(witness.Run(append(collector.tell(name+"-hook"), witness.For(lasts))...))...)
		}
		story := spec.Must(ns.Create(ctx, pod.New("hooked", pod.OnNode(collector.pod.Spec.NodeName), pod.Grace(int64(hookedGrace/time.Second)),
			ns.Witness("short", collector.stubborn("short"), hook("short", shortHook)),
			ns.Witness("long", collector.stubborn("long"), hook("long", longHook)),
		)))
		spec.Must(story.Await(ctx, pod.AllRunning()))
		collector.await(ctx, ns, "short", record.Start)
		collector.await(ctx, ns, "long", record.Start)

		asked := collector.mark(ctx, ns)
		spec.Do(ns.Delete(ctx, story, -1))
		// A collector that stands still while they live would take its pause for their end.
		soon, cancel := context.WithTimeout(ctx, mostAlive)
		defer cancel()
		spec.Must(story.AwaitGone(soon))
		hooks := map[string]hooked{}
		for _, name := range []string{"short", "long"} {
			process := collector.series(ctx, ns, name)
			took := fromTermToEnd(process, story)
			itsHook := collector.soFar(ctx, ns, name+"-hook")
			ns.Saw(story, name, lines(process))
			ns.Saw(story, name+" hook", lines(itsHook))
			h, err := compare(itsHook, process, asked)
			if err != nil {
				message := fmt.Sprintf("container %s: %v\n%s", name, err, story)
				// The kubelet waits for a hook no longer than the grace period, and a slow
				// node can take all of it to start the hook's process.
				if h.fromMark >= hookedGrace {
					spec.Late(message)
				}
				Fail(message)
			}
			h.left = took
			hooks[name] = h
		}

		short, long := hooks["short"], hooks["long"]
		claim.MeasureTime("DELETE-10", "start of a preStop hook of 5 s to SIGTERM", "5 s", short.toTerm, short.toTerm <= shortHook+slack)
		// A machine that starts the hook late may leave it no time to end.
		Expect(short.afterHook || short.fromMark >= hookedGrace).To(BeTrue(), "SIGTERM must not come before the preStop hook has ended, as long as the grace period lasts\n%s", story)
		if short.toTerm > shortHook+slack {
			spec.Late(fmt.Sprintf("SIGTERM must come as soon as the preStop hook ends, after %s, but it came after %s\n%s", shortHook, short.toTerm, story))
		}
		// The kubelet subtracts whole seconds of the hook from the grace period, so the
		// sum is not less than the grace period.
		claim.MeasureTime("DELETE-10", "start of a preStop hook of 5 s to the end of a process that ignores SIGTERM", "10 s", short.toTerm+short.left.lasted, short.left.lasted <= hookedGrace-shortHook+slack)
		Expect(short.toEnd+short.left.blur).To(BeNumerically(">=", hookedGrace), "the process and its preStop hook together must have the whole grace period of %s\n%s", hookedGrace, story)
		if short.left.lasted > hookedGrace-shortHook+slack {
			spec.Late(fmt.Sprintf("the preStop hook of %s must count against the grace period of %s, so that only the rest is left after SIGTERM, but the process lived for %s more\n%s", shortHook, hookedGrace, short.left.lasted, story))
		}

		claim.MeasureTime("DELETE-10", "start of a preStop hook longer than the grace of 10 s to SIGTERM", "10 s", long.toTerm, long.fromMark >= hookedGrace && long.toTerm <= hookedGrace+2*slack)
		Expect(long.fromMark).To(BeNumerically(">=", hookedGrace), "SIGTERM must not cut a preStop hook short before the grace period of %s ends\n%s", hookedGrace, story)
		if long.toTerm > hookedGrace+2*slack {
			spec.Late(fmt.Sprintf("SIGTERM must come when the grace period of %s ends, although the preStop hook still runs, but it came after %s\n%s", hookedGrace, long.toTerm, story))
		}
		long.left.expect("DELETE-10", extension, extension+slack, story)
	})
})

// hooked is how a process and its preStop hook ended, by the collector's clock.
type hooked struct {
	toTerm    time.Duration // from the start of the hook to SIGTERM
	afterHook bool          // SIGTERM came when the hook had ended
	fromMark  time.Duration // from just before the delete request to SIGTERM
	toEnd     time.Duration // from just before the delete request to the last line
	left      span          // from SIGTERM to the end
}

// compare combines what a hook sent with what its process sent. The times are the
// collector's, and asked is a moment before the deletion.
func compare(hook, process record.Series, asked record.Request) (hooked, error) {
	term, ok := process.First(record.Signal)
	if !ok {
		return hooked{}, fmt.Errorf("the process must get SIGTERM, but it never reported one")
	}
	last, _ := process.Last("")
	h := hooked{
		fromMark: time.Duration(term.BT - asked.BT),
		toEnd:    time.Duration(last.BT - asked.BT),
	}
	began, ok := hook.First(record.Start)
	if !ok {
		return h, fmt.Errorf("the preStop hook must run before the process gets SIGTERM, but it never reported its start")
	}
	if h.toTerm = term.Since(began); h.toTerm < 0 {
		return h, fmt.Errorf("the preStop hook must run before the process gets SIGTERM, but it started %s after that", -h.toTerm)
	}
	if exit, ended := hook.First(record.Exit); ended {
		h.afterHook = term.BT >= exit.BT
	}
	return h, nil
}
