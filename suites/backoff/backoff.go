// Package backoff holds the specs on the delay before a container that ends
// again and again is restarted.
package backoff

import (
	"bytes"
	"fmt"
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

const (
	// lives is how long each instance of a crasher lives: long enough for the
	// kubelet to notice it, and short, so that it never counts as stable.
	lives = 300 * time.Millisecond
	// beside is how many crashers run side by side, each in a Pod of its own:
	// since Kubernetes 1.35 two in one Pod would disturb each other's timing.
	beside     = 3
	recordPath = "/shared/crasher.jsonl"
	port       = 8080
)

var _ = Describe("The back-off", func() {
	ns := spec.Namespace()

	It("lets the first restart come at once, and the second one after 10 s", claim.Proves("BACKOFF-03"), func(ctx SpecContext) {
		climb(ctx, ns, "BACKOFF-03", 1, 2)
	})

	It("doubles from 10 s to 20 s", claim.Proves("BACKOFF-02"), func(ctx SpecContext) {
		climb(ctx, ns, "BACKOFF-02", 2, 3)
	})

	It("goes on doubling to 40 s", claim.ProvesPart("BACKOFF-02", "40 s step"), func(ctx SpecContext) {
		climb(ctx, ns, "BACKOFF-02", 2, 4)
	})
})

// climb lets containers crash until each has been restarted so often that the
// last of the steps that the claim is about has come, and judges their delays
// by the containers' own clock.
func climb(ctx SpecContext, ns *spec.Space, id string, first, last int) {
	GinkgoHelper()
	var stories []*journal.Story
	for i := range beside {
		stories = append(stories, spec.Must(ns.Create(ctx, pod.New(fmt.Sprintf("crashing-%d", i+1), pod.Volume("shared"),
			// The recorder outlives the crasher and tells what it wrote.
			ns.Witness("recorder", witness.Serve(witness.HTTP(port)), pod.Mount("shared", "/shared")),
			ns.Witness("crasher", witness.Run(witness.For(lives), witness.ExitCode(1), witness.Record(recordPath)), pod.Mount("shared", "/shared")),
		))))
	}
	var containers [][]time.Duration
	for _, story := range stories {
		spec.Must(story.Await(ctx, pod.Restarted("crasher", int32(last))))
		containers = append(containers, gaps(ctx, ns, story, last))
	}
	steps, err := judge(containers, first, last)
	for _, s := range steps {
		claim.MeasureTime(id, fmt.Sprintf("delay before restart %d (shortest of %d)", s.restart, beside), fmt.Sprintf("%.0f s", s.documented.Seconds()), s.least, s.check() == nil)
	}
	if err != nil {
		Fail(fmt.Sprintf("%v\nall delays, by container: %v\n%s", err, containers, stories[0]))
	}
}

// gaps are the times between an exit of the crasher and its next start, as the
// crasher itself wrote them, checked against what the kubelet reports.
func gaps(ctx SpecContext, ns *spec.Space, story *journal.Story, restarts int) []time.Duration {
	GinkgoHelper()
	var instances []witness.Instance
	// The kubelet may report a restart before the new instance has written its
	// first line, which nothing but the file itself can tell.
	Eventually(ctx, func() []witness.Instance {
		data := spec.Must(ns.Get(ctx, story, port, "/records", map[string]string{"path": recordPath}))
		instances = witness.Instances(spec.Must(witness.ReadLog(bytes.NewReader(data))))
		return instances
	}).WithTimeout(5*time.Second).WithPolling(100*time.Millisecond).Should(HaveLen(restarts+1), "each restart that the kubelet reports must be an instance that ran\n%s", story)
	for _, reported := range pod.Instances(story, "crasher") {
		n := int(reported.RestartCount)
		if !reported.Exited || n >= len(instances) || instances[n].Exit == nil {
			continue
		}
		Expect(reported.ExitCode).To(Equal(int32(1)), "the reported exit code must be that with which the instance ended\n%s", story)
		expectSameTime(reported.FinishedAt, *instances[n].Exit, story)
	}
	return spec.Must(witness.Gaps(instances))
}

// expectSameTime checks the end of an instance as the kubelet reports it, in
// whole seconds, against the instance's own last line.
func expectSameTime(reported time.Time, exit record.Line, story *journal.Story) {
	GinkgoHelper()
	Expect(reported).To(BeTemporally("~", exit.At(), 2*time.Second), "the reported end of an instance must be the one it had\n%s", story)
}
