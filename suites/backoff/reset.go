package backoff

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
)

const (
	// stable is longer than the ten minutes after which the delays begin anew.
	stable = 615 * time.Second
	// unstable is shorter than that, even with the 40 s by which the kubelet delays
	// the next restart, and its jitter: the kubelet counts both.
	unstable = 500 * time.Second
)

var _ = Describe("The back-off", func() {
	ns := namespace()

	It("begins anew when a container has run for ten minutes", claim.Proves("BACKOFF-06").Jitter(2*time.Minute), func(ctx SpecContext) {
		climbers := start(ctx, ns, crashingThenLiving(stable), crashingThenLiving(stable).in(sidecar))
		version := kubelet(ctx, ns, climbers)
		// The later delays distinguish a start at 10 s from a start at 20 s, which looks the
		// same on a busy machine.
		climb(ctx, ns, climbers, 7, []rung{after(0, 4, version), after(base, 5, version), after(2*base, 6, version), after(4*base, 7, version)})
	})

	It("goes on when a container has run for 500 s", claim.Proves("BACKOFF-06").Waiting(570*time.Second).Jitter(2*time.Minute), func(ctx SpecContext) {
		climbers := start(ctx, ns, crashingThenLiving(unstable), crashingThenLiving(unstable).in(initContainer))
		climb(ctx, ns, climbers, 4, rungs(4, 4, kubelet(ctx, ns, climbers)))
	})

	It("ends at once, and begins anew, when the image is changed, of a container or a sidecar", claim.Proves("BACKOFF-08"), func(ctx SpecContext) {
		climbers := start(ctx, ns, crashing(1), crashing(0).in(sidecar))
		version := kubelet(ctx, ns, climbers)
		climb(ctx, ns, climbers, 2, nil)
		for _, c := range climbers {
			spec.Must(c.story.Await(ctx, ended(2)))
			spec.Must(ns.SetImage(ctx, c.story, crasher, ns.Cluster.WitnessTwin))
		}
		for _, c := range climbers {
			// The restart that was due after 20 s comes earlier. Its gap begins with
			// the exit that the change waited for.
			climb(ctx, ns, []*climber{c}, 4, []rung{{restart: 3, upper: documented(3) - early}, after(base, 4, version)})
			expectAnew(ctx, c)
		}
	})
})

// expectAnew checks what the API shows of a crasher that has been restarted twice since
// its image was changed.
func expectAnew(ctx SpecContext, c *climber) {
	GinkgoHelper()
	// BACKOFF-07 judges the wording of a wait.
	all, _ := waits(c.story.Versions())
	for _, w := range all {
		if w.restart == 4 && w.delay != base {
			Fail(fmt.Sprintf("while the second restart after the image change was held back, the message stated a delay of %s, but the back-off must start over with %s\n%s", w.delay, base, c.story))
		}
	}
	held := spec.Must(c.story.Await(ctx, ended(2)))
	changed := spec.Must(c.story.Await(ctx, ended(3)))
	Expect(pod.Status(changed.Pod, crasher).ImageID).NotTo(Equal(pod.Status(held.Pod, crasher).ImageID),
		fmt.Sprintf("the container must run the new image after the change\n%s", c.story))
}

// crashingThenLiving crashes three times, so that the next delay is 40 s, then
// lives for a time, and then keeps crashing.
func crashingThenLiving(span time.Duration) lives {
	return lives{[]time.Duration{short, short, short, span, short}, []int{1}, app}
}
