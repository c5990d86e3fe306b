package probes

import (
	"context"
	"fmt"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/namespace"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// farewell is how long the containers of a deleted Pod continue, within the grace period
// of 30 s. A conformant kubelet notices a failing readiness probe within the first second
// or two.
const farewell = 25 * time.Second

// Before the probes of a terminating Pod are made to fail, stillPassing more of each
// container must have passed, so that the result of the last but one has had a probe
// period to show in the API. After passingTime the spec waits no longer: the later status
// of the container shows whether the probes went on.
const (
	stillPassing = 2
	passingTime  = farewell / 4
)

// afterTerm is how many probes of one kind must have come during termination before the
// missing probes of another kind count as stopped. underWay is how many of these may still
// come: one that was running, and those that were due when it ended, because the kubelet
// then takes either the next probe or the end of probing (select in worker.run,
// pkg/kubelet/prober/worker.go). Only a busy machine makes it more than one.
const (
	afterTerm = 8
	underWay  = 3
)

var _ = Describe("While a Pod terminates", func() {
	ns := space{spec.Namespace()}

	It("a readiness probe by HTTP, TCP or gRPC that begins to fail makes it not ready, and its endpoint no longer serving, before it ends", claim.Proves("PROBE-TERM-01"), func(ctx SpecContext) {
		const label = "app"
		service := spec.Must(ns.Serve(ctx, "served", label, "served", intstr.FromInt32(firstPort)))
		DeferCleanup(service.Close)
		targets := []target{byHTTP.target("http", firstPort), byTCP.target("tcp", firstPort+10), byGRPC.target("grpc", firstPort+20)}
		story := ns.terminating(ctx, targets, pod.Label(label, "served"))
		begun := time.Now()
		within(ctx, func(ctx context.Context) {
			spec.Do(service.Await(ctx, "to have an endpoint that is terminating, not ready, and serving, because its readiness probes pass", func(now namespace.Endpoints) bool {
				return now.Terminating(story.Name()) && now.Serving(story.Name()) && !now.Ready(story.Name())
			}))
		})
		seen := service.Moments()
		ns.expectNotReadyWhileRunning(ctx, story, targets)
		late := time.Since(begun) > farewell/2
		within(ctx, func(ctx context.Context) {
			spec.Do(service.AwaitFrom(ctx, seen-1, "to have an endpoint that is terminating and no longer serving, because its readiness probes fail", func(now namespace.Endpoints) bool {
				return now.Terminating(story.Name()) && !now.Serving(story.Name())
			}))
		})
		for _, t := range targets {
			if late && ns.alive(ctx, story, t) != nil {
				spec.TooBusy("the containers were reported as not ready only shortly before they ended")
			}
			ns.expectAlive(ctx, story, t, "the endpoint must follow the readiness probe, not the end of the container")
		}
		ns.leave(ctx, story, targets)
	})

	It("a readiness probe by a command that begins to fail makes it not ready before it ends", claim.Proves("PROBE-TERM-02"), func(ctx SpecContext) {
		targets := []target{byExec.target("exec", firstPort)}
		story := ns.terminating(ctx, targets)
		ns.expectNotReadyWhileRunning(ctx, story, targets)
		ns.leave(ctx, story, targets)
	})

	It("liveness and startup probes stop", claim.Proves("PROBE-TERM-03"), func(ctx SpecContext) {
		started, starting := byHTTP.target("started", firstPort), byHTTP.target("starting", firstPort+10)
		linger := witness.OnTerm(witness.LingerThen(farewell, 0))
		story := spec.Must(ns.Create(ctx, pod.New("terminating",
			started.container(ns, http.StatusOK, []witness.ServeOption{linger, witness.Script(readyPath, witness.Always(http.StatusOK))},
				pod.Liveness(started.probe()),
				// The control: these probes go on and count the seconds.
				pod.Readiness(pod.HTTPGet(started.web, readyPath), pod.Timeout(unhurried))),
			starting.container(ns, http.StatusServiceUnavailable, []witness.ServeOption{linger},
				pod.Startup(starting.probe(), pod.Threshold(slowFailures))))))
		spec.Must(story.Await(ctx, pod.AllRunning()))
		ns.expectPassed(ctx, story, started, enough)
		ns.expectArrived(ctx, story, starting, isFailure, enough)
		spec.Do(ns.Delete(ctx, story, -1))

		within(ctx, func(ctx context.Context) {
			spec.Must(ns.FollowLog(ctx, story, started.name, fmt.Sprintf("%d readiness probes after SIGTERM", afterTerm), func(lines []record.Line) bool {
				return len(requestsFor(sinceTerm(lines), readyPath)) >= afterTerm
			}))
		})
		for t, kind := range map[target]string{started: "liveness", starting: "startup"} {
			late := sinceTerm(spec.Must(ns.Log(ctx, story, t.name, false)))
			Expect(late).NotTo(BeEmpty(), "container %s must have got SIGTERM\n%s", t.name, story)
			Expect(len(t.arrived(late, func(int) bool { return true }))).To(BeNumerically("<=", underWay), "no further %s probe may come once a Pod terminates, although readiness probes do, but these came to container %s after SIGTERM\n%s", kind, t.name, story)
		}
		ns.leave(ctx, story, []target{started, starting})
	})
})

// terminating is a deleted Pod with readiness probes that pass. Its containers have got
// SIGTERM and continue. The probes continue too, if the kubelet runs them.
func (s space) terminating(ctx SpecContext, targets []target, options ...pod.Option) *journal.Story {
	GinkgoHelper()
	for _, t := range targets {
		options = append(options, t.container(s, http.StatusOK, []witness.ServeOption{witness.OnTerm(witness.LingerThen(farewell, 0))},
			pod.Readiness(t.probe(), pod.Threshold(1))))
	}
	story := spec.Must(s.Create(ctx, pod.New("terminating", options...)))
	spec.Must(story.Await(ctx, pod.AllRunning()))
	spec.Must(story.AwaitWithin(ctx, soon, pod.Ready()))
	// A busy kubelet can once more report them as not ready, for a second.
	for _, t := range targets {
		s.expectPassed(ctx, story, t, enough+1)
	}
	spec.Do(s.Delete(ctx, story, -1))
	for _, t := range targets {
		spec.Must(s.FollowLog(ctx, story, t.name, "SIGTERM", func(lines []record.Line) bool { return len(sinceTerm(lines)) > 0 }))
	}
	limited, cancel := context.WithTimeout(ctx, passingTime)
	defer cancel()
	for _, t := range targets {
		_, err := s.FollowLog(limited, story, t.name, fmt.Sprintf("%d probes %s after SIGTERM", stillPassing, t.words), func(lines []record.Line) bool {
			return len(t.arrived(sinceTerm(lines), isSuccess)) >= stillPassing
		})
		if err != nil {
			AddReportEntry("not probed", err.Error(), ReportEntryVisibilityNever)
		}
	}
	return story
}

// expectNotReadyWhileRunning makes the probes of the containers fail and waits until each
// container is reported as not ready while it still runs: an ended container is not ready
// for another reason.
func (s space) expectNotReadyWhileRunning(ctx SpecContext, story *journal.Story, targets []target) {
	GinkgoHelper()
	Expect(story).NotTo(pod.HaveBeen(pod.All(pod.BeingDeleted(), pod.NotReady())), "a Pod must stay ready while it terminates, as long as its readiness probes pass")
	for _, t := range targets {
		s.answer(ctx, story, t, http.StatusServiceUnavailable)
	}
	failing := time.Now()
	for _, t := range targets {
		version, err := story.Await(ctx, notReadyWhileRunning(t.name))
		if err != nil && !journal.IsUnmet(err) {
			spec.Do(err)
		}
		if err != nil && time.Since(failing) < farewell/2 {
			spec.TooBusy("the probes of container %s could be made to fail only shortly before it ended", t.name)
		}
		if !spec.AsDocumented(claimOf(t), "", story, func() {
			Expect(journal.IsUnmet(err)).To(BeFalse(), "a readiness probe %s must go on and have its effect while a Pod terminates: %v", t.words, err)
			// The last probe of an ending process fails too, and may be reported
			// before the end.
			s.expectAlive(ctx, story, t, "a readiness probe "+t.words+" must go on and have its effect while a Pod terminates, not only when its process has ended")
		}) {
			return
		}
		spec.Observed(fmt.Sprintf("failing readiness probe %s to not ready, period 1 s", t.words), "no time is documented", version.At.Sub(failing))
	}
	Expect(story).To(pod.BeNow(pod.NotReady()), "a Pod with a container that is not ready must not be Ready")
}

// expectAlive checks that the process of a container answers.
func (s space) expectAlive(ctx context.Context, story *journal.Story, t target, why string) {
	GinkgoHelper()
	err := s.alive(ctx, story, t)
	Expect(err == nil).To(BeTrue(), "%s: %v\n%s", why, err, story)
}

func (s space) alive(ctx context.Context, story *journal.Story, t target) error {
	const patience = 10 * time.Second // the address of a removed Pod may not answer at all
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := s.Get(limited, story, t.web, "/", nil)
	return err
}

// claimOf is the claim about the readiness probes of a terminating Pod.
func claimOf(t target) string {
	if t.mechanism == byExec {
		return "PROBE-TERM-02"
	}
	return "PROBE-TERM-01"
}

// notReadyWhileRunning can no longer come once the container has ended.
func notReadyWhileRunning(container string) journal.State {
	return journal.State{
		Text: fmt.Sprintf("to have container %s not ready while it still runs, because its readiness probe fails", container),
		Holds: func(p *corev1.Pod) bool {
			s := pod.Status(p, container)
			return s != nil && s.State.Running != nil && !s.Ready && p.DeletionTimestamp != nil
		},
		Never: func(p *corev1.Pod) string {
			if s := pod.Status(p, container); s != nil && s.State.Terminated != nil {
				return "the container was ready until it ended: its readiness probe had no effect while the Pod terminated"
			}
			return ""
		},
	}
}

// leave ends lingering containers, so that nothing has to wait for them.
func (s space) leave(ctx context.Context, story *journal.Story, targets []target) {
	for _, t := range targets {
		if _, err := s.Get(ctx, story, t.web, "/exit", nil); err != nil {
			AddReportEntry("not ended", err.Error(), ReportEntryVisibilityNever)
		}
	}
}

// sinceTerm are the lines from SIGTERM on.
func sinceTerm(lines []record.Line) []record.Line {
	for i, l := range lines {
		if l.Event == record.Signal && l.Signal == "SIGTERM" {
			return lines[i:]
		}
	}
	return nil
}

// within runs a step that a terminating Pod must reach before its containers end.
func within(ctx context.Context, step func(context.Context)) {
	GinkgoHelper()
	limited, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	step(limited)
}
