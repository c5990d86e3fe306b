// Package backoff holds the specs on the delay before the restart of a container
// that keeps ending.
package backoff

import (
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
)

var _ = Describe("The back-off", func() {
	ns := namespace()

	It("delays a restart after exit code 0 as after a crash, of a container and of a sidecar", claim.Proves("BACKOFF-01"), func(ctx SpecContext) {
		// Other claims cover how much longer the delay is.
		delayed := rung{restart: 2, documented: base, lower: base - early, upper: time.Minute}
		climb(ctx, ns, start(ctx, ns, crashing(0), crashing(1).in(sidecar)), 2, []rung{delayed})
	})

	It("lets the first restart come at once, and the second one after 10 s", claim.Proves("BACKOFF-03"), func(ctx SpecContext) {
		ladder(ctx, ns, 1, 2, crashing(killed), crashing(1).in(initContainer))
	})

	It("is of one container of one Pod: another container, and a new Pod of the same name, are restarted at once", claim.Proves("BACKOFF-03").Waiting(0).Jitter(time.Minute), func(ctx SpecContext) {
		var beside, after firstRestart
		// A very busy machine can need as long for a restart as the kubelet would delay it,
		// but hardly each time.
		for attempt := range spec.Attempts(3, time.Minute) {
			name := fmt.Sprintf("one-of-two-%d", attempt)
			beside = crashBeside(ctx, ns, name)
			spec.Do(ns.Delete(ctx, beside.story, 0))
			after = crashAfter(ctx, ns, name)
			if beside.decides() && after.decides() {
				break
			}
		}
		beside.judge("while another one of its Pod is held back")
		after.judge("of a Pod whose predecessor with the same name was held back")
	})

	It("doubles from 10 s to 20 s, however the instances end", claim.Proves("BACKOFF-02"), claim.Proves("BACKOFF-04"), func(ctx SpecContext) {
		ladder(ctx, ns, 2, 3, crashing(1, 0, 1), crashing(0).in(sidecar))
	})

	It("goes on to 40 s before the fourth restart", claim.ProvesPart("BACKOFF-04", "fourth restart"), func(ctx SpecContext) {
		ladder(ctx, ns, 3, 4, crashing(0, 1), crashing(killed, 1).in(sidecar))
	})

	It("goes on doubling up to 160 s, for containers of every kind", claim.ProvesPart("BACKOFF-02", "up to 160 s").Jitter(2*time.Minute), func(ctx SpecContext) {
		ladder(ctx, ns, 2, 6, crashing(1), crashing(0, 1, 0, 1, 0), crashing(1).in(initContainer), crashing(0).in(sidecar))
	})

	It("grows to 300 s and no further", claim.Proves("BACKOFF-05").Jitter(3*time.Minute), func(ctx SpecContext) {
		// One delay of 300 s proves little: doubling without a limit would make it
		// 320 s, and the kubelet may check 30 s late. The next would be 640 s.
		ladder(ctx, ns, 7, 8, crashing(0), crashing(1).in(sidecar))
	})
})

// other is the container beside the crasher.
const other = "other"

// firstRestart is the first restart of a container that must not be held back.
type firstRestart struct {
	story     *journal.Story
	container string
	// gap is between the kubelet's own times, which are whole seconds, or less where its
	// node took its time to start the process.
	gap   time.Duration
	known bool
}

func (r firstRestart) atOnce() bool {
	// With whole seconds, a delay of 10 s is never less.
	return r.known && r.gap < base
}

// decides reports whether no machine, however busy, makes a difference.
func (r firstRestart) decides() bool { return r.atOnce() || heldBack(r.story, r.container) }

func (r firstRestart) judge(when string) {
	GinkgoHelper()
	if heldBack(r.story, r.container) {
		Fail(fmt.Sprintf("the first restart of container %s, %s, must come at once, but the kubelet says that it held it back\n%s", r.container, when, r.story))
	}
	if !r.known {
		spec.Late(fmt.Sprintf("the first restart of container %s, %s, must come at once, but the kubelet has not reported when its first instance ended\n%s", r.container, when, r.story))
	}
	spec.Bound{
		What: "delay before the first restart of a container " + when + ", by the kubelet's times", Documented: "0 s", Most: base - time.Second,
		Must: fmt.Sprintf("the first restart of container %s, %s, must come at once", r.container, when),
	}.Judge(r.gap, r.story)
}

// seen takes the times from the story once the container runs again.
func (r firstRestart) seen(ctx SpecContext) firstRestart {
	GinkgoHelper()
	spec.Must(r.story.Await(ctx, pod.All(pod.Restarted(r.container, 1), pod.ContainerRunning(r.container))))
	r.gap, r.known = reportedGap(pod.Instances(r.story, r.container), 1)
	if all := untilBegun(r.story, r.container); len(all) > 0 && all[0] >= 0 {
		r.gap = min(r.gap, all[0])
	}
	return r
}

// crashBeside creates a pod with a crasher, and has another container of it end when the
// kubelet holds the crasher back.
func crashBeside(ctx SpecContext, ns *spec.Space, name string) firstRestart {
	GinkgoHelper()
	story := spec.Must(ns.Create(ctx, pod.New(name, pod.Volume("shared"),
		ns.Witness(crasher, crashing(1).args(), pod.Mount("shared", "/shared")),
		ns.Witness(other, witness.Serve(witness.HTTP(port))),
	)))
	// From its second end on, the crasher is delayed for 10 s.
	spec.Must(story.Await(ctx, pod.All(ended(1), pod.ContainerRunning(other))))
	spec.Must(ns.AwaitListening(ctx, story, other, 1))
	spec.Must(ns.Get(ctx, story, port, "/exit", map[string]string{"code": "1"}))
	return firstRestart{story: story, container: other}.seen(ctx)
}

// crashAfter creates a pod whose container has the name and the image of a crasher, and
// ends once.
func crashAfter(ctx SpecContext, ns *spec.Space, name string) firstRestart {
	GinkgoHelper()
	once := witness.Run(witness.Schedule(statePath, witness.ExitAfter(short, 1), witness.Forever))
	story := spec.Must(ns.Create(ctx, pod.New(name, pod.Volume("shared"), ns.Witness(crasher, once, pod.Mount("shared", "/shared")))))
	return firstRestart{story: story, container: crasher}.seen(ctx)
}

// heldBack reports whether the kubelet said that it delayed a restart of the container.
func heldBack(story *journal.Story, container string) bool {
	return slices.ContainsFunc(story.Events(), func(e journal.Event) bool {
		return e.Event.Reason == "BackOff" && pod.IsAbout(e.Event, container)
	})
}

// ladder lets containers crash side by side and judges their restarts from first
// to last. How they end must make no difference, nor what kind of container they are.
func ladder(ctx SpecContext, ns *spec.Space, first, last int, all ...lives) {
	GinkgoHelper()
	climbers := start(ctx, ns, all...)
	climb(ctx, ns, climbers, last, rungs(first, last, kubelet(ctx, ns, climbers)))
	// A kubelet checks again so late that too long a delay can pass for the right one. It
	// also states the delay, if it shows the wait at all; the wording is another claim.
	for _, c := range climbers {
		said, _ := waits(c.story.Versions())
		if err := judgeWaits(said, 1, 0); err != nil {
			Fail(fmt.Sprintf("%v\n%s", err, c.story))
		}
	}
}
