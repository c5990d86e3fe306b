package restart

import (
	"testing"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/journal"
	corev1 "k8s.io/api/core/v1"
)

// at is a version of a Pod with one container.
func at(id string, restarts int32, state corev1.ContainerState, last *corev1.ContainerStateTerminated) journal.Version {
	return journal.Version{Pod: &corev1.Pod{
		Spec: corev1.PodSpec{NodeName: "n"},
		Status: corev1.PodStatus{PodIP: "10.0.0.1", ContainerStatuses: []corev1.ContainerStatus{{
			Name: "w", ContainerID: id, RestartCount: restarts, State: state, LastTerminationState: corev1.ContainerState{Terminated: last},
		}}},
	}}
}

var (
	waiting = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{}}
	running = corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
)

func end(id string, code int32) *corev1.ContainerStateTerminated {
	return &corev1.ContainerStateTerminated{ContainerID: id, ExitCode: code}
}

func terminated(id string, code int32) corev1.ContainerState {
	return corev1.ContainerState{Terminated: end(id, code)}
}

func TestFollow(t *testing.T) {
	unscheduled := journal.Version{Pod: &corev1.Pod{}}
	otherIP := at("b", 1, running, end("a", 3))
	otherIP.Pod.Status.PodIP = "10.0.0.2"
	otherNode := at("b", 1, running, end("a", 3))
	otherNode.Pod.Spec.NodeName = "m"

	for name, c := range map[string]struct {
		versions  []journal.Version
		instances int
		err       string
	}{
		"every state is seen": {[]journal.Version{
			unscheduled, at("", 0, waiting, nil), at("a", 0, running, nil), at("a", 0, terminated("a", 3), nil),
			at("b", 1, running, end("a", 3)), at("b", 1, terminated("b", 5), end("a", 3)), at("b", 1, waiting, end("b", 5)),
			at("c", 2, waiting, end("b", 5)), at("c", 2, running, end("b", 5)),
		}, 3, ""},
		"the first instance is seen as a last state only": {[]journal.Version{
			at("", 0, waiting, nil), at("b", 1, running, end("a", 3)), at("b", 1, waiting, end("b", 5)), at("c", 2, running, end("b", 5)),
		}, 3, ""},
		"no instance": {[]journal.Version{unscheduled, at("", 0, waiting, nil)}, 0, ""},
		"another IP":  {[]journal.Version{at("a", 0, running, nil), otherIP}, 0, `in version 2 of the Pod UID, node and IP are "", "n" and "10.0.0.2"`},
		"another node": {[]journal.Version{at("a", 0, running, nil), otherNode}, 0,
			`in version 2 of the Pod UID, node and IP are "", "m" and "10.0.0.1"`},
		"the same container again": {[]journal.Version{at("a", 0, running, nil), at("a", 1, running, end("a", 3))}, 0,
			"in version 2 of the Pod instance 2 is container a, but instance 1 was container a"},
		"a new container that is not counted": {[]journal.Version{at("a", 0, running, nil), at("b", 0, running, nil)}, 0,
			"in version 2 of the Pod instance 1 is container b, but instance 1 was container a"},
		"a count of two for one restart": {[]journal.Version{at("a", 0, running, nil), at("b", 2, running, end("a", 3))}, 0,
			"in version 2 of the Pod the last state does not belong to the previous instance: instance 2 is container a, but instance 1 was container a"},
		"no last state": {[]journal.Version{at("a", 0, running, nil), at("b", 1, running, nil)}, 0,
			"in version 2 of the Pod the restartCount is 1, but there is no last state"},
		"the last state of the instance before the last": {[]journal.Version{
			at("a", 0, running, nil), at("b", 1, running, end("a", 3)), at("c", 2, running, end("a", 3)),
		}, 0, "in version 3 of the Pod the last state does not belong to the previous instance"},
		"a last state without a restart": {[]journal.Version{at("a", 0, running, end("x", 3))}, 0,
			"in version 1 of the Pod the container was never restarted, but has a last state of container x"},
		"another exit code than before": {[]journal.Version{
			at("a", 0, terminated("a", 3), nil), at("b", 1, running, end("a", 0)),
		}, 0, "in version 2 of the Pod container a has ended with 0, but earlier it had ended with 3"},
		"the end of another container": {[]journal.Version{at("a", 0, terminated("b", 3), nil)}, 0,
			"in version 1 of the Pod the container is a, but the terminated one is b"},
		"a count that falls": {[]journal.Version{
			at("a", 0, running, nil), at("b", 1, running, end("a", 3)), at("c", 0, running, end("b", 5)),
		}, 0, "in version 3 of the Pod instance 1 is container c, but instance"},
		"an instance that was never shown": {[]journal.Version{
			at("a", 0, running, nil), at("d", 3, running, end("c", 3)),
		}, 0, "instance 2 was never shown"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			instances, err := follow(c.versions, "w")
			g.Expect(instances).To(Equal(c.instances))
			if c.err == "" {
				g.Expect(err).NotTo(HaveOccurred())
			} else {
				g.Expect(err).To(MatchError(ContainSubstring(c.err)))
			}
		})
	}
}
