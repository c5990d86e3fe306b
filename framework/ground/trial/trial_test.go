package trial

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/podproof/podproof/framework/api/apitest"
	"github.com/podproof/podproof/framework/cluster"
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
	_, err := awaitSucceeded(ctx, client, "n", []string{"on-a", "on-b"})
	return err
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
			err := await(t, apitest.Watched("pods", []runtime.Object{pod("on-a", test.a), pod("on-b", test.b)}))
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
	client := apitest.Watched("pods", []runtime.Object{pod("on-a", waiting("ContainerCreating", ""))})
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
	g.Expect(await(t, apitest.Watched("pods", []runtime.Object{pod("other", failed), pod("on-a", succeeded), pod("on-b", succeeded)}))).To(Succeed())
}

// said is a pod with two containers as its node tells of it.
func said(phase corev1.PodPhase, state corev1.ContainerState, id string) *corev1.Pod {
	p := pod("p", corev1.PodStatus{Phase: phase})
	p.Spec.NodeName = "a"
	for _, name := range []string{containerName(0), containerName(1)} {
		p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: name})
		p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{Name: name, State: state, ContainerID: id})
	}
	return p
}

var (
	running = corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	endedOK = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed"}}
	endedIn = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error"}}
)

// tried is how the trial of a pod ends whose containers logged "fake logs", which is all
// that the fake client can.
func tried(t *testing.T, trial Request, p *corev1.Pod) error {
	within, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, errors.New("time is up"))
	defer cancel()
	return trial.await(t.Context(), within, apitest.Watched("pods", []runtime.Object{p}), "n", []string{p.Name})
}

func TestWhatNodesSayOfTheTrial(t *testing.T) {
	const id = "containerd://1"
	ours := Request{Images: []string{"r.test/w:1", "r.test/w:1-b"}, Prints: "fake logs"}
	other, unasked := ours, ours
	other.Prints, unasked.Prints = "0a1b", ""
	const build = `pod p: the image r.test/w:1 is the build "fake logs", but this podproof needs the build "0a1b"`
	const noID = "without an ID of its container witness-0, so no container runtime has started it"
	tests := map[string]struct {
		trial Request
		pod   *corev1.Pod
		want  string // "" for success
		doubt bool
	}{
		"it ran":                    {ours, said(corev1.PodSucceeded, endedOK, id), "", false},
		"nothing has to be printed": {unasked, said(corev1.PodSucceeded, endedOK, id), "", false},
		"another build ran":         {other, said(corev1.PodSucceeded, endedOK, id), build, false},
		"nothing ran to its end":    {other, said(corev1.PodSucceeded, endedOK, ""), "node a reports pod p as Succeeded " + noID, true},
		"nothing runs":              {ours, said(corev1.PodRunning, running, ""), "node a reports pod p as Running " + noID, true},
		"it never ends":             {ours, said(corev1.PodRunning, running, id), "node a reports pod p as Running, but its program ends at once", true},
		"another container runs on": {ours, func() *corev1.Pod {
			p := said(corev1.PodRunning, running, id)
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "mesh"})
			return p
		}(), "pod p is still Running: the cluster added the container mesh to it, as admission webhooks do, and that container keeps running; use namespaces without such a webhook", false},
		"another image, that runs on": {other, said(corev1.PodRunning, running, id), build, false},
		"no status of any container": {ours, func() *corev1.Pod {
			p := said(corev1.PodSucceeded, endedOK, id)
			p.Status.ContainerStatuses = nil
			return p
		}(), "node a reports pod p as Succeeded " + noID, true},
		"one has failed, one runs":      {ours, said(corev1.PodRunning, endedIn, id), "time is up; p: phase Running, ended with exit code 1, Error, ended with exit code 1, Error", false},
		"one of the two is still made":  {ours, said(corev1.PodRunning, waiting("ContainerCreating", "").ContainerStatuses[0].State, ""), "time is up; p: phase Running, waiting, ContainerCreating, waiting, ContainerCreating", false},
		"it failed, and has no runtime": {ours, said(corev1.PodFailed, endedIn, ""), "pod p: it has failed; p: phase Failed, ended with exit code 1, Error, ended with exit code 1, Error", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			err := tried(t, test.trial, test.pod)
			if test.want == "" {
				g.Expect(err).NotTo(HaveOccurred())
				return
			}
			g.Expect(err).To(MatchError(test.want))
			var doubt *DoubtError
			g.Expect(errors.As(err, &doubt)).To(Equal(test.doubt))
		})
	}
}

func TestWhoDoesNotTellTheLog(t *testing.T) {
	const status = `{"kind":"Status","apiVersion":"v1","status":"Failure","message":%q,"reason":%q,"code":%d}`
	for name, test := range map[string]struct {
		code           int
		reason         metav1.StatusReason
		message        string
		unread, failed string
	}{
		"the node":                   {400, metav1.StatusReasonBadRequest, "no logs found", "no logs found", ""},
		"the node is not reached":    {500, metav1.StatusReasonInternalError, "dial tcp: no route to host", "dial tcp: no route to host", ""},
		"the user has not the right": {403, metav1.StatusReasonForbidden, "cannot get pods/log", "", "log of pod p: cannot get pods/log"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(test.code)
				fmt.Fprintf(w, status, test.message, test.reason, test.code)
			}))
			defer server.Close()
			client, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL})
			g.Expect(err).NotTo(HaveOccurred())
			trial := Request{Images: []string{"r.test/w:1"}, Prints: "0a1b"}
			unread, err := trial.checkPrinted(t.Context(), client, said(corev1.PodSucceeded, endedOK, "containerd://1"))
			if test.failed != "" {
				g.Expect(err).To(MatchError(test.failed))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(unread).To(MatchError(test.unread))
		})
	}
}

func TestAnInterruptIsNoDoubt(t *testing.T) {
	g := NewWithT(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("interrupted"))
	p := said(corev1.PodRunning, running, "")
	err := Request{}.await(ctx, ctx, apitest.Watched("pods", []runtime.Object{p}), "n", []string{p.Name})
	g.Expect(err).To(MatchError(ContainSubstring("interrupted")))
	var doubt *DoubtError
	g.Expect(errors.As(err, &doubt)).To(BeFalse())
}

func TestUsablePodGoesToItsNodeOnly(t *testing.T) {
	g := NewWithT(t)
	p := usablePod("worker-1", Request{Images: []string{"podproof.test/witness:1", "podproof.test/witness:2"}, Args: []string{"version"}})
	terms := p.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	g.Expect(terms).To(HaveLen(1))
	g.Expect(terms[0].MatchFields).To(ConsistOf(corev1.NodeSelectorRequirement{
		Key: "metadata.name", Operator: corev1.NodeSelectorOpIn, Values: []string{"worker-1"},
	}))
	g.Expect(p.Spec.Tolerations).To(ConsistOf(corev1.Toleration{Key: cluster.ReservedKey, Operator: corev1.TolerationOpExists}))
	g.Expect(p.Spec.NodeName).To(BeEmpty(), "the scheduler has to work as well")
	g.Expect(p.Spec.Containers).To(HaveExactElements(HaveField("Image", "podproof.test/witness:1"), HaveField("Image", "podproof.test/witness:2")))
	g.Expect(p.Spec.Containers[0].Args).To(Equal([]string{"version"}))
	g.Expect(p.Spec.RestartPolicy).To(Equal(corev1.RestartPolicyNever))
}
