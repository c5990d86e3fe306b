package probes

import (
	"bytes"
	"fmt"
	"net/http"
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

var _ = Describe("A liveness probe", func() {
	ns := space{spec.Namespace()}

	for _, m := range mechanisms {
		often := "at failureThreshold failures in a row"
		if m == byTCP { // its failures do not arrive
			often = "when it has failed for long enough"
		}
		It(fmt.Sprintf("%s has its container killed with grace and restarted %s, and else leaves it alone", m.words, often),
			claim.Proves("PROBE-KIND-01").Waiting(waits(m)), func(ctx SpecContext) { ns.liveness(ctx, m) })
	}

	It("that fails from the first moment of the next instance on has that killed at failureThreshold failures of its own", claim.Proves("PROBE-KIND-01").Waiting(2*livenessFailures*time.Second), func(ctx SpecContext) {
		const life, runs, open, keeper = "/shared/life", "/shared/runs", "/open", "keeper"
		story := spec.Must(ns.Create(ctx, pod.New("failing-on", pod.Volume("shared"),
			ns.Sidecar(keeper, witness.Serve(witness.HTTP(httpPort), witness.Script(open, witness.Always(http.StatusServiceUnavailable))), pod.Mount("shared", "/shared")),
			ns.Witness("w", witness.Run(witness.Record(runs), witness.ID("w")), pod.Mount("shared", "/shared"),
				// It passes when there is an answer for the command of the liveness probe.
				pod.Startup(pod.HTTPGet(httpPort, open), pod.Timeout(unhurried), pod.Threshold(slowFailures)),
				pod.Liveness(pod.Exec(witness.Check(witness.LifeFile(life), witness.Record(runs), witness.ID("probe"))...), pod.Timeout(unhurried), pod.Threshold(livenessFailures))))))
		spec.Must(story.Await(ctx, pod.AllRunning()))
		answer := func(code int) {
			GinkgoHelper()
			written := spec.Must(ns.File(ctx, story, httpPort, life, string(witness.ExitAfter(0, code))))
			Expect(written.OK).To(BeTrue(), "the file for the probe's command could not be written: %s", written.Error)
		}
		answer(0)
		ns.set(ctx, story, httpPort, open, http.StatusOK)
		spec.Must(story.AwaitWithin(ctx, soon, pod.ContainerStarted("w")))
		answer(1)
		spec.Must(story.Await(ctx, instance("w", 2)))

		lines := spec.Must(witness.ReadLog(bytes.NewReader(spec.Must(ns.Get(ctx, story, httpPort, "/records", map[string]string{"path": runs})))))
		Expect(probesOfInstance(lines, 1)).To(BeNumerically(">=", livenessFailures), "the second instance must be killed when failureThreshold liveness probes of its own have failed; those of the first one must not count\n%s", story)
	})
})

// probesOfInstance is how many probes by a command have begun between the start of the
// numbered instance of container w and its SIGTERM.
func probesOfInstance(lines []record.Line, number int) int {
	var began, ended int64
	for i, instance := range witness.Instances(witness.From(lines, "w")) {
		if i == number {
			began = instance.Lines[0].BT
			for _, signal := range witness.Select(instance.Lines, record.Signal) {
				ended = signal.BT
			}
		}
	}
	count := 0
	for _, l := range witness.Select(witness.From(lines, "probe"), record.Start) {
		if l.BT > began && (ended == 0 || l.BT < ended) {
			count++
		}
	}
	return count
}

// waits is the inherent wait of the spec of a mechanism: the claim's with two instances.
func waits(m mechanism) time.Duration {
	const instance = 2*livenessFailures*time.Second + time.Second + lingers
	if m == byHTTP {
		return 2 * instance
	}
	return instance
}

// liveness runs two equal containers: the probes of one pass, and those of the other fail in
// the end. By a command both are sidecars, which the kubelet kills in another place of its
// code. By HTTP and TCP the probes name their port, and both containers have one of that
// name.
func (s space) liveness(ctx SpecContext, m mechanism) {
	passing, failing := m.target("passing", firstPort), m.target("failing", firstPort+10)
	for _, t := range []*target{&passing, &failing} {
		t.named, t.sidecar = true, m == byExec
	}
	live := func(t target, answers ...witness.Answers) pod.Option {
		return t.container(s, http.StatusOK, []witness.ServeOption{witness.Script(t.path(), answers...), witness.OnTerm(witness.LingerThen(lingers, lingered))},
			pod.Liveness(t.probe(), pod.Threshold(livenessFailures)))
	}
	answers := []witness.Answers{witness.Times(1, http.StatusOK)}
	if m != byExec { // commands are slow on a busy machine
		// One failure less than it takes, and a success, after which the count begins anew.
		answers = append(answers, witness.Times(livenessFailures-1, http.StatusServiceUnavailable), witness.Times(1, http.StatusOK))
	}
	story := spec.Must(s.Create(ctx, pod.New("liveness", live(passing, witness.Always(http.StatusOK)),
		live(failing, append(answers, witness.Always(http.StatusServiceUnavailable))...), s.Witness("app", witness.Run()))))
	spec.Must(story.Await(ctx, pod.AllRunning()))
	if m == byTCP { // a port does not follow the steps of a script
		s.expectPassed(ctx, story, failing, 1)
		s.answer(ctx, story, failing, http.StatusServiceUnavailable)
	}

	killed := int32(1)
	if m == byHTTP {
		killed = 2 // the next instance is probed as well
	}
	for restarts := range killed {
		log := s.logToTheEnd(ctx, story, failing, 2*livenessFailures*time.Second+lingers+soon)
		spec.Must(story.AwaitWithin(ctx, soon, instance(failing.name, restarts+1)))
		expectKilledForFailures(log, story, failing)
		expectGrace(log, story, failing)
	}

	// The passing container has been probed as often, and more.
	s.expectPassed(ctx, story, passing, livenessFailures+1)
	Expect(story).To(pod.NeverBe(pod.Restarted(passing.name, 1)), "a container whose liveness probe passes must not be restarted")
	Expect(witness.Count(spec.Must(s.Log(ctx, story, passing.name, false)), record.Signal)).To(BeZero(), "a container whose liveness probe passes must get no signal\n%s", story)
}

// expectKilledForFailures checks that SIGTERM came when failureThreshold liveness probes in a
// row had failed.
func expectKilledForFailures(log []record.Line, story *journal.Story, t target) {
	GinkgoHelper()
	term := expectTerm(log, story, t)
	if t.mechanism == byTCP {
		expectFailingFor(livenessFailures, log, term, story)
		return
	}
	var inARow []record.Line
	for _, probe := range t.arrived(log, func(int) bool { return true }) {
		if inARow = append(inARow, probe); isSuccess(probe.Request.Status) {
			inARow = nil
		}
	}
	Expect(inARow).To(t.times(livenessFailures), "container %s must be killed when failureThreshold liveness probes in a row have failed, and a success must begin the count anew\n%s", t.name, story)
}

// expectGrace checks that a killed process had the time to end by itself.
func expectGrace(log []record.Line, story *journal.Story, t target) {
	GinkgoHelper()
	ends := pod.ExitCodes(story, t.name)
	// The status may not show it, because the kubelet's garbage collector can have
	// removed that instance, see namespace.Space.CreateAgain.
	if last := log[len(log)-1]; last.Event == record.Exit {
		ends = []int32{int32(*last.Code)}
	}
	Expect(ends).To(HaveEach(int32(lingered)), "the process continues for %s after SIGTERM and then ends with %d: it must have the Pod's grace period of 30 s and must not be killed earlier\n%s", lingers, lingered, story)
}
