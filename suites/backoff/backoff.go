// Package backoff holds the specs on the delay before the restart of a container
// that keeps ending.
package backoff

import (
	"fmt"
	"slices"
	"strings"
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

	It("delays a restart after exit code 0 as after a crash", claim.Proves("BACKOFF-01"), func(ctx SpecContext) {
		// Other claims cover how much longer the delay is.
		delayed := rung{restart: 2, documented: base, lower: base - early, upper: time.Minute}
		climb(ctx, ns, start(ctx, ns, crashing(0), crashing(1)), 2, []rung{delayed})
	})

	It("lets the first restart come at once, and the second one after 10 s", claim.Proves("BACKOFF-03"), func(ctx SpecContext) {
		ladder(ctx, ns, 3, 1, 2)
	})

	It("is of one container, and another one of its Pod is restarted at once", claim.Proves("BACKOFF-03").Waiting(0).Jitter(time.Minute), func(ctx SpecContext) {
		const other = "other"
		// A very busy machine can need as long for a restart as the kubelet would delay it,
		// but hardly each time.
		for attemptsLeft := 2; ; attemptsLeft-- {
			story := spec.Must(ns.Create(ctx, pod.New(fmt.Sprintf("side-by-side-%d", attemptsLeft), pod.Volume("shared"),
				ns.Witness(crasher, crashing(1).args(), pod.Mount("shared", "/shared")),
				ns.Witness(other, witness.Serve(witness.HTTP(port))),
			)))
			// From its second end on, the crasher is delayed for 10 s.
			spec.Must(story.Await(ctx, pod.All(ended(1), pod.ContainerRunning(other))))
			spec.Must(ns.AwaitListening(ctx, story, other, 1))
			spec.Must(ns.Get(ctx, story, port, "/exit", map[string]string{"code": "1"}))
			spec.Must(story.Await(ctx, pod.All(pod.Restarted(other, 1), pod.ContainerRunning(other))))

			gap, known := reportedGap(pod.Instances(story, other), 1)
			// Both times are whole seconds, so a delay of 10 s is never less here.
			if known && gap < base {
				claim.MeasureTime("BACKOFF-03", "delay before the first restart of a container while another one of its Pod is held back, by the kubelet's times", "0 s", gap, true)
				return
			}
			after := "some time, whose start the kubelet has not reported,"
			if known {
				after = fmt.Sprintf("%.0f s", gap.Seconds())
			}
			message := fmt.Sprintf("the first restart of container %s must come at once, not %s after its end: the back-off belongs to container %s, which crashes\n%s", other, after, crasher, story)
			if heldBack(story, other) {
				Fail(message)
			}
			if attemptsLeft == 0 {
				spec.Late(message)
			}
		}
	})

	It("doubles from 10 s to 20 s", claim.Proves("BACKOFF-02"), claim.Proves("BACKOFF-04"), func(ctx SpecContext) {
		ladder(ctx, ns, 3, 2, 3)
	})

	It("goes on to 40 s before the fourth restart", claim.ProvesPart("BACKOFF-04", "fourth restart"), func(ctx SpecContext) {
		ladder(ctx, ns, 2, 3, 4)
	})

	It("goes on doubling up to 160 s", claim.ProvesPart("BACKOFF-02", "up to 160 s").Jitter(2*time.Minute), func(ctx SpecContext) {
		ladder(ctx, ns, 3, 2, 6)
	})

	It("grows to 300 s and no further", claim.Proves("BACKOFF-05").Jitter(3*time.Minute), func(ctx SpecContext) {
		// One delay of 300 s proves little: doubling without a limit would make it
		// 320 s, and the kubelet may check 30 s late. The next would be 640 s.
		ladder(ctx, ns, 3, 7, 8)
	})
})

// heldBack reports whether the kubelet said that it delayed a restart of the container.
func heldBack(story *journal.Story, container string) bool {
	return slices.ContainsFunc(story.Events(), func(e journal.Event) bool {
		return e.Event.Reason == "BackOff" && strings.Contains(e.Event.InvolvedObject.FieldPath, "{"+container+"}")
	})
}

// ladder lets containers crash side by side and judges their restarts from first
// to last.
func ladder(ctx SpecContext, ns *spec.Space, beside, first, last int) {
	GinkgoHelper()
	var all []lives
	for n := range beside {
		// One of them ends well, which must make no difference.
		all = append(all, crashing(min(n, 1)))
	}
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
