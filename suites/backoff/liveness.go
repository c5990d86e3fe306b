package backoff

import (
	"context"
	"errors"
	"fmt"
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
	for _, kind := range []place{app, sidecar} {
		It(fmt.Sprintf("does not hold back the first two restarts of a %s by a liveness probe", kind), claim.Proves("BACKOFF-09"), func(ctx SpecContext) {
			want := []rung{after(0, 1, ""), after(0, 2, "")}
			var sick []*climber
			var err error
			// A very busy machine can need as long for a restart as the kubelet would delay
			// it, but hardly twice.
			for attempt := range spec.Attempts(2, time.Minute) {
				sick = []*climber{startSick(ctx, ns, fmt.Sprintf("sick-%d", attempt), kind)}
				if err = ascend(ctx, ns, sick, 2, want); !errors.As(err, &tooLate{}) || heldBack(sick[0].story, crasher) {
					break
				}
			}
			conclude(sick, want, err)
		})
	}
})

// startSick creates a pod whose container its liveness probe keeps killing, each
// time within a second or two.
func startSick(ctx context.Context, ns *spec.Space, name string, kind place) *climber {
	GinkgoHelper()
	const sick = port + 1
	l := lives{[]time.Duration{time.Second}, []int{onTerm}, kind}
	p := l.beside(ns, name, witness.Serve(witness.HTTP(sick), witness.Script("/live", witness.Always(500)), witness.Record(recordPath)),
		// A process must not be killed for not listening yet before it has
		// written that it started.
		pod.Startup(pod.HTTPGet(sick, "/info"), pod.Threshold(60)),
		pod.Liveness(pod.HTTPGet(sick, "/live", pod.Threshold(1))),
		// What laws say of a new instance is about a container that was ready.
		pod.Readiness(pod.HTTPGet(sick, "/info")))
	return &climber{story: spec.Must(ns.Create(ctx, p)), lives: l}
}
