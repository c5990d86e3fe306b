package kubectl

import (
	"fmt"
	"regexp"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
)

var _ = Describe("kubectl describe pod", func() {
	ns := spec.Namespace()

	It("shows where a Pod is, how its containers are and were, and its events", claim.Proves("CLI-DESC-01"), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("told", pod.Volume("state"),
			ns.Witness("again", witness.Run(witness.Schedule("/state/count", witness.ExitAfter(short, 3), witness.Forever)), pod.Mount("state", "/state")),
			ns.Witness("once", witness.Run()))))
		story, p, err := ns.AwaitLastState(ctx, story, "again", pod.All(pod.Restarted("again", 1), pod.Ready()))
		spec.Do(err)
		spec.Must(story.AwaitEvent(ctx, "to have a Started event", func(e *corev1.Event) bool { return e.Reason == "Started" }))

		got := spec.Must(ns.RunKubectl(ctx, "", "describe", "pod", story.Name()))
		Expect(got.Code).To(BeZero(), "%s", got)
		lines := []string{
			"Name: +" + story.Name(), "Namespace: +" + ns.Name(),
			"Node: +" + regexp.QuoteMeta(p.Spec.NodeName) + "/.*", "IP: +" + regexp.QuoteMeta(p.Status.PodIP),
			"Status: +Running", "Events:", " +Normal +Started .*",
		}
		for _, c := range p.Status.Conditions {
			lines = append(lines, fmt.Sprintf(" +%s +%s *", regexp.QuoteMeta(string(c.Type)), c.Status))
		}
		for _, line := range lines {
			Expect(got.Stdout).To(MatchRegexp("(?m)^%s$", line), "kubectl describe must show what the API reports about the Pod\n%s", story)
		}

		// The text about one container must not describe another one.
		again, once := about(got.Stdout, "again"), about(got.Stdout, "once")
		for _, line := range []string{"State: +Running", "Last State: +Terminated", "Exit Code: +3", "Restart Count: +1"} {
			Expect(again).To(MatchRegexp("(?m)^ +%s$", line), "kubectl describe must show that container again runs, was restarted once, and how it ended before\n%s\n%s", got, story)
		}
		for _, line := range []string{"State: +Running", "Restart Count: +0"} {
			Expect(once).To(MatchRegexp("(?m)^ +%s$", line), "kubectl describe must show that container once runs and was never restarted\n%s\n%s", got, story)
		}
		Expect(once).NotTo(ContainSubstring("Last State"), "kubectl describe must show no last state of container once, which has none\n%s\n%s", got, story)
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

// about is what kubectl describe says about a container: the lines under its name with a
// deeper indent.
func about(described, container string) string {
	found := regexp.MustCompile(`(?m)^  ` + regexp.QuoteMeta(container) + `:\n((?: {4}.*\n)*)`).FindStringSubmatch(described)
	if found == nil {
		return ""
	}
	return found[1]
}
