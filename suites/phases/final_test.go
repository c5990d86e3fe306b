package phases

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/journal"
	corev1 "k8s.io/api/core/v1"
)

func TestChangeAfterEnd(t *testing.T) {
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	waiting := corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{}}
	terminated := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}
	at := func(phase corev1.PodPhase, id string, restarts int32, state corev1.ContainerState) *corev1.Pod {
		return &corev1.Pod{
			Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "w"}}},
			Status: corev1.PodStatus{Phase: phase, ContainerStatuses: []corev1.ContainerStatus{
				{Name: "w", ContainerID: id, RestartCount: restarts, State: state},
			}},
		}
	}
	start := at(corev1.PodRunning, "a", 0, running)
	end := at(corev1.PodSucceeded, "a", 0, terminated)
	bare := at(corev1.PodSucceeded, "a", 0, terminated)
	bare.Status.ContainerStatuses = nil
	withSidecar := func(state corev1.ContainerState) *corev1.Pod {
		p := at(corev1.PodSucceeded, "a", 0, terminated)
		p.Spec.InitContainers = []corev1.Container{{Name: "sidecar"}}
		p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "sidecar", ContainerID: "s", State: state}}
		return p
	}

	for name, c := range map[string]struct {
		pods []*corev1.Pod
		want string // "": stays as it ended
	}{
		"stays":             {[]*corev1.Pod{start, end, end, end}, ""},
		"nothing seen":      {nil, "has not ended"},
		"never ends":        {[]*corev1.Pod{start, start}, "has not ended"},
		"nothing after":     {[]*corev1.Pod{start, end}, "nothing is known"},
		"runs again":        {[]*corev1.Pod{start, end, end, at(corev1.PodSucceeded, "a", 0, running)}, "no longer terminated"},
		"waits again":       {[]*corev1.Pod{start, end, at(corev1.PodSucceeded, "a", 0, waiting), end}, "no longer terminated"},
		"another container": {[]*corev1.Pod{start, end, at(corev1.PodSucceeded, "b", 0, terminated)}, "was a and is b"},
		"restarted":         {[]*corev1.Pod{start, end, at(corev1.PodSucceeded, "a", 1, terminated)}, "had 0 restarts and has 1"},
		"goes back":         {[]*corev1.Pod{start, end, at(corev1.PodRunning, "a", 0, terminated)}, "from Succeeded to Running"},
		"changes its mind":  {[]*corev1.Pod{start, end, at(corev1.PodFailed, "a", 0, terminated), end}, "from Succeeded to Failed"},
		"loses its status":  {[]*corev1.Pod{start, end, bare}, "lost its status"},
		"sidecar stays":     {[]*corev1.Pod{start, withSidecar(terminated), withSidecar(terminated)}, ""},
		"sidecar again":     {[]*corev1.Pod{start, withSidecar(terminated), withSidecar(running)}, "container sidecar is no longer terminated"},
		"sidecar goes on":   {[]*corev1.Pod{start, withSidecar(running), withSidecar(running)}, "has not ended"},
		"status comes late": {[]*corev1.Pod{start, at(corev1.PodFailed, "a", 0, running), at(corev1.PodFailed, "a", 0, terminated), at(corev1.PodFailed, "a", 0, terminated)}, ""},
		"goes on running":   {[]*corev1.Pod{start, at(corev1.PodFailed, "a", 0, running), at(corev1.PodFailed, "a", 0, running)}, "has not ended"},
	} {
		t.Run(name, func(t *testing.T) {
			var versions []journal.Version
			for i, p := range c.pods {
				versions = append(versions, journal.Version{At: time.Unix(int64(i), 0), Pod: p})
			}
			err := changeAfterEnd(versions)
			if c.want == "" {
				NewWithT(t).Expect(err).NotTo(HaveOccurred())
				return
			}
			NewWithT(t).Expect(err).To(MatchError(ContainSubstring(c.want)))
		})
	}
}
