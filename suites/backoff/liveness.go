package backoff

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
)

// onTerm is the exit code of a witness that was sent SIGTERM.
const onTerm = 143

var _ = Describe("The back-off", func() {
	ns := namespace()

	// The kubelet kills the container and starts it again in one go, based on the
	// earlier status. The newest ended instance in that status is the one before
	// the killed one.
	It("does not hold back the first two restarts by a liveness probe", claim.Proves("BACKOFF-09"), func(ctx SpecContext) {
		climb(ctx, ns, []*climber{startSick(ctx, ns)}, 2, []rung{after(0, 1, ""), after(0, 2, "")})
	})
})

// startSick creates a pod whose container its liveness probe keeps killing, each
// time within a second or two.
func startSick(ctx context.Context, ns *spec.Space) *climber {
	GinkgoHelper()
	const sick = port + 1
	story := spec.Must(ns.Create(ctx, pod.New("sick", pod.Volume("shared"),
		ns.Witness("recorder", witness.Serve(witness.HTTP(port)), pod.Mount("shared", "/shared")),
		ns.Witness(crasher, witness.Serve(witness.HTTP(sick), witness.Script("/live", witness.Always(500)), witness.Record(recordPath)),
			pod.Mount("shared", "/shared"),
			// A process must not be killed for not listening yet before it has
			// written that it started.
			pod.Startup(pod.HTTPGet(sick, "/info"), pod.Threshold(60)),
			pod.Liveness(pod.HTTPGet(sick, "/live", pod.Threshold(1))),
			// What laws say of a new instance is about a container that was ready.
			pod.Readiness(pod.HTTPGet(sick, "/info"))),
	)))
	return &climber{story: story, lives: lives{[]time.Duration{time.Second}, onTerm}}
}
