package probes

import (
	"fmt"
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

var _ = Describe("A readiness probe", func() {
	ns := space{spec.Namespace()}

	for _, m := range mechanisms {
		It(fmt.Sprintf("%s decides whether its container and its Pod are ready, and never restarts it", m.words),
			claim.Proves("PROBE-KIND-02").Waiting((probed-1)*time.Second), func(ctx SpecContext) { ns.readiness(ctx, m) })
	}
})

// readiness runs two containers, whose probes pass and fail. By TCP both are sidecars, whose
// readiness the kubelet works out apart.
func (s space) readiness(ctx SpecContext, m mechanism) {
	passing, failing := m.target("passing", firstPort), m.target("failing", firstPort+10)
	passing.sidecar, failing.sidecar = m == byTCP, m == byTCP
	story := spec.Must(s.Create(ctx, pod.New("readiness",
		failing.container(s, http.StatusServiceUnavailable, nil, pod.Readiness(failing.probe())),
		passing.container(s, http.StatusOK, nil, pod.Readiness(passing.probe())),
		s.Witness("app", witness.Run()))))
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
	Expect(story).To(pod.BeNow(pod.ContainerReady(passing.name)), "a container whose readiness probe passes must be ready")

	s.answer(ctx, story, failing, http.StatusOK)
	spec.Must(story.AwaitWithin(ctx, soon, pod.All(pod.ContainerReady(failing.name), pod.Ready())))
	for _, t := range []target{passing, failing} {
		Expect(story).To(pod.NeverBe(pod.Restarted(t.name, 1)), "a readiness probe must not restart a container")
		Expect(witness.Count(spec.Must(s.Log(ctx, story, t.name, false)), record.Signal)).To(BeZero(), "a readiness probe must not kill container %s\n%s", t.name, story)
	}
}
