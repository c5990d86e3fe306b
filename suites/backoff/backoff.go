// Package backoff holds the specs on the delay before a container that ends
// again and again is restarted.
package backoff

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/spec"
)

var _ = Describe("The back-off", func() {
	ns := spec.Namespace()

	It("delays a restart after exit code 0 as after a crash", claim.Proves("BACKOFF-01"), func(ctx SpecContext) {
		// How much longer the delay is, is the business of other claims.
		delayed := rung{restart: 2, documented: base, lower: base - early, upper: time.Minute}
		climb(ctx, ns, start(ctx, ns, crashing(0), crashing(1)), 2, []rung{delayed})
	})

	It("lets the first restart come at once, and the second one after 10 s", claim.Proves("BACKOFF-03"), func(ctx SpecContext) {
		ladder(ctx, ns, 2, 1, 2)
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
		// One delay of 300 s proves little: doubled without a limit it would
		// be 320 s, and the kubelet may look 30 s late. The next would be 640 s.
		ladder(ctx, ns, 3, 7, 8)
	})
})

// ladder lets containers crash side by side and judges their restarts from
// first to last.
func ladder(ctx SpecContext, ns *spec.Space, beside, first, last int) {
	GinkgoHelper()
	var all []lives
	for range beside {
		all = append(all, crashing(1))
	}
	climbers := start(ctx, ns, all...)
	climb(ctx, ns, climbers, last, rungs(first, last, kubelet(ctx, ns, climbers)))
	// A kubelet looks again so late that a delay which is too long can pass for one that
	// is right. It also says what the delay is, where it is seen to wait at all; how it
	// words that is another claim.
	for _, c := range climbers {
		said, _ := waits(c.story.Versions())
		if err := judgeWaits(said, 1, 0); err != nil {
			Fail(fmt.Sprintf("%v\n%s", err, c.story))
		}
	}
}
