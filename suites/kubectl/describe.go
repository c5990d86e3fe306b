package kubectl

import (
	"fmt"
	"regexp"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
)

var _ = Describe("kubectl describe pod", func() {
	ns := spec.Namespace()

	It("shows where a Pod is, how its containers are and were, and its events", claim.Proves("CLI-DESC-01"), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("told", pod.Volume(spec.State),
			ns.InitContainer("prepares", witness.Run(witness.For(0))),
			ns.Sidecar("beside", witness.Run()),
			ns.Lives("again", witness.ExitAfter(short, 3), witness.Forever),
			ns.Witness("once", witness.Run()))))
		story, p, err := ns.AwaitLastState(ctx, story, "again", pod.All(pod.Restarted("again", 1), pod.Ready()))
		spec.Do(err)
		spec.Must(story.AwaitEvent(ctx, "to have a Started event", func(e *corev1.Event) bool { return e.Reason == "Started" }))
		described := describe(ctx, ns, p, story)
		Expect(described).To(MatchRegexp("(?m)^Events:"), "kubectl describe must show the events\n%s\n%s", described, story)
		Expect(described).To(MatchRegexp("(?m)^ +Normal +Started .*$"), "kubectl describe must show the events\n%s\n%s", described, story)

		for container, lines := range map[string][]string{
			"prepares": {"State: +Terminated", "Reason: +Completed", "Exit Code: +0", "Restart Count: +0"},
			"beside":   {"State: +Running", "Restart Count: +0"},
			"again":    {"State: +Running", "Last State: +Terminated", "Reason: +Error", "Exit Code: +3", "Restart Count: +1"},
			"once":     {"State: +Running", "Restart Count: +0"},
		} {
			// The text about one container must not describe another one.
			told := about(described, container)
			for _, line := range lines {
				Expect(told).To(MatchRegexp("(?m)^ +%s$", line), "kubectl describe must show of container %s what the API reports\n%s\n%s", container, described, story)
			}
			if container != "again" {
				Expect(told).NotTo(ContainSubstring("Last State"), "kubectl describe must show no last state of container %s, which has none\n%s\n%s", container, described, story)
			}
		}
	})

	It("shows a Pod that is on no node, and of one that cannot start why not", claim.Proves("CLI-DESC-01"), func(ctx SpecContext) {
		gated := spec.Must(ns.Create(ctx, pod.New("gated", pod.Gated(), ns.Witness("w", witness.Run()))))
		waits := spec.Must(ns.Create(ctx, pod.New("waits", missingVolume, ns.Witness("w", witness.Run(), pod.Mount("missing", "/missing")))))
		p := spec.Must(gated.Await(ctx, pod.Condition(corev1.PodScheduled, corev1.ConditionFalse, "SchedulingGated"))).Pod
		describe(ctx, ns, p, gated)
		p = spec.Must(waits.Await(ctx, pod.ContainerWaiting("w", "ContainerCreating"))).Pod
		told := about(describe(ctx, ns, p, waits), "w")
		for _, line := range []string{"State: +Waiting", "Reason: +ContainerCreating", "Ready: +False"} {
			Expect(told).To(MatchRegexp("(?m)^ +%s$", line), "kubectl describe must show why a container waits\n%s\n%s", told, waits)
		}
	})

	It("shows that a Pod is being deleted", claim.Proves("CLI-DESC-01"), func(ctx SpecContext) {
		// The Pod must have run: a deleted Pod on no node soon becomes Failed, and then
		// kubectl shows its phase.
		story := spec.Must(ns.Create(ctx, pod.New("leaving", pod.Grace(20), ns.Witness("w", witness.Run(witness.OnTerm(witness.Ignore))))))
		spec.Must(ns.AwaitStarted(ctx, story, "w"))
		spec.Do(ns.Delete(ctx, story, -1))
		spec.Must(story.Await(ctx, pod.BeingDeleted()))
		got := spec.Must(ns.RunKubectl(ctx, "", "describe", "pod", story.Name()))
		Expect(got.Stdout).To(MatchRegexp("(?m)^Status: +Terminating"), "a Pod that is being deleted must show as Terminating, although its phase is Running\n%s", got)
		Expect(got.Stdout).To(MatchRegexp("(?m)^Termination Grace Period: +20s$"), "kubectl describe must show the grace period of the deletion\n%s", got)
	})
})

// describe runs kubectl describe, and expects of the Pod itself what the API reports.
func describe(ctx SpecContext, ns *spec.Space, p *corev1.Pod, story *journal.Story) string {
	GinkgoHelper()
	got := spec.Must(ns.RunKubectl(ctx, "", "describe", "pod", p.Name))
	Expect(got.Code).To(BeZero(), "%s", got)
	node := regexp.QuoteMeta(p.Spec.NodeName) + "/.*"
	if p.Spec.NodeName == "" {
		node = "<none>"
	}
	lines := []string{
		"Name: +" + p.Name, "Namespace: +" + p.Namespace, "Node: +" + node,
		"IP: *" + regexp.QuoteMeta(p.Status.PodIP), "Status: +" + string(p.Status.Phase),
	}
	for _, c := range p.Status.Conditions {
		lines = append(lines, fmt.Sprintf(" +%s +%s *", regexp.QuoteMeta(string(c.Type)), c.Status))
	}
	for _, line := range lines {
		Expect(got.Stdout).To(MatchRegexp("(?m)^%s$", line), "kubectl describe must show what the API reports about the Pod\n%s", story)
	}
	return got.Stdout
}

// about is what kubectl describe says about a container: the lines under its name with a
// deeper indent.
func about(described, container string) string {
	found := regexp.MustCompile(`(?m)^  ` + regexp.QuoteMeta(container) + `:\n((?: {4}.*\n)*)`).FindStringSubmatch(described)
	if found == nil {
		return ""
	}
	return found[1]
}
