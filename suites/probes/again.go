package probes

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
)

var _ = Describe("After a restart a startup probe", func() {
	ns := space{spec.Namespace()}

	It("holds the other probes back again when the container had ended by itself, also a second time", claim.Proves("PROBE-KIND-04"), func(ctx SpecContext) {
		aside, failed, done := byHTTP.target("aside", firstPort), byHTTP.target("failed", firstPort+10), byHTTP.target("done", firstPort+20)
		aside.sidecar = true
		codes := map[target]int{aside: 3, failed: 1, done: 0}
		story := ns.guarded(ctx, aside, failed, done)
		for restarts := range int32(2) {
			for t, code := range codes {
				spec.Must(ns.Get(ctx, story, t.web, "/exit", map[string]string{"code": strconv.Itoa(code)}))
			}
			for t := range codes {
				ns.awaitGuarded(ctx, story, t, restarts+1)
			}
			for t := range codes {
				ns.expectHeldBack(ctx, story, t, restarts+1)
				ns.letStart(ctx, story, t, restarts+1)
			}
		}
	})

	It("holds the other probes back again when the liveness probe had failed", claim.Proves("PROBE-KIND-05"), func(ctx SpecContext) {
		aside, killed := byHTTP.target("aside", firstPort), byHTTP.target("killed", firstPort+10)
		aside.sidecar = true
		story := ns.guarded(ctx, aside, killed)
		for _, t := range []target{killed, aside} {
			ns.set(ctx, story, t.web, livePath, http.StatusServiceUnavailable)
		}
		for _, t := range []target{killed, aside} {
			ns.awaitGuarded(ctx, story, t, 1)
			spec.AsDocumented("PROBE-KIND-05", "", story, func() { ns.expectHeldBack(ctx, story, t, 1) })
			ns.letStart(ctx, story, t, 1)
		}
	})
})

// patientFailures is a failureThreshold that takes seconds to reach.
const patientFailures = 6

// guarded starts a Pod whose containers have all three probes, each with a startup probe
// that fails in every instance until the spec makes it pass, and lets them start.
func (s space) guarded(ctx SpecContext, targets ...target) *journal.Story {
	GinkgoHelper()
	others := []witness.ServeOption{witness.Script(livePath, witness.Always(http.StatusOK)), witness.Script(readyPath, witness.Always(http.StatusOK))}
	var options []pod.Option
	for _, t := range targets {
		options = append(options, t.container(s, http.StatusServiceUnavailable, others,
			pod.Startup(t.probe(), pod.Threshold(slowFailures)),
			// More failures than come while a process ends by itself, or begins.
			pod.Liveness(pod.HTTPGet(t.web, livePath), pod.Timeout(unhurried), pod.Threshold(patientFailures)),
			pod.Readiness(pod.HTTPGet(t.web, readyPath), pod.Timeout(unhurried))))
	}
	story := spec.Must(s.Create(ctx, pod.New("guarded", options...)))
	for _, t := range targets { // a sidecar that has not started holds back what comes after it
		s.awaitGuarded(ctx, story, t, 0)
		s.expectHeldBack(ctx, story, t, 0)
		s.letStart(ctx, story, t, 0)
	}
	return story
}

// awaitGuarded waits until the instance of a container after so many restarts runs and its
// startup probe has failed a few times.
func (s space) awaitGuarded(ctx SpecContext, story *journal.Story, t target, restarts int32) {
	GinkgoHelper()
	spec.Must(story.Await(ctx, instance(t.name, restarts)))
	spec.Must(s.FollowLog(ctx, story, t.name, fmt.Sprintf("%d startup probes", enough), func(lines []record.Line) bool {
		return len(t.arrived(lines, isFailure)) >= enough
	}))
}

// letStart makes the startup probe of an instance pass, after which it must be started and
// ready within a few probe periods.
func (s space) letStart(ctx SpecContext, story *journal.Story, t target, restarts int32) {
	GinkgoHelper()
	s.answer(ctx, story, t, http.StatusOK)
	started := afterRestarts(t.name, restarts, "started", pod.ContainerStarted(t.name))
	ready := afterRestarts(t.name, restarts, "ready", pod.ContainerReady(t.name))
	within := enough*time.Second + soon
	spec.Must(story.AwaitWithin(ctx, within, started))
	spec.Must(story.AwaitWithin(ctx, within, ready))
	for _, path := range []string{livePath, readyPath} {
		s.expectProbes(ctx, story, t.name, path, 1)
	}
}
