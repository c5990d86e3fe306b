package spec

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"
)

func TestInTheWay(t *testing.T) {
	chosen := map[string]string{"pool": "tests"}
	plain := pod.New("p", pod.NodeSelector("pool", "tests"), pod.Container("w", "r.test/w:1", nil))
	tooBig := pod.New("p", pod.Container("w", "r.test/w:1", nil, pod.Requests(corev1.ResourceCPU, "99")))
	nowhere := pod.New("p", pod.NodeSelector("pool", "none"), pod.Container("w", "r.test/w:1", nil))
	gated := pod.New("p", pod.Gated(), pod.Container("w", "r.test/w:1", nil))
	driven := plain.DeepCopy()
	driven.Status.Conditions = []corev1.PodCondition{{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "DeletionByTaintManager", Message: "Taint manager: deleting"}}
	full := plain.DeepCopy()
	full.Status = corev1.PodStatus{Phase: corev1.PodFailed, Reason: "OutOfpods", Message: "Pod was rejected: Node didn't have enough resource: pods"}
	rejectedForItself := tooBig.DeepCopy()
	rejectedForItself.Status = full.Status
	for name, c := range map[string]struct {
		asked           *corev1.Pod
		reason, message string
		want            []string
	}{
		"nodes are full":                 {plain, "FailedScheduling", "0/1 nodes are available: 1 Insufficient cpu", []string{"pod p got no node: 0/1 nodes are available: 1 Insufficient cpu"}},
		"the spec asks for the moon":     {tooBig, "FailedScheduling", "0/1 nodes are available: 1 Insufficient cpu", nil},
		"the spec asks for another pool": {nowhere, "FailedScheduling", "0/1 nodes are available", nil},
		"the spec has a gate":            {gated, "FailedScheduling", "blocked", nil},
		"the witness is pulled":          {plain, "Pulling", `Pulling image "r.test/w:1"`, []string{`the witness image had to be pulled for pod p while the spec ran (Pulling image "r.test/w:1")`}},
		"an image that nobody has":       {plain, "Pulling", `Pulling image "r.test/w:1-absent"`, nil},
		"driven off":                     {driven, "Killing", "Stopping container w", []string{"pod p was driven off its node: DeletionByTaintManager: Taint manager: deleting"}},
		"a full node":                    {full, "OutOfpods", "", []string{"the node of pod p had no place for it: OutOfpods: Pod was rejected: Node didn't have enough resource: pods"}},
		"rejected for what it asks":      {rejectedForItself, "OutOfpods", "", nil},
		"its node was lost":              {plain, "NodeNotReady", "Node is not ready", []string{"the node of pod p was not Ready while the spec ran"}},
		"nothing in the way":             {plain, "Started", "Started container w", nil},
	} {
		t.Run(name, func(t *testing.T) {
			event := journal.Event{At: time.Now(), Event: &corev1.Event{Reason: c.reason, Message: c.message}}
			story := journal.Recorded([]journal.Version{{At: time.Now(), Type: watch.Added, Pod: c.asked}}, event, event)
			NewWithT(t).Expect(inTheWay(story, c.asked, chosen, []string{"r.test/w:1", "r.test/w:1-b"})).To(Equal(c.want))
		})
	}
}
