package probes

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
)

var _ = Describe("A startup probe", func() {
	ns := space{spec.Namespace()}

	for _, m := range mechanisms {
		It(fmt.Sprintf("%s holds the other probes back until it passes, and has its container restarted when it fails too often", m.words),
			claim.Proves("PROBE-KIND-03").Waiting((2*startupFailures+enough)*time.Second), func(ctx SpecContext) { ns.startup(ctx, m) })
	}

	It("without any other probe makes its Pod Ready as soon as it passes", claim.Proves("PROBE-KIND-06"), func(ctx SpecContext) {
		// Nothing else happens to the Pod that would have the kubelet look at it.
		alone := byHTTP.target("alone", firstPort)
		story := spec.Must(ns.Create(ctx, pod.New("alone",
			alone.container(ns, http.StatusServiceUnavailable, nil, pod.Startup(alone.probe(), pod.Threshold(slowFailures))))))
		spec.Must(story.Await(ctx, pod.AllRunning()))
		ns.expectArrived(ctx, story, alone, isFailure, enough)
		Expect(story).To(pod.NeverBe(pod.Ready()), "a Pod must not be Ready before its startup probe has passed")

		passes := time.Now()
		ns.answer(ctx, story, alone, http.StatusOK)
		ready := spec.Must(story.Await(ctx, pod.Ready()))
		spec.Bound{
			What: "startup probe that is the Pod's only one passes to the Pod is Ready, period 1 s", Documented: "at once",
			Most: soonReady, Must: "a Pod must be Ready as soon as its startup probe has passed and there is no other probe to wait for",
		}.Judge(ready.At.Sub(passes), story)
	})
})

// soonReady is far more than the probe period and what a busy machine adds, and less than
// the time after which the kubelet looks at every Pod again: at least a minute after it did
// so last, which was when the container started.
// Source: pkg/kubelet/kubelet.go (SyncFrequency), completeWork in pkg/kubelet/pod_workers.go.
const soonReady = 40 * time.Second

// startup runs two containers whose startup probes fail: one too often, and the other
// until the spec makes it pass.
func (s space) startup(ctx SpecContext, m mechanism) {
	slow, failing := m.target("slow", firstPort), m.target("failing", firstPort+10)
	others := []witness.ServeOption{witness.Script(livePath, witness.Always(http.StatusOK)), witness.Script(readyPath, witness.Always(http.StatusOK))}
	story := spec.Must(s.Create(ctx, pod.New("startup",
		slow.container(s, http.StatusServiceUnavailable, others,
			pod.Startup(slow.probe(), pod.Threshold(slowFailures)),
			pod.Liveness(pod.HTTPGet(slow.web, livePath), pod.Timeout(unhurried)),
			pod.Readiness(pod.HTTPGet(slow.web, readyPath), pod.Timeout(unhurried))),
		failing.container(s, http.StatusServiceUnavailable, nil,
			pod.Startup(failing.probe(), pod.Threshold(startupFailures))))))
	spec.Must(story.Await(ctx, pod.AllRunning()))

	log := s.logToTheEnd(ctx, story, failing, startupFailures*time.Second+soon)
	spec.Must(story.AwaitWithin(ctx, soon, pod.Restarted(failing.name, 1)))
	expectKilledBeforeStarted(log, story, failing)

	// The slow container has had its probes in that time.
	s.expectHeldBack(ctx, story, slow, 0)
	s.answer(ctx, story, slow, http.StatusOK)
	spec.Must(story.AwaitWithin(ctx, soon, pod.ContainerStarted(slow.name)))
	spec.Must(story.AwaitWithin(ctx, soon, pod.ContainerReady(slow.name)))
	for _, path := range []string{livePath, readyPath} {
		s.expectProbes(ctx, story, slow.name, path, enough)
	}
	log = spec.Must(s.Log(ctx, story, slow.name, false))
	expectOthersAfter(log, slow, story)
	Expect(slow.arrived(log, isSuccess)).To(slow.times(1), "no startup probe may come after one has passed\n%s", story)
	Expect(story).To(pod.NeverBe(pod.Restarted(slow.name, 1)), "a container whose startup probe passes in time must not be restarted")

	// The next instance of the other one has a startup probe of its own.
	spec.Must(story.AwaitWithin(ctx, startupFailures*time.Second+soon, pod.Restarted(failing.name, 2)))
	expectNeverStarted(story, failing)
}

// expectKilledBeforeStarted checks that a container got SIGTERM when failureThreshold
// startup probes had failed.
func expectKilledBeforeStarted(log []record.Line, story *journal.Story, t target) {
	GinkgoHelper()
	term := expectTerm(log, story, t)
	expectNeverStarted(story, t)
	if t.mechanism == byTCP {
		expectFailingFor(startupFailures, log, term, story)
		return
	}
	// Probes that came before the process listened did not arrive and count as failed, one
	// each second and one more. The time of the start is cut to whole seconds.
	unheard := 1
	ended := pod.Status(story.Last(), t.name).LastTerminationState.Terminated
	if listening := witness.Select(log, record.Listening); len(listening) > 0 && ended != nil {
		unheard += int(math.Ceil(listening[len(listening)-1].At().Sub(ended.StartedAt.Time).Seconds()))
	}
	least := startupFailures - unheard
	Expect(len(t.arrived(log, isFailure))).To(And(BeNumerically(">=", least), BeNumerically("<=", t.most(startupFailures))),
		"container %s must be killed when failureThreshold startup probes have failed\n%s", t.name, story)
}

// expectNeverStarted checks that no instance so far of a container whose startup probe fails
// has been started or ready.
func expectNeverStarted(story *journal.Story, t target) {
	GinkgoHelper()
	Expect(story).To(pod.NeverBe(pod.ContainerStarted(t.name)), "a container whose startup probe fails must not count as started")
	Expect(story).To(pod.NeverBe(pod.ContainerReady(t.name)), "a container whose startup probe fails must not be ready, though it has no readiness probe")
}

// expectHeldBack checks that the instance of a container after so many restarts, whose
// startup probe fails, has had no other probe and counts neither as started nor as ready.
func (s space) expectHeldBack(ctx SpecContext, story *journal.Story, t target, restarts int32) {
	GinkgoHelper()
	which := fmt.Sprintf("container %s", t.name)
	if restarts > 0 {
		which = fmt.Sprintf("container %s, restarted %d times,", t.name, restarts)
	}
	log := spec.Must(s.Log(ctx, story, t.name, false))
	for kind, path := range map[string]string{"liveness": livePath, "readiness": readyPath} {
		Expect(requestsFor(log, path)).To(BeEmpty(), "no %s probe of %s may come before its startup probe has passed\n%s", kind, which, story)
	}
	for word, state := range map[string]journal.State{"started": pod.ContainerStarted(t.name), "ready": pod.ContainerReady(t.name)} {
		Expect(story).To(pod.NeverBe(afterRestarts(t.name, restarts, word, state)), "%s must not count as %s before its startup probe has passed", which, word)
	}
}

// instance holds while the instance of a container after so many restarts runs.
func instance(container string, restarts int32) journal.State {
	return afterRestarts(container, restarts, "running", pod.ContainerRunning(container))
}

// afterRestarts narrows a state to the running instance of a container after so many
// restarts.
func afterRestarts(container string, restarts int32, word string, state journal.State) journal.State {
	return journal.State{
		Text: fmt.Sprintf("to have the instance of container %s after %d restarts %s", container, restarts, word),
		Holds: func(p *corev1.Pod) bool {
			status := pod.Status(p, container)
			return status != nil && status.RestartCount == restarts && status.State.Running != nil && state.Holds(p)
		},
	}
}

// expectOthersAfter checks that liveness and readiness probes came only after the startup
// probe had passed.
func expectOthersAfter(log []record.Line, t target, story *journal.Story) {
	GinkgoHelper()
	passed := t.arrived(log, isSuccess)
	Expect(passed).NotTo(BeEmpty(), "a container must not count as started before a startup probe has passed\n%s", story)
	others := append(requestsFor(log, livePath), requestsFor(log, readyPath)...)
	first := slices.MinFunc(others, func(a, b record.Line) int { return int(a.Seq - b.Seq) })
	if t.mechanism == byTCP {
		// The kubelet does not wait until a connection is in the log.
		passed = witness.Select(log, record.Listening)[1:]
	}
	Expect(first.Seq).To(BeNumerically(">", passed[0].Seq), "no liveness or readiness probe may come before the startup probe has passed\n%s", story)
}
