package pod_test

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
)

// loop is a pod that ran, ended and runs again.
func loop() *journal.Story {
	return story(
		at(corev1.PodPending),
		at(corev1.PodRunning, running("id-0", 0, 0)),
		at(corev1.PodRunning, terminated(0, exit("id-0", 1, 0, 1))),
		at(corev1.PodRunning, after(running("id-1", 1, 2), exit("id-0", 1, 0, 1))),
	)
}

const loopStory = `
story of pod ns/web (UID u1):
     +0.000s  ADDED: phase Pending; node w1
     +1.000s  phase Pending→Running; container c running
     +2.000s  container c terminated Error exit 1
     +3.000s  container c running, restarts 1`

func TestMatchersMatch(t *testing.T) {
	g := NewWithT(t)
	g.Expect(loop()).To(And(
		pod.HaveBeen(pod.InPhase(corev1.PodPending)),
		pod.BeNow(pod.ContainerRunning("c")),
		pod.AlwaysBe(pod.Scheduled()),
		pod.NeverBe(pod.InPhase(corev1.PodFailed)),
		pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning, corev1.PodSucceeded),
	))
	g.Expect(loop()).NotTo(Or(
		pod.HaveBeen(pod.InPhase(corev1.PodFailed)),
		pod.BeNow(pod.ContainerTerminated("c")),
		pod.AlwaysBe(pod.InPhase(corev1.PodRunning)),
		pod.NeverBe(pod.ContainerTerminated("c")),
		pod.HaveOnlyPhases(corev1.PodRunning, corev1.PodPending),
		pod.HaveOnlyPhases(corev1.PodPending),
	))
}

func TestMatchersFailWithASentenceAndTheStory(t *testing.T) {
	cases := map[string]struct {
		assert   func(g Gomega)
		sentence string
	}{
		"HaveBeen": {func(g Gomega) { g.Expect(loop()).To(pod.HaveBeen(pod.InPhase(corev1.PodFailed))) },
			"expected pod web at some moment to be in phase Failed, but it was not in any of its versions"},
		"not HaveBeen": {func(g Gomega) { g.Expect(loop()).NotTo(pod.HaveBeen(pod.ContainerTerminated("c"))) },
			"expected pod web never to have container c terminated, but it was 2.000s after its first version: phase Running; on w1; container c terminated Error exit 1"},
		"BeNow": {func(g Gomega) { g.Expect(loop()).To(pod.BeNow(pod.Restarted("c", 2))) },
			"expected pod web by now to have restarted container c at least 2 times, but it is: phase Running; on w1; container c running, before terminated Error exit 1, restarts 1"},
		"not BeNow": {func(g Gomega) { g.Expect(loop()).NotTo(pod.BeNow(pod.ContainerRunning("c"))) },
			"expected pod web by now no longer to have container c running, but it is: phase Running; on w1; container c running, before terminated Error exit 1, restarts 1"},
		"AlwaysBe": {func(g Gomega) { g.Expect(loop()).To(pod.AlwaysBe(pod.InPhase(corev1.PodRunning))) },
			"expected pod web always to be in phase Running, but it was not 0.000s after its first version: phase Pending; on w1"},
		"not AlwaysBe": {func(g Gomega) { g.Expect(loop()).NotTo(pod.AlwaysBe(pod.Scheduled())) },
			"expected pod web at some moment not to be bound to a node, but it was in all of its versions"},
		"NeverBe": {func(g Gomega) { g.Expect(loop()).To(pod.NeverBe(pod.InPhase(corev1.PodRunning))) },
			"expected pod web never to be in phase Running, but it was 1.000s after its first version: phase Running; on w1; container c running"},
		"not NeverBe": {func(g Gomega) { g.Expect(loop()).NotTo(pod.NeverBe(pod.Ready())) },
			"expected pod web at some moment to be Ready, but it was not in any of its versions"},
		"HaveOnlyPhases": {func(g Gomega) { g.Expect(loop()).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodSucceeded)) },
			"expected pod web to go through no phases but Pending→Succeeded in this order, but it went through Pending→Running"},
		"not HaveOnlyPhases": {func(g Gomega) {
			g.Expect(loop()).NotTo(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning))
		}, "expected pod web not to go only through Pending→Running, but it went through Pending→Running"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			var message string
			c.assert(NewGomega(func(m string, _ ...int) { message = m }))
			g.Expect(message).To(Equal(c.sentence + loopStory))
		})
	}
}

func TestInterceptedFailure(t *testing.T) {
	RegisterTestingT(t)
	err := InterceptGomegaFailure(func() { Expect(loop()).To(pod.BeNow(pod.InPhase(corev1.PodFailed))) })
	NewWithT(t).Expect(strings.Split(err.Error(), "\n")[0]).To(HavePrefix("expected pod web by now to be in phase Failed"))
}

func TestNothingIsConcludedFromNothing(t *testing.T) {
	for name, matcher := range map[string]OmegaMatcher{
		"HaveBeen":       pod.HaveBeen(pod.Ready()),
		"BeNow":          pod.BeNow(pod.Ready()),
		"AlwaysBe":       pod.AlwaysBe(pod.Ready()),
		"NeverBe":        pod.NeverBe(pod.Ready()),
		"HaveOnlyPhases": pod.HaveOnlyPhases(corev1.PodPending),
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			_, err := matcher.Match(journal.Recorded(nil))
			g.Expect(err).To(MatchError(ContainSubstring("no version of it was seen")))
			_, err = matcher.Match("no story")
			g.Expect(err).To(HaveOccurred())
		})
	}
}

func TestStates(t *testing.T) {
	final := func(s *journal.Story) bool { return s.Last().Status.Phase == corev1.PodFailed }
	deleted := second(30)
	being := story(at(corev1.PodRunning))
	being.Last().DeletionTimestamp = &deleted
	unbound := story(at(corev1.PodPending))
	unbound.Last().Spec.NodeName = ""
	failed := story(at(corev1.PodFailed, terminated(0, exit("id-0", 1, 0, 1))))
	unready := story(ready(corev1.ConditionFalse, "ContainersNotReady"))

	for _, c := range []struct {
		state    journal.State
		yes, no  *journal.Story
		giveUpAt *journal.Story // where it can no longer come
	}{
		{pod.InPhase(corev1.PodRunning), loop(), failed, failed},
		{pod.Ready(), story(ready(corev1.ConditionTrue, "")), unready, failed},
		{pod.NotReady(), unready, story(ready(corev1.ConditionTrue, "")), nil},
		{pod.NotReady(), unbound, story(ready(corev1.ConditionTrue, "")), nil},
		{pod.Condition(corev1.PodReady, corev1.ConditionFalse, "ContainersNotReady"), unready, story(ready(corev1.ConditionFalse, "PodFailed")), nil},
		{pod.Condition(corev1.PodReady, corev1.ConditionFalse, ""), unready, loop(), nil},
		{pod.Restarted("c", 1), loop(), failed, failed},
		{pod.ContainerRunning("c"), loop(), unready, failed},
		{pod.ContainerTerminated("c"), failed, loop(), nil},
		{pod.ContainerWaiting("c"), story(at(corev1.PodPending, waiting("", 0, "ErrImagePull"))), loop(), failed},
		{pod.ContainerWaiting("c", "ErrImagePull", "ImagePullBackOff"), story(at(corev1.PodPending, waiting("", 0, "ImagePullBackOff"))),
			story(at(corev1.PodPending, waiting("", 0, "ContainerCreating"))), failed},
		{pod.Scheduled(), loop(), unbound, nil},
		{pod.BeingDeleted(), being, loop(), nil},
		{pod.AllRunning(), loop(), unready, failed},
		{pod.All(pod.Scheduled(), pod.ContainerRunning("c")), loop(), failed, failed},
	} {
		t.Run(c.state.Text, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(c.state.Text).To(MatchRegexp("^(to|not to) "))
			g.Expect(c.state.Holds(c.yes.Last())).To(BeTrue())
			g.Expect(c.state.Holds(c.no.Last())).To(BeFalse())
			if c.state.Never != nil && !final(c.no) {
				g.Expect(c.state.Never(c.no.Last())).To(BeEmpty(), "it can still come")
			}
			if c.giveUpAt != nil {
				g.Expect(c.state.Never(c.giveUpAt.Last())).To(Equal("phase Failed is final"))
			}
		})
	}
}
