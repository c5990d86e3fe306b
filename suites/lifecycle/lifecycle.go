// Package lifecycle holds the specs on how a Pod's life starts and which way it goes.
package lifecycle

import (
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
)

const (
	// short is how long a container lives before it ends: long enough for the kubelet to
	// see it run.
	short = 300 * time.Millisecond
	// port is the port of a witness that serves.
	port = 8080
)

var _ = Describe("A Pod's life", func() {
	ns := spec.Namespace()

	It("starts in Pending, on no node, whatever the client says", claim.Proves("LC-01"), func(ctx SpecContext) {
		claiming := func(phase corev1.PodPhase) *journal.Story {
			p := pod.New("claims-"+strings.ToLower(string(phase)), ns.Witness("w", witness.Run()))
			p.Status.Phase = phase
			story := spec.Must(ns.Create(ctx, p))

			Expect(p.Status.Phase).To(Equal(corev1.PodPending), "the created Pod must be Pending")
			Expect(p.Spec.NodeName).To(BeEmpty(), "the created Pod must be on no node")
			first := spec.Must(story.Await(ctx, pod.InPhase(corev1.PodPending))).Pod
			Expect(first.ResourceVersion).To(Equal(p.ResourceVersion), "a watch must first show the created version, in Pending\n%s", story)
			Expect(first.Spec.NodeName).To(BeEmpty())
			return story
		}
		running := claiming(corev1.PodRunning)
		for _, other := range []corev1.PodPhase{corev1.PodSucceeded, corev1.PodFailed, corev1.PodUnknown} {
			claiming(other)
		}

		// The phase is not stuck: the kubelet changes it.
		spec.Must(running.Await(ctx, pod.InPhase(corev1.PodRunning)))
	})

	It("only goes forward, to Succeeded", claim.Proves("LC-02"), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("good", pod.Restart(corev1.RestartPolicyNever),
			ns.InitContainer("init", witness.Run(witness.For(short))), ns.Witness("w", witness.Run(witness.For(short))))))
		spec.Must(story.Await(ctx, pod.InPhase(corev1.PodSucceeded)))
		spec.Do(ns.Delete(ctx, story, -1))
		spec.Must(story.AwaitGone(ctx))
		Expect(story).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning, corev1.PodSucceeded))
	})

	It("only goes forward, to Failed", claim.Proves("LC-02"), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("bad", pod.Restart(corev1.RestartPolicyNever), ns.Witness("w", witness.Run(witness.For(short), witness.ExitCode(1))))))
		spec.Must(story.Await(ctx, pod.InPhase(corev1.PodFailed)))
		spec.Do(ns.Delete(ctx, story, -1))
		spec.Must(story.AwaitGone(ctx))
		Expect(story).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning, corev1.PodFailed))
	})

	It("only goes forward while a container and a sidecar restart and it is deleted", claim.Proves("LC-02"), func(ctx SpecContext) {
		// Both instances end with 0: while a kubelet cleans up after a deleted Pod, it can
		// mistake the first instance for the last.
		const started = "/started"
		story := spec.Must(ns.Create(ctx, pod.New("restarting", pod.Volume("state"),
			// Each instance of the sidecar runs for some seconds before it has started.
			ns.Sidecar("sidecar", witness.Serve(witness.HTTP(port), witness.Script(started, witness.Times(2, 503), witness.Always(200))),
				pod.Startup(pod.HTTPGet(port, started), pod.Threshold(60))),
			ns.Witness("w", witness.Run(witness.Schedule("/state/n", witness.ExitAfter(short, 0), witness.Forever), witness.OnTerm(witness.ExitWith(0))), pod.Mount("state", "/state")))))
		restarted := spec.Must(story.Await(ctx, pod.All(pod.Restarted("w", 1), pod.ContainerRunning("w"))))
		spec.Must(ns.AwaitStarted(ctx, story, "w"))

		spec.Must(ns.Get(ctx, story, port, "/exit", map[string]string{"code": "1"}))
		spec.Must(story.AwaitAfter(ctx, restarted, pod.All(pod.Restarted("sidecar", 1), pod.ContainerStarted("sidecar"))))
		spec.Must(ns.AwaitListening(ctx, story, "sidecar", 1))
		spec.Do(ns.Delete(ctx, story, -1))
		spec.Must(story.AwaitGone(ctx))
		Expect(story).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning, corev1.PodSucceeded))
	})
})
