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

	// A kill by a liveness probe meets the delay in the same sync that kills, so
	// the next sync, which comes at once, reports it. After a container's own exit
	// the API shows it as terminated until the kubelet checks again, and by then
	// the shorter delays are over.
	It("is told by reason CrashLoopBackOff and a message with the delay", claim.Proves("BACKOFF-07"), func(ctx SpecContext) {
		// The kubelet counts from the end of the previous instance. On a busy machine
		// a kill can come so long after it that the delay is already over.
		expectTold(ctx, startSick(ctx, ns, "sick", app).story, 3, 2, 2)
	})

	It("is told as soon as the kubelet looks again where the delay is long", claim.ProvesPart("BACKOFF-07", "self-exiting container"), func(ctx SpecContext) {
		for _, c := range start(ctx, ns, crashing(1), crashing(1).in(initContainer), crashing(1).in(sidecar)) {
			expectTold(ctx, c.story, 6, 1, 0)
		}
	})
})

// expectTold waits until the API shows that the crasher waits for the given
// restart, and checks the messages of all waits shown by then. The first restarts,
// as many as free says, find no delay, and up to missed more may find none.
func expectTold(ctx context.Context, story *journal.Story, restart, free, missed int) {
	GinkgoHelper()
	_, err := story.Await(ctx, told(restart))
	all, wrong := waits(story.Versions())
	for _, w := range all {
		spec.Observed(fmt.Sprintf("exit to %s before restart %d", crashLoop, w.restart), "not promised", w.at.Sub(w.ended))
	}
	if wrong == nil {
		wrong = judgeWaits(all, free, missed)
	}
	if wrong != nil {
		Fail(fmt.Sprintf("%v\n%s", wrong, story))
	}
	spec.Do(err)
}

// told holds while the API shows that the crasher waits for the given restart,
// from 1, or for a later one.
func told(restart int) journal.State {
	waiting := pod.ContainerWaiting(crasher, crashLoop)
	return journal.State{
		Text: fmt.Sprintf("to have container %s waiting for restart %d with reason %s", crasher, restart, crashLoop),
		Holds: func(p *corev1.Pod) bool {
			return waiting.Holds(p) && int(pod.Status(p, crasher).RestartCount) >= restart-1
		},
		// A busy machine may make a probe wait until one delay is over, but not
		// several that double each time.
		Never: func(p *corev1.Pod) string {
			if s := pod.Status(p, crasher); s != nil && int(s.RestartCount) >= restart+2 {
				return fmt.Sprintf("the container has been restarted %d times by now", s.RestartCount)
			}
			return ""
		},
	}
}
