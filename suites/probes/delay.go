package probes

import (
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
)

var _ = Describe("The initial delay of a probe", func() {
	ns := space{spec.Namespace()}

	It("holds the first probe back until it is over", claim.Proves("PROBE-DELAY-01").Waiting(6*time.Second), func(ctx SpecContext) {
		const (
			web   = firstPort
			delay = 6 * time.Second
		)
		story := spec.Must(ns.Create(ctx, pod.New("held-back", ns.Witness("w",
			witness.Serve(witness.HTTP(web),
				witness.Script(livePath, witness.Always(http.StatusOK)), witness.Script(readyPath, witness.Always(http.StatusOK))),
			pod.Liveness(pod.HTTPGet(web, livePath), pod.Timeout(unhurried), pod.InitialDelay(int32(delay/time.Second))),
			pod.Readiness(pod.HTTPGet(web, readyPath), pod.Timeout(unhurried), pod.InitialDelay(int32(delay/time.Second))),
		))))
		p := spec.Must(story.Await(ctx, pod.AllRunning())).Pod
		log := spec.Must(ns.FollowLog(ctx, story, "w", "liveness and readiness probes", func(lines []record.Line) bool {
			return len(requestsFor(lines, livePath)) > 0 && len(requestsFor(lines, readyPath)) > 0
		}))
		// By the clock of the node, which the API cuts to whole seconds: that makes
		// what was waited seem longer, never shorter.
		started := pod.Status(p, "w").State.Running.StartedAt.Time
		for kind, path := range map[string]string{"liveness": livePath, "readiness": readyPath} {
			waited := requestsFor(log, path)[0].At().Sub(started)
			claim.MeasureTime("PROBE-DELAY-01", "start of the container to the first "+kind+" probe with initialDelaySeconds of 6", "6 s", waited, waited >= delay)
			Expect(waited).To(BeNumerically(">=", delay), "the first %s probe must not come before the initialDelaySeconds are over\n%s", kind, story)
		}
	})

	It("is counted from the start of the container, not from the success of its startup probe", claim.Proves("PROBE-DELAY-01"), func(ctx SpecContext) {
		const (
			web       = firstPort
			startPath = "/start"
			delay     = 6 // seconds
		)
		story := spec.Must(ns.Create(ctx, pod.New("delayed", ns.Witness("w",
			witness.Serve(witness.HTTP(web),
				witness.Script(startPath, witness.Times(delay+1, http.StatusServiceUnavailable), witness.Always(http.StatusOK)),
				witness.Script(livePath, witness.Always(http.StatusOK)), witness.Script(readyPath, witness.Always(http.StatusOK))),
			pod.Startup(pod.HTTPGet(web, startPath), pod.Timeout(unhurried), pod.Threshold(slowFailures)),
			pod.Liveness(pod.HTTPGet(web, livePath), pod.Timeout(unhurried), pod.InitialDelay(delay)),
			pod.Readiness(pod.HTTPGet(web, readyPath), pod.Timeout(unhurried), pod.InitialDelay(delay)),
		))))
		spec.Must(story.Await(ctx, pod.AllRunning()))
		log := spec.Must(ns.FollowLog(ctx, story, "w", "liveness and readiness probes", func(lines []record.Line) bool {
			return len(requestsFor(lines, livePath)) > 0 && len(requestsFor(lines, readyPath)) > 0
		}))
		starts := requestsFor(log, startPath)
		passed := starts[len(starts)-1]
		Expect(passed.Request.Status).To(Equal(http.StatusOK), "the other probes must wait for the startup probe\n%s", story)
		for kind, path := range map[string]string{"liveness": livePath, "readiness": readyPath} {
			took := requestsFor(log, path)[0].Since(passed)
			// A delay that began now would be 6 s, cut to whole seconds; the
			// next probe of a kubelet that does not wait comes within 1 s, and
			// somewhat later from a busy one.
			early := took < (delay-1)*time.Second
			claim.MeasureTime("PROBE-DELAY-01", "startup probe passed to first "+kind+" probe with initialDelaySeconds of 6 that are over", "6 s (in truth at most the period of 1 s)", took, early)
			Expect(early).To(BeTrue(), "the first %s probe came %s after the startup probe had passed: its initialDelaySeconds of %d must count from the start of the container, when they were over long ago\n%s", kind, took, delay, story)
		}
	})
})
