package pod_test

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/podproof/podproof/framework/pod"
)

func TestInstancesOfACrashLoop(t *testing.T) {
	g := NewWithT(t)
	first, second1, third := exit("id-0", 1, 0, 1), exit("id-1", 2, 2, 3), exit("id-2", 3, 13, 14)
	s := story(
		at(corev1.PodPending),
		at(corev1.PodPending, waiting("", 0, "ContainerCreating")),
		at(corev1.PodRunning, running("id-0", 0, 0)),
		at(corev1.PodRunning, terminated(0, first)),
		at(corev1.PodRunning, after(terminated(1, second1), first)), // its run was too short to be seen
		at(corev1.PodRunning, after(waiting("id-1", 1, "CrashLoopBackOff"), second1)),
		at(corev1.PodRunning, after(waiting("id-2", 2, ""), second1)), // created, not started
		at(corev1.PodRunning, after(running("id-2", 2, 13), second1)),
		at(corev1.PodRunning, after(running("id-3", 3, 30), third)), // the end of id-2 only as last state
	)
	g.Expect(pod.ExitCodes(s, "c")).To(Equal([]int32{1, 2, 3}))
	instances := pod.Instances(s, "c")
	g.Expect(instances).To(HaveExactElements(
		pod.Instance{ContainerID: "id-0", RestartCount: 0, Exited: true, ExitCode: 1, Reason: "Error", StartedAt: first.StartedAt.Time, FinishedAt: first.FinishedAt.Time},
		pod.Instance{ContainerID: "id-1", RestartCount: 1, Exited: true, ExitCode: 2, Reason: "Error", StartedAt: second1.StartedAt.Time, FinishedAt: second1.FinishedAt.Time},
		pod.Instance{ContainerID: "id-2", RestartCount: 2, Exited: true, ExitCode: 3, Reason: "Error", StartedAt: third.StartedAt.Time, FinishedAt: third.FinishedAt.Time},
		pod.Instance{ContainerID: "id-3", RestartCount: 3, StartedAt: second(30).Time},
	))
	g.Expect(pod.Instances(s, "other")).To(BeEmpty())
}

func TestAContainerThatIsOnlyCreatedIsNoInstanceYet(t *testing.T) {
	g := NewWithT(t)
	s := story(at(corev1.PodRunning, after(waiting("id-1", 1, ""), exit("id-0", 1, 0, 1))))
	g.Expect(pod.Instances(s, "c")).To(HaveExactElements(HaveField("ContainerID", "id-0")))
}

func TestALostInstanceIsVisible(t *testing.T) {
	g := NewWithT(t)
	s := story(
		at(corev1.PodRunning, running("id-0", 0, 0)),
		at(corev1.PodRunning, after(running("id-3", 3, 40), exit("id-2", 1, 20, 21))),
	)
	instances := pod.Instances(s, "c")
	g.Expect(instances).To(HaveExactElements(
		And(HaveField("ContainerID", "id-0"), HaveField("RestartCount", BeEquivalentTo(0)), HaveField("Exited", false)),
		And(HaveField("ContainerID", "id-2"), HaveField("RestartCount", BeEquivalentTo(2))),
		And(HaveField("ContainerID", "id-3"), HaveField("RestartCount", BeEquivalentTo(3))),
	))
}

func TestInstanceThatTheRuntimeLost(t *testing.T) {
	g := NewWithT(t)
	lost := terminated(1, &corev1.ContainerStateTerminated{Reason: "ContainerStatusUnknown", ExitCode: 137})
	lost.ContainerID = "id-0"
	s := story(at(corev1.PodRunning, running("id-0", 0, 5)), at(corev1.PodFailed, lost))
	g.Expect(pod.Instances(s, "c")).To(HaveExactElements(And(
		HaveField("ContainerID", "id-0"), HaveField("ExitCode", BeEquivalentTo(137)), HaveField("RestartCount", BeEquivalentTo(0)),
		HaveField("StartedAt", second(5).Time),
	)))
}

func TestStatusFindsEveryKind(t *testing.T) {
	g := NewWithT(t)
	p := &corev1.Pod{Status: corev1.PodStatus{
		InitContainerStatuses:      []corev1.ContainerStatus{{Name: "i"}},
		ContainerStatuses:          []corev1.ContainerStatus{{Name: "c"}},
		EphemeralContainerStatuses: []corev1.ContainerStatus{{Name: "e"}},
	}}
	for _, name := range []string{"i", "c", "e"} {
		g.Expect(pod.Status(p, name)).To(HaveField("Name", name))
	}
	g.Expect(pod.Status(p, "x")).To(BeNil())
}
