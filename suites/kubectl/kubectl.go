// Package kubectl holds the specs on what kubectl shows of a Pod and does to it.
package kubectl

import (
	"bytes"
	"encoding/json"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/jsonpath"
)

// short is the lifetime of a container that is meant to end.
const short = 300 * time.Millisecond

var _ = Describe("kubectl get pods", func() {
	ns := spec.Namespace()

	It("shows a STATUS that is not the phase", claim.Proves("CLI-STATUS-01"), func(ctx SpecContext) {
		never, onFailure := pod.Restart(corev1.RestartPolicyNever), pod.Restart(corev1.RestartPolicyOnFailure)
		stays := ns.Witness("w", witness.Run(witness.OnTerm(witness.Ignore)))
		cases := []struct {
			pod *corev1.Pod
			// when is the time to check; the state lasts from then on.
			when   journal.State
			phase  corev1.PodPhase
			status string
			delete bool
		}{
			{pod: pod.New("runs", stays), when: pod.InPhase(corev1.PodRunning), phase: corev1.PodRunning, status: "Running"},
			{pod: pod.New("completes", never, ns.Witness("w", witness.Run(witness.For(short)))), when: pod.InPhase(corev1.PodSucceeded), phase: corev1.PodSucceeded, status: "Completed"},
			{pod: pod.New("fails", never, ns.Witness("w", witness.Run(witness.For(short), witness.ExitCode(1)))), when: pod.InPhase(corev1.PodFailed), phase: corev1.PodFailed, status: "Error"},
			// Once the container has ended, its reason takes precedence over the Pod's
			// own, DeadlineExceeded, which a busy kubelet may publish earlier.
			{pod: pod.New("overdue", never, pod.Deadline(1), pod.Grace(1), stays), when: pod.All(failedBy("DeadlineExceeded"), pod.ContainerTerminated("w")), phase: corev1.PodFailed, status: "Error"},
			{pod: pod.New("without-image", pod.Container("w", "podproof.test/absent:v1", nil, func(c *corev1.Container) { c.ImagePullPolicy = corev1.PullNever })),
				when: pod.ContainerWaiting("w", "ErrImageNeverPull"), phase: corev1.PodPending, status: "ErrImageNeverPull"},
			{pod: pod.New("without-volume", missingVolume, ns.Witness("w", witness.Run(), pod.Mount("missing", "/missing"))), when: pod.ContainerWaiting("w", "ContainerCreating"), phase: corev1.PodPending, status: "ContainerCreating"},
			{pod: pod.New("initialises", onFailure, pod.InitContainer("init", ns.Cluster.WitnessImage, witness.Run()), stays), when: pod.ContainerRunning("init"), phase: corev1.PodPending, status: "Init:0/1"},
			{pod: pod.New("gated", pod.Gated(), stays), when: pod.Condition(corev1.PodScheduled, corev1.ConditionFalse, "SchedulingGated"), phase: corev1.PodPending, status: "SchedulingGated"},
			{pod: pod.New("terminates", pod.Grace(15), stays), when: pod.InPhase(corev1.PodRunning), delete: true, phase: corev1.PodRunning, status: "Terminating"},
			{pod: pod.New("ended-in-deletion", pod.Held(), ns.Witness("w", witness.Run(witness.OnTerm(witness.ExitWith(0))))), when: pod.InPhase(corev1.PodRunning), delete: true, phase: corev1.PodSucceeded, status: "Completed"},
		}
		stories := map[string]*journal.Story{}
		for _, c := range cases {
			stories[c.pod.Name] = spec.Must(ns.Create(ctx, c.pod))
		}
		for _, c := range cases {
			story := stories[c.pod.Name]
			spec.Must(story.Await(ctx, c.when))
			if c.delete {
				spec.Must(ns.AwaitStarted(ctx, story, "w"))
				spec.Do(ns.Delete(ctx, story, -1))
				spec.Must(story.Await(ctx, pod.All(pod.BeingDeleted(), pod.InPhase(c.phase))))
			}
			cells, shown, err := ns.Row(ctx, c.pod.Name)
			spec.Do(err)
			Expect(shown.Status.Phase).To(Equal(c.phase), "the Pod %s must be in phase %s\n%s", c.pod.Name, c.phase, story)
			if c.pod.Name == "overdue" && pod.Status(shown, "w").State.Terminated.Reason == "ContainerStatusUnknown" {
				// The container could not start in that time and was never created.
				c.status = "ContainerStatusUnknown"
			}
			Expect(cells["Status"]).To(Equal(c.status), "STATUS of the Pod %s, in phase %s, must be %s\n%s", c.pod.Name, c.phase, c.status, story)
		}
	})

	It("shows in STATUS how a container ended that is about to be restarted, though the phase is Running", claim.Proves("CLI-STATUS-01").Waiting(0), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("crashes", ns.Witness("w", witness.Run(witness.For(short), witness.ExitCode(1))))))
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

	It("gives the phase for the JSONPath {.status.phase}", claim.Proves("CLI-JSONPATH-01"), func(ctx SpecContext) {
		never := pod.Restart(corev1.RestartPolicyNever)
		pods := map[corev1.PodPhase]*corev1.Pod{
			corev1.PodPending:   pod.New("pending", pod.Gated(), ns.Witness("w", witness.Run())),
			corev1.PodRunning:   pod.New("running", ns.Witness("w", witness.Run())),
			corev1.PodSucceeded: pod.New("succeeded", never, ns.Witness("w", witness.Run(witness.For(short)))),
			corev1.PodFailed:    pod.New("failed", never, ns.Witness("w", witness.Run(witness.For(short), witness.ExitCode(1)))),
		}
		for _, p := range pods {
			spec.Must(ns.Create(ctx, p))
		}
		for phase, p := range pods {
			story := ns.Journal().StoryOf(p.UID)
			spec.Must(story.Await(ctx, pod.InPhase(phase)))
			Expect(evaluate(ctx, ns, p.Name, "{.status.phase}")).To(Equal(string(phase)), "the JSONPath must return the phase\n%s", story)
		}
	})

	It("gives the phase for the JSONPath {.status.phase} with kubectl", claim.ProvesPart("CLI-JSONPATH-01", withKubectl), func(ctx SpecContext) {
		p := pod.New("failed", pod.Restart(corev1.RestartPolicyNever), ns.Witness("w", witness.Run(witness.For(short), witness.ExitCode(1))))
		story := spec.Must(ns.Create(ctx, p))
		spec.Must(story.Await(ctx, pod.InPhase(corev1.PodFailed)))
		got := spec.Must(ns.RunKubectl(ctx, "", "get", "pod", p.Name, "-o", "jsonpath={.status.phase}"))
		Expect(got.Stdout).To(Equal(string(corev1.PodFailed)), "kubectl must print the phase and nothing else\n%s\n%s", got, story)
	})

	It("-o wide shows each Pod's IP and node, and <none> while it has none", claim.Proves("CLI-GET-01"), func(ctx SpecContext) {
		running, unbound := wide(ctx, ns)
		cells, shown, err := ns.Row(ctx, running.Name())
		spec.Do(err)
		Expect(cells).To(And(HaveKeyWithValue("IP", shown.Status.PodIPs[0].IP), HaveKeyWithValue("Node", shown.Spec.NodeName)),
			"the columns IP and Node must show the Pod's first IP and its node\n%s", running)
		cells, _, err = ns.Row(ctx, unbound.Name())
		spec.Do(err)
		Expect(cells).To(And(HaveKeyWithValue("IP", "<none>"), HaveKeyWithValue("Node", "<none>")),
			"the columns IP and Node of an unscheduled Pod must show <none>\n%s", unbound)
	})

	It("-o wide prints each Pod's IP and node, which it does not without", claim.ProvesPart("CLI-GET-01", withKubectl), func(ctx SpecContext) {
		running, unbound := wide(ctx, ns)
		got := spec.Must(ns.RunKubectl(ctx, "", "get", "pods", "-o", "wide"))
		Expect(got.Code).To(BeZero(), "%s", got)
		last := running.Last()
		Expect(cell(got.Stdout, running.Name(), "IP")).To(Equal(last.Status.PodIP), "IP of the Pod %s\n%s\n%s", running.Name(), got, running)
		Expect(cell(got.Stdout, running.Name(), "NODE")).To(Equal(last.Spec.NodeName), "NODE of the Pod %s\n%s\n%s", running.Name(), got, running)
		Expect(cell(got.Stdout, unbound.Name(), "IP")).To(Equal("<none>"), "IP of an unscheduled Pod\n%s\n%s", got, unbound)
		Expect(cell(got.Stdout, unbound.Name(), "NODE")).To(Equal("<none>"), "NODE of an unscheduled Pod\n%s\n%s", got, unbound)

		narrow := spec.Must(ns.RunKubectl(ctx, "", "get", "pods"))
		Expect(cell(narrow.Stdout, running.Name(), "STATUS")).To(Equal("Running"), "%s", narrow)
		Expect(cell(narrow.Stdout, running.Name(), "NODE")).To(BeEmpty(), "without -o wide there must be no column NODE\n%s", narrow)
	})
})

// withKubectl names the part of a claim that only a kubectl can show.
const withKubectl = "with kubectl"

// wide creates a Pod that runs and one that is not scheduled.
func wide(ctx SpecContext, ns *spec.Space) (running, unbound *journal.Story) {
	GinkgoHelper()
	running = spec.Must(ns.Create(ctx, pod.New("running", ns.Witness("w", witness.Run()))))
	unbound = spec.Must(ns.Create(ctx, pod.New("unbound", pod.Gated(), ns.Witness("w", witness.Run()))))
	spec.Must(running.Await(ctx, pod.All(pod.InPhase(corev1.PodRunning), pod.HasIP())))
	spec.Must(unbound.Await(ctx, pod.Condition(corev1.PodScheduled, corev1.ConditionFalse, "SchedulingGated")))
	return running, unbound
}

// failedBy holds when the Pod has failed for its own reason.
func failedBy(reason string) journal.State {
	return journal.State{Text: "to have failed with reason " + reason, Holds: func(p *corev1.Pod) bool {
		return p.Status.Phase == corev1.PodFailed && p.Status.Reason == reason
	}}
}

// missingVolume prevents the creation of containers that mount it, on a bound Pod.
func missingVolume(p *corev1.Pod) {
	p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: "missing", VolumeSource: corev1.VolumeSource{
		ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "there-is-none"}},
	}})
}

// evaluate applies the expression to the Pod as the API server returns it, with the
// library that kubectl uses.
func evaluate(ctx SpecContext, ns *spec.Space, name, expression string) string {
	GinkgoHelper()
	raw := spec.Must(ns.API.Client.CoreV1().RESTClient().Get().Namespace(ns.Name()).Resource("pods").Name(name).
		SetHeader("Accept", "application/json").DoRaw(ctx))
	var object any
	spec.Do(json.Unmarshal(raw, &object))
	path := jsonpath.New("phase")
	spec.Do(path.Parse(expression))
	var out bytes.Buffer
	spec.Do(path.Execute(&out, object))
	return out.String()
}
