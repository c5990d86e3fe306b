package backoff

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// The times are those of a slow node, on which a process took 6 s to start.
func TestTheKubeletBeganBeforeTheProcessStarted(t *testing.T) {
	g := NewWithT(t)
	zero := time.Unix(1_800_000_000, 0)
	at := func(seconds int) metav1.Time { return metav1.NewTime(zero.Add(time.Duration(seconds) * time.Second)) }
	version := func(id string, restarts int32, state corev1.ContainerState) journal.Version {
		p := pod.New("p", pod.Container(crasher, "r.test/w:1", nil))
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: crasher, ContainerID: id, RestartCount: restarts, State: state}}
		return journal.Version{Type: watch.Modified, Pod: p}
	}
	running := func(since int) corev1.ContainerState {
		return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: at(since)}}
	}
	ended := func(since, until int) corev1.ContainerState {
		return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{StartedAt: at(since), FinishedAt: at(until)}}
	}
	pulled := func(seconds int, container string, count int32) journal.Event {
		e := &corev1.Event{Reason: "Pulled", Count: count, LastTimestamp: at(seconds)}
		e.InvolvedObject.FieldPath = "spec.containers{" + container + "}"
		return journal.Event{Event: e}
	}
	story := journal.Recorded([]journal.Version{
		version("a", 0, ended(17, 21)), version("b", 1, running(27)), version("b", 1, ended(27, 32)), version("c", 2, running(48)), version("c", 2, ended(48, 50)), version("d", 3, running(75)),
	}, pulled(11, crasher, 1), pulled(21, crasher, 2), pulled(22, "recorder", 2), pulled(42, crasher, 3))
	g.Expect(untilBegun(story, crasher)).To(Equal([]time.Duration{0, 10 * time.Second, -1}), "the event for the third restart was dropped")
	g.Expect(untilBegun(story, "other")).To(BeEmpty())
}
