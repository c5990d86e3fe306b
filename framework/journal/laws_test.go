package journal

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
)

// plain is an ordinary pod that runs.
func plain() history {
	return newHistory().
		then(node("w1"), condition(corev1.PodScheduled, corev1.ConditionTrue, "")).
		then(status(waiting("c", "ContainerCreating"))).
		then(phase(corev1.PodRunning), ip("10.0.0.1"), status(running("c", "id-0", 0)))
}

func TestLawsHoldForConformantPods(t *testing.T) {
	histories := map[string]history{
		"nothing seen": nil,
		"unschedulable, deleted at once": newHistory(condition(corev1.PodScheduled, corev1.ConditionFalse, "Unschedulable")).
			deleted(deleting(0)),
		"runs, fails for good, is gone at once": plain().
			then(phase(corev1.PodFailed), status(terminated("c", "id-0", 0, 1))).
			deleted(deleting(0)),
		"runs, is deleted gracefully": plain().
			then(deleting(30)).
			then(phase(corev1.PodSucceeded), status(terminated("c", "id-0", 0, 0))).
			then(deleting(0)).deleted(),
		"a deleted pod, of which an earlier container is removed last": plain().
			then(status(after(running("c", "id-1", 1), ended("id-0", "Completed", 0)))).
			then(deleting(30)).
			then(phase(corev1.PodSucceeded), status(terminated("c", "id-1", 1, 0))).
			then(status(terminated("c", "id-0", 0, 0))).
			then(deleting(0)).deleted(),
		"the same, and the earlier one was told of as the last state only": newHistory(node("w1")).
			then(phase(corev1.PodRunning), status(after(running("c", "id-1", 1), ended("id-0", "Completed", 0)))).
			then(deleting(30)).
			then(phase(corev1.PodSucceeded), status(terminated("c", "id-1", 1, 0))).
			then(status(terminated("c", "id-0", 0, 0))).
			then(deleting(0)).deleted(),
		"deletion by force leaves the phase": plain().then(deleting(0)).deleted(),
		"deleted after it was shortened": plain().
			then(deleting(30)).then(deleting(5)).
			then(phase(corev1.PodFailed), status(terminated("c", "id-0", 0, 137))).deleted(),
		"deleted before it ever ran": newHistory().then(node("w1")).
			then(deleting(30)).then(phase(corev1.PodFailed)).deleted(),
		"mirror pod": plain().
			then(func(p *corev1.Pod) { p.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "x"} }).
			then(deleting(30)).deleted(),
		"Pending to Succeeded, Running was missed": newHistory().then(node("w1")).
			then(phase(corev1.PodSucceeded), status(terminated("c", "id-0", 0, 0))),
		"crash loop, Running with nothing running": plain().
			then(status(terminated("c", "id-0", 0, 1))).
			then(status(after(running("c", "id-1", 1), ended("id-0", "Error", 1)))).
			then(status(after(waiting("c", "CrashLoopBackOff"), ended("id-1", "Error", 1))), func(p *corev1.Pod) { p.Status.ContainerStatuses[0].RestartCount = 1 }),
		"a created container that is not started yet": plain().
			then(status(corev1.ContainerStatus{Name: "c", ContainerID: "id-1", RestartCount: 1, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{}}})),
		"restarted sandbox has another IP": plain().
			then(ip(), status(terminated("c", "id-0", 0, 137))).
			then(ip("10.0.0.2"), status(after(running("c", "id-1", 1), ended("id-0", "Error", 137)))),
		"restarted sandbox, the ended container is still shown": plain().
			then(status(terminated("c", "id-0", 0, 137))).then(ip("10.0.0.2")),
		"the IP is missing for a moment": plain().then(ip()).then(ip("10.0.0.1")),
		"a second IP comes to the front": plain().then(ip("10.0.0.1", "fd00::1")).then(ip("fd00::1", "10.0.0.1")),
		"host network: the node got another IP": newHistory(func(p *corev1.Pod) { p.Spec.HostNetwork = true }).
			then(node("w1"), phase(corev1.PodRunning), ip("172.18.0.2"), status(running("c", "id-0", 0))).
			then(ip("172.18.0.9")),
		"node reboot: init containers run again and the phase is Pending": newHistory(initContainer("i")).
			then(node("w1"), phase(corev1.PodRunning), status(running("c", "id-0", 0))).
			then(phase(corev1.PodPending), status(terminated("c", "id-0", 0, 137))).
			then(phase(corev1.PodRunning), status(running("c", "id-1", 1))),
		"the runtime lost the container and found it again": plain().
			then(status(corev1.ContainerStatus{Name: "c", ContainerID: "id-0", RestartCount: 1, State: corev1.ContainerState{Terminated: ended("", "ContainerStatusUnknown", 137)}})).
			then(phase(corev1.PodPending), status(running("c", "id-0", 0))),
		"restartable init container restarts, ephemeral container is added": newHistory(initContainer("side")).
			then(node("w1"), phase(corev1.PodRunning), status(running("c", "id-0", 0)), func(p *corev1.Pod) {
				p.Status.InitContainerStatuses = []corev1.ContainerStatus{waiting("side", "PodInitializing")}
				p.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug"}}}
				p.Status.EphemeralContainerStatuses = []corev1.ContainerStatus{waiting("debug", "ContainerCreating")}
			}),
		"the image changes": plain().then(func(p *corev1.Pod) { p.Spec.Containers[0].Image = "image:2" }),
	}
	for name, h := range histories {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(CheckLaws(h)).To(BeEmpty())
		})
	}
}

func TestLawsAreBroken(t *testing.T) {
	cases := []struct {
		name, law, message string
		history            history
	}{
		{"an unknown phase", "LAW-PHASE-KNOWN", `+4.000s after its first version (resourceVersion 104) its phase is "Unknown"`,
			plain().then(phase("Unknown"))},
		{"no phase", "LAW-PHASE-KNOWN", `its phase is ""`, newHistory(phase(""))},
		{"terminating as a phase", "LAW-PHASE-KNOWN", `its phase is "Terminating"`, plain().then(deleting(30), phase("Terminating"))},
		{"back to Pending", "LAW-PHASE-FORWARD", "went back from Running to Pending", plain().then(phase(corev1.PodPending))},
		{"out of Failed", "LAW-PHASE-FORWARD", "left Failed for Running",
			plain().then(phase(corev1.PodFailed)).then(phase(corev1.PodRunning))},
		{"from Succeeded to Failed, with init containers", "LAW-PHASE-FORWARD", "left Succeeded for Failed",
			newHistory(initContainer("i")).then(node("w1"), phase(corev1.PodSucceeded)).then(phase(corev1.PodFailed))},
		{"restarts fall", "LAW-RESTARTS-GROW", "the restartCount of container c fell from 2 to 1",
			plain().then(status(running("c", "id-2", 2))).then(status(running("c", "id-3", 1)))},
		{"restarts fall while being deleted", "LAW-RESTARTS-GROW", "fell from 1 to 0",
			plain().then(status(running("c", "id-1", 1))).then(deleting(30), status(terminated("c", "id-1", 0, 0)))},
		{"restarts fall while being deleted, to a container that was never seen", "LAW-RESTARTS-GROW", "fell from 1 to 0",
			plain().then(status(running("c", "id-1", 1))).then(deleting(30), status(terminated("c", "id-x", 0, 0)))},
		{"restarts of an init container fall", "LAW-RESTARTS-GROW", "the restartCount of init container i fell from 1 to 0",
			newHistory(initContainer("i"), func(p *corev1.Pod) {
				p.Status.InitContainerStatuses = []corev1.ContainerStatus{terminated("i", "a", 1, 1)}
			}).
				then(func(p *corev1.Pod) { p.Status.InitContainerStatuses[0] = terminated("i", "b", 0, 0) })},
		{"Running on no node", "LAW-RUNNING-CREATED", "Running without a node",
			newHistory().then(phase(corev1.PodRunning), status(running("c", "id-0", 0)))},
		{"Running while a container was never created", "LAW-RUNNING-CREATED", "container d was never created (waiting ErrImageNeverPull)",
			newHistory(func(p *corev1.Pod) { p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "d"}) }).
				then(node("w1")).
				then(phase(corev1.PodRunning), status(running("c", "id-0", 0)), status(waiting("d", "ErrImageNeverPull")))},
		{"Running without any status", "LAW-RUNNING-CREATED", "container c has no status", newHistory().then(node("w1"), phase(corev1.PodRunning))},
		{"another IP under a running container", "LAW-IP-STABLE", "from 10.0.0.1 to 10.0.0.2 while container c went on running",
			plain().then(ip("10.0.0.2"))},
		{"another IP after it was missing", "LAW-IP-STABLE", "from 10.0.0.1 to 10.0.0.2", plain().then(ip()).then(ip("10.0.0.2"))},
		{"another node", "LAW-NODE-STABLE", `from w1 to "w2"`, plain().then(node("w2"))},
		{"taken from its node", "LAW-NODE-STABLE", `from w1 to ""`, newHistory(node("w1")).then(node(""))},
		{"a container more", "LAW-CONTAINERS-FIXED", "from [c] to [c d]",
			newHistory().then(func(p *corev1.Pod) { p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "d"}) })},
		{"an init container less", "LAW-CONTAINERS-FIXED", "from [i] to []",
			newHistory(initContainer("i")).then(func(p *corev1.Pod) { p.Spec.InitContainers = nil })},
		{"a container's command", "LAW-CONTAINERS-FIXED", "its containers changed: c is another one",
			newHistory().then(func(p *corev1.Pod) { p.Spec.Containers[0].Command = []string{"other"} })},
		{"deletion taken back", "LAW-DELETION-FINAL", "taken back",
			plain().then(deleting(30)).then(func(p *corev1.Pod) { p.DeletionTimestamp = nil })},
		{"longer grace", "LAW-DELETION-FINAL", "grew from 5 to 30", plain().then(deleting(5)).then(deleting(30))},
		{"gone while Running", "LAW-TERMINAL-BEFORE-GONE", "gone in phase Running after a deletion with grace 30s",
			plain().then(deleting(30)).then(deleting(0)).deleted()},
		{"gone while Pending on a node", "LAW-TERMINAL-BEFORE-GONE", "gone in phase Pending",
			newHistory().then(node("w1")).then(deleting(1)).deleted()},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			g := NewWithT(t)
			broken := CheckLaws(c.history)
			g.Expect(broken).To(HaveLen(1), "exactly this law is broken")
			g.Expect(broken[0].Law).To(Equal(c.law))
			g.Expect(broken[0].Message).To(HavePrefix("pod ns/web broke " + c.law))
			g.Expect(broken[0].Message).To(ContainSubstring(c.message))
			for _, law := range Laws {
				g.Expect(law.ID == c.law && law.About != nil && !law.About(c.history)).To(BeFalse(), "a pod that breaks the law is one that it is about")
			}
		})
	}
	t.Run("every law was broken once", func(t *testing.T) {
		g := NewWithT(t)
		seen := map[string]bool{}
		for _, c := range cases {
			seen[c.law] = true
		}
		for _, law := range Laws {
			g.Expect(seen).To(HaveKey(law.ID))
			g.Expect(law.Sentence).To(HaveSuffix("."))
		}
	})
}

func TestLawsAreAboutPodsThatCouldBreakThem(t *testing.T) {
	about := func(versions []Version) []string {
		var ids []string
		for _, law := range Laws {
			if law.About == nil || law.About(versions) {
				ids = append(ids, law.ID)
			}
		}
		return ids
	}
	NewWithT(t).Expect(about(newHistory())).To(ConsistOf("LAW-PHASE-KNOWN"))
	NewWithT(t).Expect(about(plain())).To(ConsistOf("LAW-PHASE-KNOWN", "LAW-PHASE-FORWARD", "LAW-RUNNING-CREATED", "LAW-NODE-STABLE", "LAW-CONTAINERS-FIXED"))
	NewWithT(t).Expect(about(plain().then(deleting(30)).deleted())).To(ContainElements("LAW-IP-STABLE", "LAW-DELETION-FINAL", "LAW-TERMINAL-BEFORE-GONE"))
	NewWithT(t).Expect(about(plain().then(status(running("c", "id-1", 1))).then(deleting(0)).deleted())).To(And(ContainElement("LAW-RESTARTS-GROW"), Not(ContainElement("LAW-TERMINAL-BEFORE-GONE"))))
}

func TestExemptPodsAreNotJudgedByThatLaw(t *testing.T) {
	g := NewWithT(t)
	back := plain().then(phase(corev1.PodPending))
	story := Recorded(back)
	g.Expect(CheckLaws(back)).NotTo(BeEmpty())
	g.Expect(story.Exempt("LAW-PHASE-FORWARD")).To(Succeed())
	g.Expect(story.Exempted()).To(ConsistOf("LAW-PHASE-FORWARD"))
	g.Expect(CheckLaws(back, story.Exempted()...)).To(BeEmpty())

	g.Expect(story.Exempt("LAW-NODE-STABLE")).To(MatchError(ContainSubstring("LAW-NODE-STABLE")), "a law without exemption")
	g.Expect(story.Exempt("LAW-NOBODY")).NotTo(Succeed())
}
