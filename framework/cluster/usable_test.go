package cluster

import (
	"context"
	"errors"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
)

func pod(name string, status corev1.PodStatus) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "n", UID: "u"}, Status: status}
}

func waiting(reason, message string) corev1.PodStatus {
	return corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}},
	}}}
}

func await(t *testing.T, client kubernetes.Interface) error {
	ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, errors.New("time is up"))
	defer cancel()
	return awaitSucceeded(ctx, client, "n", []string{"on-a", "on-b"})
}

func TestAwaitSucceeded(t *testing.T) {
	succeeded := corev1.PodStatus{Phase: corev1.PodSucceeded}
	failed := corev1.PodStatus{Phase: corev1.PodFailed, ContainerStatuses: []corev1.ContainerStatus{{
		State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 64, Reason: "Error"}},
	}}}
	unscheduled := corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/1 nodes are available",
	}}}
	tests := map[string]struct {
		a, b corev1.PodStatus
		want string // "" for success
	}{
		"both":              {succeeded, succeeded, ""},
		"one runs on":       {succeeded, corev1.PodStatus{Phase: corev1.PodRunning}, "time is up; on-b: phase Running"},
		"one has failed":    {succeeded, failed, "pod on-b: it has failed; on-b: phase Failed, ended with exit code 64, Error"},
		"no image":          {waiting("ErrImagePull", "no such host"), succeeded, "pod on-a: ErrImagePull: no such host; on-a: phase Pending, waiting, ErrImagePull: no such host"},
		"still being made":  {waiting("ContainerCreating", ""), succeeded, "time is up; on-a: phase Pending, waiting, ContainerCreating"},
		"nowhere to put it": {unscheduled, succeeded, "time is up; on-a: phase Pending, Unschedulable: 0/1 nodes are available"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			err := await(t, watched("pods", []runtime.Object{pod("on-a", test.a), pod("on-b", test.b)}))
			if test.want == "" {
				g.Expect(err).NotTo(HaveOccurred())
				return
			}
			g.Expect(err).To(MatchError(test.want))
		})
	}
}

func TestAwaitSucceededTellsTheNewestEvent(t *testing.T) {
	g := NewWithT(t)
	client := watched("pods", []runtime.Object{pod("on-a", waiting("ContainerCreating", ""))})
	for i, message := range []string{"assigned", "no sandbox"} {
		_, err := client.CoreV1().Events("n").Create(t.Context(), &corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{Name: message},
			InvolvedObject: corev1.ObjectReference{UID: "u"}, Reason: "Reason", Message: message,
			LastTimestamp: metav1.NewTime(time.Now().Add(time.Duration(i) * time.Second)),
		}, metav1.CreateOptions{})
		g.Expect(err).NotTo(HaveOccurred())
	}
	g.Expect(await(t, client)).To(MatchError(HaveSuffix("(event Reason: no sandbox)")))
}

func TestPodsOfOthersAreNotAwaited(t *testing.T) {
	g := NewWithT(t)
	succeeded := corev1.PodStatus{Phase: corev1.PodSucceeded}
	failed := corev1.PodStatus{Phase: corev1.PodFailed}
	g.Expect(await(t, watched("pods", []runtime.Object{pod("other", failed), pod("on-a", succeeded), pod("on-b", succeeded)}))).To(Succeed())
}

func TestWhichBuildRuns(t *testing.T) {
	g := NewWithT(t)
	client := fake.NewClientset() // the fake's logs are "fake logs"
	trial := Trial{Images: []string{"r.test/w:1", "r.test/w:1-b"}, Prints: "fake logs"}
	g.Expect(trial.checkPrinted(t.Context(), client, "n", []string{"p"})).To(Succeed())
	trial.Prints = "0a1b"
	g.Expect(trial.checkPrinted(t.Context(), client, "n", []string{"p"})).To(MatchError(`pod p: the image r.test/w:1 is the build "fake logs", but this podproof needs the build "0a1b"`))
	trial.Prints = ""
	g.Expect(trial.checkPrinted(t.Context(), client, "n", []string{"p"})).To(Succeed(), "nothing is asked for")
}

func TestUsablePodGoesToItsNodeOnly(t *testing.T) {
	g := NewWithT(t)
	p := usablePod("worker-1", Trial{Images: []string{"podproof.test/witness:1", "podproof.test/witness:2"}, Args: []string{"version"}})
	terms := p.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	g.Expect(terms).To(HaveLen(1))
	g.Expect(terms[0].MatchFields).To(ConsistOf(corev1.NodeSelectorRequirement{
		Key: "metadata.name", Operator: corev1.NodeSelectorOpIn, Values: []string{"worker-1"},
	}))
	g.Expect(p.Spec.Tolerations).To(ConsistOf(corev1.Toleration{Key: ReservedKey, Operator: corev1.TolerationOpExists}))
	g.Expect(p.Spec.NodeName).To(BeEmpty(), "the scheduler has to work as well")
	g.Expect(p.Spec.Containers).To(HaveExactElements(HaveField("Image", "podproof.test/witness:1"), HaveField("Image", "podproof.test/witness:2")))
	g.Expect(p.Spec.Containers[0].Args).To(Equal([]string{"version"}))
	g.Expect(p.Spec.RestartPolicy).To(Equal(corev1.RestartPolicyNever))
}
