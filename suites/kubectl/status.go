package kubectl

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
)

var _ = Describe("The column STATUS of kubectl get pods", func() {
	ns := spec.Namespace()

	It("is not the phase", claim.Proves("CLI-STATUS-01"), func(ctx SpecContext) {
		cases := statuses(ns)
		stories := map[string]*journal.Story{}
		for _, c := range cases {
			stories[c.pod.Name] = spec.Must(ns.Create(ctx, c.pod))
		}
		for _, c := range cases {
			c.expect(ctx, ns, stories[c.pod.Name])
		}
	})

	It("shows how a container ended that is about to be restarted, though the phase is Running", claim.Proves("CLI-STATUS-01").Waiting(0), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("crashes", ns.Witness("stays", witness.Run()), ns.Witness("w", witness.Run(witness.For(short), witness.ExitCode(1))))))
		// From the second end on, the state lasts for 10 s and more.
		spec.Must(story.Await(ctx, pod.ContainerWaiting("w", "CrashLoopBackOff")))
		cells, shown, err := ns.Row(ctx, "crashes")
		spec.Do(err)
		Expect(shown.Status.Phase).To(Equal(corev1.PodRunning), "a Pod whose container is about to restart must be Running\n%s", story)
		// A late check sees the next instance; the column follows the container.
		want := "CrashLoopBackOff"
		switch state := pod.Status(shown, "w").State; {
		case state.Terminated != nil:
			want = "Error"
		case state.Running != nil:
			want = "Running"
		}
		Expect(cells["Status"]).To(Equal(want), "STATUS must show the state of the container, not the phase\n%s", story)
	})

	It("shows that a container failed, whichever of the Pod's that is", claim.Proves("CLI-STATUS-02"), func(ctx SpecContext) {
		fails, completes := witness.Run(witness.For(short), witness.ExitCode(1)), witness.Run(witness.For(short))
		var stories []*journal.Story
		for name, containers := range map[string][]pod.Option{
			"first-fails": {ns.Witness("w", fails), ns.Witness("good", completes)},
			"last-fails":  {ns.Witness("good", completes), ns.Witness("w", fails)},
		} {
			stories = append(stories, spec.Must(ns.Create(ctx, pod.New(name, append(containers, pod.Restart(corev1.RestartPolicyNever))...))))
		}
		for _, story := range stories {
			spec.Must(story.Await(ctx, pod.InPhase(corev1.PodFailed)))
			cells, _, err := ns.Row(ctx, story.Name())
			spec.Do(err)
			Expect(cells["Status"]).To(Equal("Error"), "STATUS of the Pod %s, one of whose containers failed\n%s", story.Name(), story)
		}
	})
})

// status is a Pod with what the column shows of it.
type status struct {
	pod *corev1.Pod
	// when is the time to check; the state lasts from then on.
	when   journal.State
	phase  corev1.PodPhase
	shown  string
	delete bool
}

// statuses are Pods of all phases, with one container and with several.
func statuses(ns *spec.Space) []status {
	never, onFailure := pod.Restart(corev1.RestartPolicyNever), pod.Restart(corev1.RestartPolicyOnFailure)
	stays := ns.Witness("w", witness.Run(witness.OnTerm(witness.Ignore)))
	completes, fails := ns.Witness("w", witness.Run(witness.For(short))), ns.Witness("w", witness.Run(witness.For(short), witness.ExitCode(1)))
	init := func(name string, options ...witness.RunOption) pod.Option {
		return ns.InitContainer(name, witness.Run(options...))
	}
	beside := ns.Sidecar("beside", witness.Run())
	isPending := func(name string, when journal.State, shown string, options ...pod.Option) status {
		return status{pod: pod.New(name, options...), when: when, phase: corev1.PodPending, shown: shown}
	}
	return []status{
		{pod: pod.New("runs", beside, stays), when: pod.All(pod.InPhase(corev1.PodRunning), pod.Ready()), phase: corev1.PodRunning, shown: "Running"},
		{pod: pod.New("half-done", never, completes, ns.Witness("stays", witness.Run())), when: pod.All(pod.ContainerTerminated("w"), pod.ContainerRunning("stays"), pod.NotReady()), phase: corev1.PodRunning, shown: "NotReady"},
		{pod: pod.New("completes", never, completes), when: pod.InPhase(corev1.PodSucceeded), phase: corev1.PodSucceeded, shown: "Completed"},
		{pod: pod.New("fails", never, fails), when: pod.InPhase(corev1.PodFailed), phase: corev1.PodFailed, shown: "Error"},
		{pod: pod.New("init-fails", never, init("init", witness.For(short), witness.ExitCode(1)), stays), when: pod.InPhase(corev1.PodFailed), phase: corev1.PodFailed, shown: "Init:Error"},
		// Once the container has ended, its reason takes precedence over the Pod's own,
		// DeadlineExceeded, which a busy kubelet may publish earlier.
		{pod: pod.New("overdue", never, pod.Deadline(1), pod.Grace(1), stays), when: pod.All(failedBy("DeadlineExceeded"), pod.ContainerTerminated("w")), phase: corev1.PodFailed, shown: "Error"},
		isPending("without-image", pod.ContainerWaiting("w", "ErrImageNeverPull"), "ErrImageNeverPull", pod.Container("w", "podproof.test/absent:v1", nil, pod.NeverPull())),
		isPending("without-volume", pod.ContainerWaiting("w", "ContainerCreating"), "ContainerCreating", missingVolume, ns.Witness("w", witness.Run(), pod.Mount("missing", "/missing"))),
		isPending("initialises", pod.ContainerRunning("second"), "Init:1/2", onFailure, init("first", witness.For(0)), init("second"), stays),
		isPending("gated", pod.Condition(corev1.PodScheduled, corev1.ConditionFalse, "SchedulingGated"), "SchedulingGated", pod.Gated(), stays),
		{pod: pod.New("terminates", pod.Grace(15), stays), when: pod.InPhase(corev1.PodRunning), delete: true, phase: corev1.PodRunning, shown: "Terminating"},
		{pod: pod.New("ended-in-deletion", pod.Held(), ns.Witness("w", witness.Run(witness.OnTerm(witness.ExitWith(0))))), when: pod.InPhase(corev1.PodRunning), delete: true, phase: corev1.PodSucceeded, shown: "Completed"},
	}
}

// expect waits for the Pod's state, and compares what is shown then.
func (c status) expect(ctx SpecContext, ns *spec.Space, story *journal.Story) {
	GinkgoHelper()
	spec.Must(story.Await(ctx, c.when))
	if c.delete {
		spec.Must(ns.AwaitStarted(ctx, story, "w"))
		spec.Do(ns.Delete(ctx, story, -1))
		spec.Must(story.Await(ctx, pod.All(pod.BeingDeleted(), pod.InPhase(c.phase))))
	}
	cells, now, err := ns.Row(ctx, c.pod.Name)
	spec.Do(err)
	Expect(now.Status.Phase).To(Equal(c.phase), "the Pod %s must be in phase %s\n%s", c.pod.Name, c.phase, story)
	if c.pod.Name == "overdue" && pod.Status(now, "w").State.Terminated.Reason == "ContainerStatusUnknown" {
		// The container could not start in that time and was never created.
		c.shown = "ContainerStatusUnknown"
	}
	Expect(cells["Status"]).To(Equal(c.shown), "STATUS of the Pod %s, in phase %s, must be %s\n%s", c.pod.Name, c.phase, c.shown, story)
}

// failedBy holds when the Pod has failed for its own reason.
func failedBy(reason string) journal.State {
	return journal.State{Text: "to have failed with reason " + reason, Holds: func(p *corev1.Pod) bool {
		return p.Status.Phase == corev1.PodFailed && p.Status.Reason == reason
	}}
}
