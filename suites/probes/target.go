package probes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	"github.com/podproof/podproof/fixtures/witness/record"
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
	probed = enough + 1
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

// Paths of the other two probes beside a startup probe.
const (
	livePath  = "/live"
	readyPath = "/ready"
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

var mechanisms = []mechanism{byHTTP, byTCP, byGRPC, byExec}

// target is a container that is probed. For every mechanism, its answer follows the status
// set for one path, and its log counts the probes.
type target struct {
	mechanism
	name      string
	web, port int  // for HTTP; for the mechanism, if it needs another one
	sidecar   bool // the container is a sidecar
	named     bool // the probe names its port, where the mechanism allows that
}

func (m mechanism) target(name string, port int) target {
	return target{mechanism: m, name: name, web: port, port: port + 1}
}

// portName is the name of the probed port in every container that has one, so that a probe
// must take the port of its own container.
const portName = "probed"

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
	if t.named {
		options = append(options, pod.Port(portName, t.probedPort()))
	}
	if t.sidecar {
		return s.Sidecar(t.name, witness.Serve(serve...), options...)
	}
	return s.Witness(t.name, witness.Serve(serve...), options...)
}

func (t target) probedPort() int {
	if t.mechanism == byTCP {
		return t.port
	}
	return t.web
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
	if t.named {
		pod.NamedPort(portName)(p)
	}
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
