package spec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/namespace"
	corev1 "k8s.io/api/core/v1"
)

// obstacles finds what a cluster that others run may put in a spec's way: quotas and
// policies that refuse a pod, admission that makes another one of it, nodes that are full
// or tainted, images that take their time. After that a failure says nothing about how the
// cluster treats the pod that was asked for.
func obstacles(space *namespace.Space) []string {
	var reasons []string
	for _, refused := range ground.API.Meter.Refusals() {
		reasons = append(reasons, fmt.Sprintf("the API refused a request: %s", refused))
	}
	for _, refused := range space.Refused() {
		reasons = append(reasons, "the API refused a request: "+refused)
	}
	for _, story := range space.Journal().Stories() {
		first := story.Versions()[0].Pod
		asked := space.Asked(story)
		if asked != nil {
			for _, change := range namespace.Altered(asked, first) {
				reasons = append(reasons, fmt.Sprintf("the cluster's admission altered pod %s: %s", story.Name(), change))
			}
		} else {
			asked = first // it is none of the spec's
		}
		reasons = append(reasons, inTheWay(story, asked, ground.Cluster.NodeSelector, []string{ground.Cluster.WitnessImage, ground.Cluster.WitnessTwin})...)
	}
	return reasons
}

// rejected begins the message of a pod that the kubelet does not take, for instance when
// its node is full, under pressure or about to stop.
// Source: pkg/kubelet/kubelet.go (rejectPod).
const rejected = "Pod was rejected"

// inTheWay finds in the story of a pod why it did not get its place or its image as it
// does on nodes with room for it and the witness on them, and that it was driven off its
// node for what else goes on there.
// https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions
func inTheWay(story *journal.Story, asked *corev1.Pod, nodes map[string]string, witnesses []string) []string {
	var reasons []string
	if last := story.Last(); last != nil {
		for _, c := range last.Status.Conditions {
			if c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue {
				reasons = append(reasons, fmt.Sprintf("pod %s was driven off its node: %s: %s", story.Name(), c.Reason, c.Message))
			}
		}
		if last.Status.Phase == corev1.PodFailed && strings.HasPrefix(last.Status.Message, rejected) && takesAnyNode(asked, nodes) {
			reasons = append(reasons, fmt.Sprintf("the node of pod %s had no place for it: %s: %s", story.Name(), last.Status.Reason, last.Status.Message))
		}
	}
	for _, e := range story.Events() {
		reason := ""
		switch {
		case e.Event.Reason == "FailedScheduling" && takesAnyNode(asked, nodes):
			reason = fmt.Sprintf("pod %s got no node: %s", story.Name(), e.Event.Message)
		case e.Event.Reason == "NodeNotReady":
			reason = fmt.Sprintf("the node of pod %s was not Ready while the spec ran", story.Name())
		case e.Event.Reason == "Pulling" && slices.ContainsFunc(witnesses, func(image string) bool { return strings.Contains(e.Event.Message, `"`+image+`"`) }):
			reason = fmt.Sprintf("the witness image had to be pulled for pod %s while the spec ran (%s)", story.Name(), e.Event.Message)
		}
		if reason != "" && !slices.Contains(reasons, reason) {
			reasons = append(reasons, reason)
		}
	}
	return reasons
}

// takesAnyNode tells whether a pod asks for nothing that a node could lack: one that does
// is the spec's own obstacle.
func takesAnyNode(p *corev1.Pod, nodes map[string]string) bool {
	for key, value := range p.Spec.NodeSelector {
		if nodes[key] != value {
			return false
		}
	}
	requests := slices.ContainsFunc(slices.Concat(p.Spec.InitContainers, p.Spec.Containers), func(c corev1.Container) bool {
		return len(c.Resources.Requests)+len(c.Resources.Limits) > 0
	})
	return !requests && p.Spec.Affinity == nil && len(p.Spec.SchedulingGates) == 0
}
