package probes

import (
	"net/http"
	"strconv"
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

var _ = Describe("The initial delay of a probe", func() {
	ns := space{spec.Namespace()}

	It("holds the first probe of every instance back until it is over", claim.Proves("PROBE-DELAY-01").Waiting(2*initialDelay*time.Second), func(ctx SpecContext) {
		const web = firstPort
		story := spec.Must(ns.Create(ctx, pod.New("held-back", ns.Witness("w",
			witness.Serve(witness.HTTP(web),
				witness.Script(livePath, witness.Always(http.StatusOK)), witness.Script(readyPath, witness.Always(http.StatusOK))),
			pod.Liveness(pod.HTTPGet(web, livePath), pod.Timeout(unhurried), pod.InitialDelay(initialDelay)),
			pod.Readiness(pod.HTTPGet(web, readyPath), pod.Timeout(unhurried), pod.InitialDelay(initialDelay)),
		))))
		for restarts, which := range []string{"start of the container", "first restart of the container"} {
			if restarts > 0 {
				spec.Must(ns.Get(ctx, story, web, "/exit", nil))
			}
			p := spec.Must(story.Await(ctx, instance("w", int32(restarts)))).Pod
			log := spec.Must(ns.FollowLog(ctx, story, "w", "liveness and readiness probes", bothProbed))
			// The time is from the node's clock, and the API cuts it to whole seconds. That
			// makes the wait seem longer, never shorter.
			started := pod.Status(p, "w").State.Running.StartedAt.Time
			for kind, path := range map[string]string{"liveness": livePath, "readiness": readyPath} {
				spec.Bound{
					What: which + " to the first " + kind + " probe with initialDelaySeconds of 6", Documented: "6 s",
					Least: initialDelay * time.Second,
					Must:  "the first " + kind + " probe must not come before the initialDelaySeconds have passed since the " + which,
				}.Judge(requestsFor(log, path)[0].At().Sub(started), story)
			}
		}
	})

	It("is counted from the start of the container, not from the success of its startup probe", claim.Proves("PROBE-DELAY-01"), func(ctx SpecContext) {
		// A delay that began when the startup probe passed would be 6 s, cut to whole
		// seconds. A kubelet that does not wait sends the next probe within 1 s. A busy
		// kubelet sends it later, but only by chance and not each time.
		first := map[string]time.Duration{}
		var story *journal.Story
		for attempt := range spec.Attempts(3, lookAgain) {
			var took map[string]time.Duration
			story, took = afterStartup(ctx, ns, attempt)
			late := false
			for kind, t := range took {
				if before, known := first[kind]; !known || t < before {
					first[kind] = t
				}
				late = late || first[kind] > soonAfterStartup
			}
			if !late {
				break
			}
		}
		for kind, took := range first {
			spec.Bound{
				What: "startup probe passed to first " + kind + " probe with initialDelaySeconds of 6 that are over", Documented: "6 s (in truth at most the period of 1 s)",
				Most: soonAfterStartup,
				Must: "the first " + kind + " probe must come soon after the startup probe has passed, because its initialDelaySeconds of 6 count from the start of the container and had passed long before",
			}.Judge(took, story)
		}
	})
})

const (
	initialDelay = 6 // seconds
	// lookAgain is enough time for one more container to pass its startup probe.
	lookAgain = 45 * time.Second
)

// soonAfterStartup is less than a delay that begins only now.
const soonAfterStartup = (initialDelay - 1) * time.Second

// bothProbed reports whether a liveness and a readiness probe have come.
func bothProbed(lines []record.Line) bool {
	return len(requestsFor(lines, livePath)) > 0 && len(requestsFor(lines, readyPath)) > 0
}

// afterStartup starts a container whose startup probe passes when the initial delay of
// its other probes is over. It returns how long after that the first probe of each other
// kind came.
func afterStartup(ctx SpecContext, ns space, attempt int) (*journal.Story, map[string]time.Duration) {
	GinkgoHelper()
	const web = firstPort
	story := spec.Must(ns.Create(ctx, pod.New("delayed-"+strconv.Itoa(attempt), ns.Witness("w",
		witness.Serve(witness.HTTP(web),
			witness.Script(startPath, witness.Times(initialDelay+1, http.StatusServiceUnavailable), witness.Always(http.StatusOK)),
			witness.Script(livePath, witness.Always(http.StatusOK)), witness.Script(readyPath, witness.Always(http.StatusOK))),
		pod.Startup(pod.HTTPGet(web, startPath), pod.Timeout(unhurried), pod.Threshold(slowFailures)),
		pod.Liveness(pod.HTTPGet(web, livePath), pod.Timeout(unhurried), pod.InitialDelay(initialDelay)),
		pod.Readiness(pod.HTTPGet(web, readyPath), pod.Timeout(unhurried), pod.InitialDelay(initialDelay)),
	))))
	spec.Must(story.Await(ctx, pod.AllRunning()))
	log := spec.Must(ns.FollowLog(ctx, story, "w", "liveness and readiness probes", bothProbed))
	starts := requestsFor(log, startPath)
	passed := starts[len(starts)-1]
	Expect(passed.Request.Status).To(Equal(http.StatusOK), "the other probes must wait for the startup probe\n%s", story)
	return story, map[string]time.Duration{
		"liveness":  requestsFor(log, livePath)[0].Since(passed),
		"readiness": requestsFor(log, readyPath)[0].Since(passed),
	}
}
