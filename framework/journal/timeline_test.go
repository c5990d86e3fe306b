package journal_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/podproof/podproof/framework/journal"
	. "github.com/podproof/podproof/framework/journal/journaltest"
)

func TestStoryTellsOnlyWhatChanged(t *testing.T) {
	g := NewWithT(t)
	started := Running("c", "id-0", 0)
	pulling := Waiting("c", "ErrImagePull")
	pulling.State.Waiting.Message = "cannot\n  pull " + strings.Repeat("x", 200)
	h := NewHistory().
		Then(Node("w1"), Condition(corev1.PodScheduled, corev1.ConditionTrue, "")).
		Then(Condition(corev1.PodReady, corev1.ConditionFalse, "ContainersNotReady"), Status(Waiting("c", "ContainerCreating"))).
		Then(Status(pulling)).
		Then(Phase(corev1.PodRunning), IP("10.0.0.1"), Status(started), Condition(corev1.PodReady, corev1.ConditionTrue, "")).
		Then(). // only bookkeeping
		Then(Status(Terminated("c", "id-0", 0, 3)), Condition(corev1.PodReady, corev1.ConditionFalse, "ContainersNotReady")).
		Then(Status(After(Running("c", "id-2", 2), Ended("id-1", "Error", 4)))). // id-1 itself was never seen
		Then(func(p *corev1.Pod) { p.Labels = map[string]string{"a": "b"} }).
		Then(func(p *corev1.Pod) { p.Spec.Containers[0].Image = "image:2" }).
		Then(Deleting(30)).
		Then(Phase(corev1.PodFailed), Status(After(Terminated("c", "id-2", 2, 137), Ended("id-1", "Error", 4)))).
		Then(Deleting(0)).
		Deleted()
	story := journal.Recorded(h,
		Event(1500*time.Millisecond, "Normal", "Scheduled", "assigned"),
		Event(3500*time.Millisecond, "Warning", "BackOff", "Back-off pulling image"))

	g.Expect(story.String()).To(Equal(strings.TrimSpace(`
story of pod ns/web (UID uid-web):
     +0.000s  ADDED: phase Pending
     +1.000s  node w1; PodScheduled=True
     +1.500s  event Normal Scheduled spec.containers{c}: assigned
     +2.000s  Ready=False(ContainersNotReady); container c waiting ContainerCreating
     +3.000s  container c waiting ErrImagePull (cannot pull ` + strings.Repeat("x", 160-len("cannot pull ")) + `…)
     +3.500s  event Warning BackOff spec.containers{c}: Back-off pulling image
     +4.000s  phase Pending→Running; podIP 10.0.0.1; Ready=True; container c running, ready, started
     +6.000s  Ready=False(ContainersNotReady); container c terminated Error exit 3, not ready, not started
     +7.000s  container c running, before terminated Error exit 4, restarts 2, ready, started
     +8.000s  labels changed
     +9.000s  image of c image:1→image:2
    +10.000s  being deleted with grace 30s
    +11.000s  phase Running→Failed; container c terminated Error exit 137, not ready, not started
    +12.000s  deletion with grace 0s
    +13.000s  DELETED
`)))
	g.Expect(story.GomegaString()).To(Equal(story.String()))
	g.Expect(story.Deleted()).To(BeTrue())
	g.Expect(story.Name()).To(Equal("web"))
	g.Expect(story.Events()).To(HaveLen(2))
}

func TestStoryWithoutPod(t *testing.T) {
	g := NewWithT(t)
	story := journal.Recorded(nil)
	g.Expect(story.String()).To(HaveSuffix(": nothing was seen of it"))
	g.Expect(story.Last()).To(BeNil())
	g.Expect(story.Deleted()).To(BeFalse())
}

func TestLongStoryLeavesOutItsMiddle(t *testing.T) {
	g := NewWithT(t)
	h := NewHistory()
	for i := 1; i < 200; i++ {
		h = h.Then(IP(fmt.Sprintf("10.0.0.%d", i)))
	}
	story := journal.Recorded(h)
	g.Expect(story.Timeline()).To(HaveLen(200))
	lines := strings.Split(story.String(), "\n")
	g.Expect(lines).To(HaveLen(1 + 20 + 1 + 60))
	g.Expect(lines[1+20]).To(Equal("  … 120 lines left out …"))
	g.Expect(lines[len(lines)-1]).To(HaveSuffix("podIP 10.0.0.198→10.0.0.199"))
}

func TestDescribe(t *testing.T) {
	g := NewWithT(t)
	h := NewHistory(Condition(corev1.PodScheduled, corev1.ConditionFalse, "Unschedulable"), func(p *corev1.Pod) {
		p.Status.Conditions[0].Message = "0/2 nodes are available"
	})
	g.Expect(journal.Describe(h[0].Pod)).To(Equal("phase Pending; on no node; PodScheduled=False(Unschedulable) 0/2 nodes are available"))

	h = Plain().Then(Deleting(5))
	g.Expect(journal.Describe(h[len(h)-1].Pod)).To(Equal("phase Running; on w1; being deleted with grace 5s; container c running, ready, started"))
}
