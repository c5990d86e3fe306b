package law

import (
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/framework/journal"
	. "github.com/podproof/podproof/framework/journal/journaltest"
)

func TestEveryLawIsAClaimAndTheOtherWayRound(t *testing.T) {
	g := NewWithT(t)
	var checked, catalogued []string
	for _, l := range All {
		checked = append(checked, l.ID)
	}
	for _, c := range claims.All() {
		if c.Law {
			catalogued = append(catalogued, c.ID)
		}
	}
	g.Expect(checked).To(ConsistOf(catalogued))
}

func TestLawsHoldForConformantPods(t *testing.T) {
	histories := map[string]History{
		"nothing seen": nil,
		"unschedulable, deleted at once": NewHistory(Condition(corev1.PodScheduled, corev1.ConditionFalse, "Unschedulable")).
			Deleted(Deleting(0)),
		"runs, fails for good, is gone at once": Plain().
			Then(Phase(corev1.PodFailed), Status(Terminated("c", "id-0", 0, 1))).
			Deleted(Deleting(0)),
		"runs, is deleted gracefully": Plain().
			Then(Deleting(30)).
			Then(Phase(corev1.PodSucceeded), Status(Terminated("c", "id-0", 0, 0))).
			Then(Deleting(0)).Deleted(),
		"a deleted pod, of which an earlier container is removed last": Plain().
			Then(Status(After(Running("c", "id-1", 1), Ended("id-0", "Completed", 0)))).
			Then(Deleting(30)).
			Then(Phase(corev1.PodSucceeded), Status(Terminated("c", "id-1", 1, 0))).
			Then(Status(Terminated("c", "id-0", 0, 0))).
			Then(Deleting(0)).Deleted(),
		"the same, and the earlier one was seen as the last state only": NewHistory(Node("w1")).
			Then(Phase(corev1.PodRunning), Status(After(Running("c", "id-1", 1), Ended("id-0", "Completed", 0)))).
			Then(Deleting(30)).
			Then(Phase(corev1.PodSucceeded), Status(Terminated("c", "id-1", 1, 0))).
			Then(Status(Terminated("c", "id-0", 0, 0))).
			Then(Deleting(0)).Deleted(),
		"deletion by force leaves the phase": Plain().Then(Deleting(0)).Deleted(),
		"deleted after it was shortened": Plain().
			Then(Deleting(30)).Then(Deleting(5)).
			Then(Phase(corev1.PodFailed), Status(Terminated("c", "id-0", 0, 137))).Deleted(),
		"deleted before it ever ran": NewHistory().Then(Node("w1")).
			Then(Deleting(30)).Then(Phase(corev1.PodFailed)).Deleted(),
		"mirror pod": Plain().
			Then(func(p *corev1.Pod) { p.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "x"} }).
			Then(Deleting(30)).Deleted(),
		"Pending to Succeeded, Running was missed": NewHistory().Then(Node("w1")).
			Then(Phase(corev1.PodSucceeded), Status(Terminated("c", "id-0", 0, 0))),
		"crash loop, Running with nothing running": Plain().
			Then(Status(Terminated("c", "id-0", 0, 1))).
			Then(Status(After(Running("c", "id-1", 1), Ended("id-0", "Error", 1)))).
			Then(Status(After(Waiting("c", "CrashLoopBackOff"), Ended("id-1", "Error", 1))), func(p *corev1.Pod) { p.Status.ContainerStatuses[0].RestartCount = 1 }),
		"a created container that is not started yet": Plain().
			Then(Status(corev1.ContainerStatus{Name: "c", ContainerID: "id-1", RestartCount: 1, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{}}})),
		"restarted sandbox has another IP": Plain().
			Then(IP(), Status(Terminated("c", "id-0", 0, 137))).
			Then(IP("10.0.0.2"), Status(After(Running("c", "id-1", 1), Ended("id-0", "Error", 137)))),
		"restarted sandbox, the ended container is still shown": Plain().
			Then(Status(Terminated("c", "id-0", 0, 137))).Then(IP("10.0.0.2")),
		"the IP is missing for a moment": Plain().Then(IP()).Then(IP("10.0.0.1")),
		"a second IP comes to the front": Plain().Then(IP("10.0.0.1", "fd00::1")).Then(IP("fd00::1", "10.0.0.1")),
		"host network: the node got another IP": NewHistory(func(p *corev1.Pod) { p.Spec.HostNetwork = true }).
			Then(Node("w1"), Phase(corev1.PodRunning), IP("172.18.0.2"), Status(Running("c", "id-0", 0))).
			Then(IP("172.18.0.9")),
		"node reboot: init containers run again and the phase is Pending": NewHistory(InitContainer("i")).
			Then(Node("w1"), Phase(corev1.PodRunning), Status(Running("c", "id-0", 0))).
			Then(Phase(corev1.PodPending), Status(Terminated("c", "id-0", 0, 137))).
			Then(Phase(corev1.PodRunning), Status(Running("c", "id-1", 1))),
		"the runtime lost the container and found it again": Plain().
			Then(Status(corev1.ContainerStatus{Name: "c", ContainerID: "id-0", RestartCount: 1, State: corev1.ContainerState{Terminated: Ended("", "ContainerStatusUnknown", 137)}})).
			Then(Phase(corev1.PodPending), Status(Running("c", "id-0", 0))),
		"restartable init container restarts, ephemeral container is added": NewHistory(InitContainer("side")).
			Then(Node("w1"), Phase(corev1.PodRunning), Status(Running("c", "id-0", 0)), func(p *corev1.Pod) {
				p.Status.InitContainerStatuses = []corev1.ContainerStatus{Waiting("side", "PodInitializing")}
				p.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug"}}}
				p.Status.EphemeralContainerStatuses = []corev1.ContainerStatus{Waiting("debug", "ContainerCreating")}
			}),
		"the image changes": Plain().Then(func(p *corev1.Pod) { p.Spec.Containers[0].Image = "image:2" }),
	}
	for name, h := range histories {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(Check(h)).To(BeEmpty())
		})
	}
}

// broken is a history that breaks one law, and what the law says.
type broken struct {
	name, law, message string
	history            History
}

func brokenByPods() []broken {
	return []broken{
		{"an unknown phase", "LAW-PHASE-KNOWN", `+4.000s after its first version (resourceVersion 104) its phase is "Unknown"`,
			Plain().Then(Phase("Unknown"))},
		{"no phase", "LAW-PHASE-KNOWN", `its phase is ""`, NewHistory(Phase(""))},
		{"terminating as a phase", "LAW-PHASE-KNOWN", `its phase is "Terminating"`, Plain().Then(Deleting(30), Phase("Terminating"))},
		{"back to Pending", "LAW-PHASE-FORWARD", "went back from Running to Pending", Plain().Then(Phase(corev1.PodPending))},
		{"out of Failed", "LAW-PHASE-FORWARD", "left Failed for Running",
			Plain().Then(Phase(corev1.PodFailed)).Then(Phase(corev1.PodRunning))},
		{"from Succeeded to Failed, with init containers", "LAW-PHASE-FORWARD", "left Succeeded for Failed",
			NewHistory(InitContainer("i")).Then(Node("w1"), Phase(corev1.PodSucceeded)).Then(Phase(corev1.PodFailed))},
		{"restarts fall", "LAW-RESTARTS-GROW", "the restartCount of container c fell from 2 to 1",
			Plain().Then(Status(Running("c", "id-2", 2))).Then(Status(Running("c", "id-3", 1)))},
		{"restarts fall while being deleted", "LAW-RESTARTS-GROW", "fell from 1 to 0",
			Plain().Then(Status(Running("c", "id-1", 1))).Then(Deleting(30), Status(Terminated("c", "id-1", 0, 0)))},
		{"restarts fall while being deleted, to a container that was never seen", "LAW-RESTARTS-GROW", "fell from 1 to 0",
			Plain().Then(Status(Running("c", "id-1", 1))).Then(Deleting(30), Status(Terminated("c", "id-x", 0, 0)))},
		{"restarts of an init container fall", "LAW-RESTARTS-GROW", "the restartCount of init container i fell from 1 to 0",
			NewHistory(InitContainer("i"), func(p *corev1.Pod) {
				p.Status.InitContainerStatuses = []corev1.ContainerStatus{Terminated("i", "a", 1, 1)}
			}).
				Then(func(p *corev1.Pod) { p.Status.InitContainerStatuses[0] = Terminated("i", "b", 0, 0) })},
		{"Running on no node", "LAW-RUNNING-CREATED", "Running without a node",
			NewHistory().Then(Phase(corev1.PodRunning), Status(Running("c", "id-0", 0)))},
		{"Running while a container was never created", "LAW-RUNNING-CREATED", "container d was never created (waiting ErrImageNeverPull)",
			NewHistory(func(p *corev1.Pod) { p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "d"}) }).
				Then(Node("w1")).
				Then(Phase(corev1.PodRunning), Status(Running("c", "id-0", 0)), Status(Waiting("d", "ErrImageNeverPull")))},
		{"Running without any status", "LAW-RUNNING-CREATED", "container c has no status", NewHistory().Then(Node("w1"), Phase(corev1.PodRunning))},
		{"another IP under a running container", "LAW-IP-STABLE", "from 10.0.0.1 to 10.0.0.2 while container c went on running",
			Plain().Then(IP("10.0.0.2"))},
		{"another IP after it was missing", "LAW-IP-STABLE", "from 10.0.0.1 to 10.0.0.2", Plain().Then(IP()).Then(IP("10.0.0.2"))},
		{"another node", "LAW-NODE-STABLE", `from w1 to "w2"`, Plain().Then(Node("w2"))},
		{"taken from its node", "LAW-NODE-STABLE", `from w1 to ""`, NewHistory(Node("w1")).Then(Node(""))},
		{"a container more", "LAW-CONTAINERS-FIXED", "from [c] to [c d]",
			NewHistory().Then(func(p *corev1.Pod) { p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "d"}) })},
		{"an init container less", "LAW-CONTAINERS-FIXED", "from [i] to []",
			NewHistory(InitContainer("i")).Then(func(p *corev1.Pod) { p.Spec.InitContainers = nil })},
		{"a container's command", "LAW-CONTAINERS-FIXED", "its containers changed: c is another one",
			NewHistory().Then(func(p *corev1.Pod) { p.Spec.Containers[0].Command = []string{"other"} })},
		{"deletion taken back", "LAW-DELETION-FINAL", "taken back",
			Plain().Then(Deleting(30)).Then(func(p *corev1.Pod) { p.DeletionTimestamp = nil })},
		{"longer grace", "LAW-DELETION-FINAL", "grew from 5 to 30", Plain().Then(Deleting(5)).Then(Deleting(30))},
		{"gone while Running", "LAW-TERMINAL-BEFORE-GONE", "gone in phase Running after a deletion with grace 30s",
			Plain().Then(Deleting(30)).Then(Deleting(0)).Deleted()},
		{"gone while Pending on a node", "LAW-TERMINAL-BEFORE-GONE", "gone in phase Pending",
			NewHistory().Then(Node("w1")).Then(Deleting(1)).Deleted()},
	}
}

func TestLawsAreBroken(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range slices.Concat(brokenByPods(), brokenByInstances(), brokenByConditions()) {
		seen[c.law] = true
		t.Run(c.name, func(t *testing.T) {
			g := NewWithT(t)
			found := Check(c.history)
			g.Expect(found).To(HaveLen(1), "exactly this law is broken")
			g.Expect(found[0].Law).To(Equal(c.law))
			g.Expect(found[0].Message).To(HavePrefix("pod ns/web broke " + c.law))
			g.Expect(found[0].Message).To(ContainSubstring(c.message))
			g.Expect(found[0].Known).To(BeFalse())
			expectAbout(g, c.law, c.history)
		})
	}
	for _, law := range All {
		NewWithT(t).Expect(seen).To(HaveKey(law.ID), "every law is broken once")
	}
}

func TestLawsAreAboutPodsThatCouldBreakThem(t *testing.T) {
	about := func(versions []journal.Version) []string {
		var ids []string
		for _, law := range All {
			if law.About == nil || law.About(versions) {
				ids = append(ids, law.ID)
			}
		}
		return ids
	}
	NewWithT(t).Expect(about(NewHistory())).To(ConsistOf("LAW-PHASE-KNOWN"))
	NewWithT(t).Expect(about(Plain())).To(ConsistOf("LAW-PHASE-KNOWN", "LAW-PHASE-FORWARD", "LAW-RUNNING-CREATED", "LAW-NODE-STABLE", "LAW-CONTAINERS-FIXED",
		"LAW-STATE-ONE", "LAW-WAITING-REASON", "LAW-STARTED-RUNS", "LAW-READY-RUNS", "LAW-TRANSITION-MOVES", "LAW-TRANSITION-FORWARD"))
	NewWithT(t).Expect(about(probedPod(true, true).Then())).To(And(ContainElements("LAW-STARTED-STAYS", "LAW-READY-STARTED", "LAW-READY-CONTAINERS"), Not(ContainElement("LAW-READY-ANEW"))))
	NewWithT(t).Expect(about(Plain().Then(Deleting(30)).Deleted())).To(ContainElements("LAW-IP-STABLE", "LAW-DELETION-FINAL", "LAW-TERMINAL-BEFORE-GONE"))
	NewWithT(t).Expect(about(Plain().Then(Status(Running("c", "id-1", 1))).Then(Deleting(0)).Deleted())).To(And(ContainElement("LAW-RESTARTS-GROW"), Not(ContainElement("LAW-TERMINAL-BEFORE-GONE"))))
}

func TestExemptPodsAreNotJudgedByThatLaw(t *testing.T) {
	g := NewWithT(t)
	back := Plain().Then(Phase(corev1.PodPending))
	story := journal.Recorded(back)
	g.Expect(Check(back)).NotTo(BeEmpty())
	g.Expect(Exempt(story, "LAW-PHASE-FORWARD")).To(Succeed())
	g.Expect(story.Exempted()).To(ConsistOf("LAW-PHASE-FORWARD"))
	g.Expect(Check(back, story.Exempted()...)).To(BeEmpty())

	g.Expect(Exempt(story, "LAW-NODE-STABLE")).To(MatchError(ContainSubstring("LAW-NODE-STABLE")), "a law without exemption")
	g.Expect(Exempt(story, "LAW-NOBODY")).NotTo(Succeed())
}
