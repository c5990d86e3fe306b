package backoff

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/journal"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// waiting is a version in which the crasher waits after so many restarts.
func waiting(restarts int32, reason, message string) journal.Version {
	return journal.Version{At: began.Add(9 * time.Second), Pod: &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "crashing-1", Namespace: "ns", UID: "u-1"},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
			Name: crasher, RestartCount: restarts,
			State:                corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}},
			LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{FinishedAt: metav1.NewTime(began)}},
		}}},
	}}
}

func backOff(delay string) string {
	return "back-off " + delay + " restarting failed container=crasher pod=crashing-1_ns(u-1)"
}

func TestWaitsOfEachRestart(t *testing.T) {
	g := NewWithT(t)
	all, err := waits([]journal.Version{
		{Pod: &corev1.Pod{}},
		waiting(0, "ContainerCreating", ""),
		waiting(1, crashLoop, backOff("10s")),
		waiting(1, crashLoop, backOff("10s")),
		waiting(5, crashLoop, backOff("2m40s")),
	})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(all).To(HaveLen(2))
	g.Expect(all[0]).To(Equal(shown{restart: 2, delay: 10 * time.Second, at: began.Add(9 * time.Second), ended: began}))
	g.Expect(all[1].delay).To(Equal(160 * time.Second))
	g.Expect(judgeWaits(all, 1, 0)).To(Succeed())
	g.Expect(judgeWaits(all, 2, 0)).To(MatchError(ContainSubstring("restart 2 was held back")), "the first two restarts find no delay then")
}

func TestWrongMessages(t *testing.T) {
	for _, text := range []string{
		"", "Back-off restarting failed container", backOff("ten seconds"), backOff("10s") + " and more",
		"back-off 10s restarting failed container=recorder pod=crashing-1_ns(u-1)",
		"back-off 10s restarting failed container=crasher",
	} {
		_, err := waits([]journal.Version{waiting(1, crashLoop, text)})
		NewWithT(t).Expect(err).To(HaveOccurred(), text)
	}
}

func TestMessagesMustTellTheDocumentedDelay(t *testing.T) {
	g := NewWithT(t)
	tells := func(restart, free int, delay time.Duration) error {
		return judgeWaits([]shown{{restart: restart, delay: delay}}, free, 0)
	}
	for i, delay := range seconds(10, 20, 40, 80, 160, 300, 300) {
		g.Expect(tells(i+2, 1, delay)).To(Succeed())
		g.Expect(tells(i+3, 2, delay)).To(Succeed())
	}
	g.Expect(tells(6, 1, 80*time.Second)).To(MatchError(ContainSubstring("stated a delay of 1m20s, but the documented delay is 2m40s")))
	g.Expect(tells(1, 1, 10*time.Second)).NotTo(Succeed(), "the first restart is not held back")
	g.Expect(tells(2, 2, 10*time.Second)).NotTo(Succeed())
}

func TestMissedDelaysArePassedOn(t *testing.T) {
	g := NewWithT(t)
	late := []shown{{restart: 4, delay: 10 * time.Second}}
	g.Expect(judgeWaits(late, 2, 0)).NotTo(Succeed())
	g.Expect(judgeWaits(late, 2, 1)).To(Succeed())
	g.Expect(judgeWaits([]shown{{restart: 4, delay: 5 * time.Second}}, 2, 2)).NotTo(Succeed())
	g.Expect(judgeWaits([]shown{{restart: 3, delay: 20 * time.Second}}, 2, 2)).NotTo(Succeed(), "more than ever")
}
