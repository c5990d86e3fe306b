package probes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
)

const (
	// livenessFailures and startupFailures are the failureThresholds of the
	// specs, neither of them the default of 3.
	livenessFailures = 4
	startupFailures  = 6
	// slowFailures is more than the failures of a startup probe that will still
	// pass.
	slowFailures = 300
	// enough is how many probes must have arrived before a container counts as
	// one that does not become ready. By the documentation a single one is
	// enough, because successThreshold is 1.
	enough = 3
	// probed is how many probes of a container that is never ready must have come. It is
	// more than the default failureThreshold of 3.
	probed = 2 * enough
	// firstPort is the port of a Pod's first server here; the others follow.
	firstPort = 8081
	// lingers is how long a killed process continues. It is more than the 2 s
	// that the kubelet always allows (minimumGracePeriodInSeconds in
	// pkg/kubelet/kuberuntime).
	lingers = 3 * time.Second
	// lingered is its exit code after that. A process killed earlier has another one.
	lingered = 7
	// unhurried is the timeout of the probes in seconds. The answer comes at once,
	// and a busy machine must not turn a good answer into a failure.
	unhurried = 10
	// soon is extra time beyond the inherent wait, for a busy machine.
	soon = 45 * time.Second
)

// mechanism is a way in which the kubelet can probe.
type mechanism struct {
	name  string // as the field of a probe
	words string // as the names of specs say it
}

var (
	byHTTP = mechanism{"httpGet", "by HTTP"}
	byTCP  = mechanism{"tcpSocket", "by TCP"}
	byGRPC = mechanism{"grpc", "by gRPC"}
	byExec = mechanism{"exec", "by a command"}
)

var _ = Describe("A probe", func() {
	ns := space{spec.Namespace()}

	for _, m := range []mechanism{byHTTP, byTCP, byGRPC, byExec} {
		often := "at failureThreshold failures"
		if m == byTCP { // its failures do not arrive
			often = "when it has failed for long enough"
		}
		It(fmt.Sprintf("%s for liveness has a container killed with grace and restarted %s, and else left alone", m.words, often),
			claim.Proves("PROBE-KIND-01"), func(ctx SpecContext) { ns.liveness(ctx, m) })

		It(fmt.Sprintf("%s for readiness decides whether a container is ready, and never restarts it", m.words),
			claim.Proves("PROBE-KIND-01").Waiting((probed-1)*time.Second), func(ctx SpecContext) { ns.readiness(ctx, m) })

		It(fmt.Sprintf("%s for startup holds the other probes back until it passes, and has the container restarted when it does not", m.words),
			claim.Proves("PROBE-KIND-01").Waiting((startupFailures+enough)*time.Second), func(ctx SpecContext) { ns.startup(ctx, m) })
	}
})

// liveness runs two equal containers whose probes pass, and then makes the probes of one
// fail.
func (s space) liveness(ctx SpecContext, m mechanism) {
	passing, failing := m.target("passing", firstPort), m.target("failing", firstPort+10)
	live := func(t target) pod.Option {
		return t.container(s, http.StatusOK, []witness.ServeOption{witness.OnTerm(witness.LingerThen(lingers, lingered))},
			pod.Liveness(t.probe(), pod.Threshold(livenessFailures)))
	}
	story := spec.Must(s.Create(ctx, pod.New("liveness", live(passing), live(failing))))
	spec.Must(story.Await(ctx, pod.AllRunning()))
	// After the first probe that passed, every failure arrives.
	s.expectPassed(ctx, story, failing, 1)
	s.answer(ctx, story, failing, http.StatusServiceUnavailable)

	log := s.logToTheEnd(ctx, story, failing, livenessFailures*time.Second+lingers+soon)
	spec.Must(story.AwaitWithin(ctx, soon, pod.Restarted(failing.name, 1)))
	term := expectTerm(log, story, failing)
	if m == byTCP {
		expectFailingFor(livenessFailures, log, term, story)
	} else {
		Expect(failing.arrived(log, isFailure)).To(failing.times(livenessFailures), "container %s must be killed when failureThreshold liveness probes in a row have failed\n%s", failing.name, story)
	}
	ends := pod.ExitCodes(story, failing.name)
	// The status may not show it, because the kubelet's garbage collector can have
	// removed that instance, see namespace.Space.CreateAgain.
	if last := log[len(log)-1]; last.Event == record.Exit {
		ends = []int32{int32(*last.Code)}
	}
	Expect(ends).To(HaveExactElements(int32(lingered)), "the process continues for %s after SIGTERM and then ends with %d: it must have the Pod's grace period of 30 s and must not be killed earlier\n%s", lingers, lingered, story)

	// The passing container has been probed as often, and more.
	s.expectPassed(ctx, story, passing, livenessFailures+1)
	Expect(story).To(pod.NeverBe(pod.Restarted(passing.name, 1)), "a container whose liveness probe passes must not be restarted")
	Expect(witness.Count(spec.Must(s.Log(ctx, story, passing.name, false)), record.Signal)).To(BeZero(), "a container whose liveness probe passes must get no signal\n%s", story)
}

// readiness runs two containers, whose probes pass and fail.
func (s space) readiness(ctx SpecContext, m mechanism) {
	passing, failing := m.target("passing", firstPort), m.target("failing", firstPort+10)
	story := spec.Must(s.Create(ctx, pod.New("readiness",
		passing.container(s, http.StatusOK, nil, pod.Readiness(passing.probe())),
		failing.container(s, http.StatusServiceUnavailable, nil, pod.Readiness(failing.probe())))))
	spec.Must(story.Await(ctx, pod.AllRunning()))
	spec.Must(story.AwaitWithin(ctx, soon, pod.ContainerReady(passing.name)))
	expectUnready := func() {
		GinkgoHelper()
		Expect(story).To(pod.NeverBe(pod.ContainerReady(failing.name)), "a container whose readiness probe fails must not be ready")
		Expect(story).To(pod.NeverBe(pod.Ready()), "a Pod with a container that is not ready must not be Ready")
	}
	expectUnready() // even if something comes late from here on
	s.expectPassed(ctx, story, passing, 1)

	if m != byTCP { // refused connections cannot be counted
		s.expectArrived(ctx, story, failing, isFailure, probed)
	}
	// A container that is not ready can be probed more often than each second. A ready
	// one cannot, so this is enough time for what must not come.
	s.expectPassed(ctx, story, passing, probed)
	expectUnready()
	for _, t := range []target{passing, failing} {
		Expect(story).To(pod.NeverBe(pod.Restarted(t.name, 1)), "a readiness probe must not restart a container")
		Expect(witness.Count(spec.Must(s.Log(ctx, story, t.name, false)), record.Signal)).To(BeZero(), "a readiness probe must not kill container %s\n%s", t.name, story)
	}
	Expect(story).To(pod.BeNow(pod.ContainerReady(passing.name)), "a container whose readiness probe passes must be ready")
}

// Paths of the other two probes beside a startup probe.
const (
	livePath  = "/live"
	readyPath = "/ready"
)

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
	term := expectTerm(log, story, failing)
	if m == byTCP {
		expectFailingFor(startupFailures, log, term, story)
	} else {
		// Probes that came before the process could answer did not arrive and count
		// as failed.
		Expect(len(failing.arrived(log, isFailure))).To(And(BeNumerically(">", startupFailures/2), BeNumerically("<=", failing.most(startupFailures))),
			"container %s must be killed when failureThreshold startup probes have failed\n%s", failing.name, story)
	}
	Expect(story).To(pod.NeverBe(pod.ContainerStarted(failing.name)), "a container whose startup probe fails must not count as started")

	// The slow container has had its probes in that time.
	log = spec.Must(s.Log(ctx, story, slow.name, false))
	Expect(len(requestsFor(log, livePath))+len(requestsFor(log, readyPath))).To(BeZero(), "no liveness or readiness probe may come before the startup probe has passed\n%s", story)
	Expect(story).To(pod.NeverBe(pod.ContainerStarted(slow.name)), "a container whose startup probe has not passed must not count as started")
	Expect(story).To(pod.NeverBe(pod.ContainerReady(slow.name)), "a container whose startup probe has not passed must not be ready")
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
}

// target is a container that is probed. For every mechanism, its answer follows the status
// set for one path, and its log counts the probes.
type target struct {
	mechanism
	name      string
	web, port int // for HTTP; for the mechanism, if it needs another one
}

func (m mechanism) target(name string, port int) target { return target{m, name, port, port + 1} }

const probedPath, probedService = "/probed", "probed"

// path is the path whose status the probes get.
func (t target) path() string {
	if t.mechanism == byTCP {
		return witness.ScriptedPath
	}
	return probedPath
}

// container is a container whose probes get the status until answer sets another one.
func (t target) container(s space, status int, more []witness.ServeOption, options ...pod.ContainerOption) pod.Option {
	serve := append([]witness.ServeOption{witness.HTTP(t.web), witness.Script(t.path(), witness.Always(status))}, more...)
	switch t.mechanism {
	case byTCP:
		serve = append(serve, witness.TCP(t.port, witness.Scripted))
	case byGRPC:
		serve = append(serve, witness.GRPC(t.port))
	}
	return s.Witness(t.name, witness.Serve(serve...), options...)
}

// probe is a probe of the container, each second.
func (t target) probe() *corev1.Probe {
	var p *corev1.Probe
	switch t.mechanism {
	case byTCP:
		p = pod.TCP(t.port)
	case byGRPC:
		p = pod.GRPC(t.port, probedService)
	case byExec:
		p = pod.Exec(witness.Check(witness.Ask(t.web, probedPath))...)
	default:
		p = pod.HTTPGet(t.web, probedPath)
	}
	p.TimeoutSeconds = unhurried
	return p
}

// arrived are the lines of the probes with such an answer. Only the TCP probes that passed
// arrive.
func (t target) arrived(lines []record.Line, answered func(status int) bool) []record.Line {
	var probes []record.Line
	for _, l := range lines {
		status := 0
		switch r := l.Request; {
		case t.mechanism == byTCP && l.Event == record.Closed:
			status = http.StatusOK
		case t.mechanism == byGRPC && r != nil && r.Service != nil && *r.Service == probedService,
			t.mechanism == byHTTP && l.Event == record.Probed && r.Path == probedPath,
			t.mechanism == byExec && l.Event == record.Requested && r.Path == probedPath:
			status = r.Status
		}
		if status != 0 && answered(status) {
			probes = append(probes, l)
		}
	}
	return probes
}

func isSuccess(status int) bool { return status == http.StatusOK }
func isFailure(status int) bool { return !isSuccess(status) }

// times matches the arrivals of n probes.
func (t target) times(n int) types.GomegaMatcher {
	return WithTransform(func(probes []record.Line) int { return len(probes) }, And(BeNumerically(">=", n), BeNumerically("<=", t.most(n))))
}

// most is how often n probes may arrive. The kubelet runs a command again if the runtime
// could not report how it ended.
func (t target) most(n int) int {
	if t.mechanism == byExec {
		const tries = 3 // maxProbeRetries in pkg/kubelet/prober/prober.go
		return n * tries
	}
	return n
}

// answer sets the status for the container's probes from now on.
func (s space) answer(ctx context.Context, story *journal.Story, t target, status int) {
	GinkgoHelper()
	s.set(ctx, story, t.web, t.path(), status)
}

// set makes the witness on the port answer a path with the status.
func (s space) set(ctx context.Context, story *journal.Story, port int, path string, status int) {
	GinkgoHelper()
	spec.Must(s.Get(ctx, story, port, "/set", map[string]string{"path": path, "code": strconv.Itoa(status)}))
}

func (s space) expectPassed(ctx SpecContext, story *journal.Story, t target, n int) {
	GinkgoHelper()
	s.expectArrived(ctx, story, t, isSuccess, n)
}

// expectArrived waits until n probes with such an answer have reached the container.
func (s space) expectArrived(ctx SpecContext, story *journal.Story, t target, answered func(int) bool, n int) {
	GinkgoHelper()
	limited, cancel := context.WithTimeout(ctx, time.Duration(n)*time.Second+soon)
	defer cancel()
	spec.Must(s.FollowLog(limited, story, t.name, fmt.Sprintf("%d probes %s", n, t.words), func(lines []record.Line) bool {
		return len(t.arrived(lines, answered)) >= n
	}))
}

// logToTheEnd follows the log of a container's first instance until its process has
// ended, which must happen in time. (Afterwards the log may be gone: the kubelet's garbage
// collector can remove an ended instance while the next one starts.)
func (s space) logToTheEnd(ctx context.Context, story *journal.Story, t target, within time.Duration) []record.Line {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var first []record.Line
	_, err := s.FollowLog(ctx, story, t.name, "its end, after its probes had failed", func(lines []record.Line) bool {
		if first != nil && lines[0].Instance != first[0].Instance {
			return true // the first instance was killed before it could log its end
		}
		first = lines
		return lines[len(lines)-1].Event == record.Exit
	})
	if errors.Is(err, io.EOF) && first != nil {
		return first // the same, but the next instance does not run yet
	}
	spec.Do(err)
	return first
}

// expectTerm returns the line of the SIGTERM that ended an instance.
func expectTerm(log []record.Line, story *journal.Story, t target) record.Line {
	GinkgoHelper()
	signals := witness.Select(log, record.Signal)
	Expect(signals).To(HaveExactElements(HaveField("Signal", "SIGTERM")), "container %s must get exactly one SIGTERM for its failed probe\n%s", t.name, story)
	return signals[0]
}

// expectFailingFor checks that a port refused connections for long enough before SIGTERM:
// for that many probes, one each second. A late probe and the next one follow each other
// closely, so only every second probe takes a whole period.
func expectFailingFor(probes int, log []record.Line, term record.Line, story *journal.Story) {
	GinkgoHelper()
	closed := log[0]
	if set := requestsFor(log, "/set"); len(set) > 0 {
		closed = set[len(set)-1]
	}
	least := time.Duration((probes-1)/2) * time.Second
	Expect(term.Since(closed)).To(BeNumerically(">=", least), "the container must not be killed before failureThreshold probes have failed, which takes at least %s\n%s", least, story)
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

func requestsFor(log []record.Line, path string) []record.Line {
	var found []record.Line
	for _, l := range log {
		if l.Request != nil && l.Request.Path == path {
			found = append(found, l)
		}
	}
	return found
}

// expectProbes waits until n HTTP probes have reached the container.
func (s space) expectProbes(ctx SpecContext, story *journal.Story, container, path string, n int) {
	GinkgoHelper()
	spec.Must(s.FollowLog(ctx, story, container, fmt.Sprintf("%d probes of %s", n, path), func(lines []record.Line) bool {
		return len(witness.Probes(lines, path)) >= n
	}))
}
