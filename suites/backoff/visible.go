package backoff

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	corev1 "k8s.io/api/core/v1"
)

var _ = Describe("The back-off", func() {
	ns := namespace()

	// A kill by a liveness probe finds the delay in the very sync that kills,
	// so that the next one, which comes at once, tells of it. After an exit of
	// its own a container goes on being told of as terminated until the kubelet
	// looks again, and then the shorter delays are over.
	It("is told by reason CrashLoopBackOff and a message with the delay", claim.Proves("BACKOFF-07"), func(ctx SpecContext) {
		// On a busy machine a kill can be so far from the end of the instance
		// before, which the kubelet counts from, that it finds the delay over.
		expectTold(ctx, startSick(ctx, ns).story, 3, 2, 2)
	})

	It("is told as soon as the kubelet looks again where the delay is long", claim.ProvesPart("BACKOFF-07", "self-exiting container"), func(ctx SpecContext) {
		expectTold(ctx, start(ctx, ns, crashing(1))[0].story, 6, 1, 0)
	})
})

// expectTold waits until the API tells that the crasher waits for the given
// restart, and checks the messages of all waits that it told of by then. The
// first restarts, as many as free says, find no delay, and as many more as
// missed says may find none.
func expectTold(ctx context.Context, story *journal.Story, restart, free, missed int) {
	GinkgoHelper()
	_, err := story.Await(ctx, told(restart))
	all, wrong := waits(story.Versions())
	for _, w := range all {
		claim.MeasureTime("BACKOFF-07", fmt.Sprintf("exit to %s before restart %d", crashLoop, w.restart), "not promised", w.at.Sub(w.ended), true)
	}
	if wrong == nil {
		wrong = judgeWaits(all, free, missed)
	}
	if wrong != nil {
		Fail(fmt.Sprintf("%v\n%s", wrong, story))
	}
	spec.Do(err)
}

// told holds while the API tells that the crasher waits for the given restart,
// from 1, or for a later one.
func told(restart int) journal.State {
	waiting := pod.ContainerWaiting(crasher, crashLoop)
	return journal.State{
		Text: fmt.Sprintf("to have container %s waiting for restart %d with reason %s", crasher, restart, crashLoop),
		Holds: func(p *corev1.Pod) bool {
			return waiting.Holds(p) && int(pod.Status(p, crasher).RestartCount) >= restart-1
		},
		// A machine that is busy may make a probe wait until a delay is over,
		// but not several that are doubled each time.
		Never: func(p *corev1.Pod) string {
			if s := pod.Status(p, crasher); s != nil && int(s.RestartCount) >= restart+2 {
				return fmt.Sprintf("the container was restarted %d times meanwhile", s.RestartCount)
			}
			return ""
		},
	}
}
