package spec

import (
	"fmt"
	"time"

	"github.com/podproof/podproof/framework/journal"
)

// slowStart is how long a node takes from getting a pod to its first container only
// when it is too busy, or too slow, for the time that specs give a conformant cluster: a
// second or two is usual, and no claim promises that it is not more.
const slowStart = 5 * time.Second

// tooSlow says why a spec for which something came too late tells nothing about the
// cluster: none of its pods was started in a usual time. It is "" when one was, or when
// none could be.
func tooSlow(stories []*journal.Story) string {
	var quickest time.Duration
	for _, story := range stories {
		if took := firstStart(story); took > 0 && (quickest == 0 || took < quickest) {
			quickest = took
		}
	}
	if quickest <= slowStart {
		return ""
	}
	return fmt.Sprintf("the nodes are too slow: every pod of the spec took at least %.1f s from its node to its first container, and then something was late", quickest.Seconds())
}

// firstStart is how long after the pod was given to a node the first of its containers
// was started. It is zero when none was, and when the pod itself asked for what was not
// there, such as a volume. The kubelet tells of it by an event at once, in the status only
// when it has started all containers of the pod that it can.
func firstStart(story *journal.Story) time.Duration {
	var bound, started time.Time
	for _, e := range story.Events() {
		switch e.Event.Reason {
		case "FailedMount":
			return 0
		case "Started":
			if started.IsZero() {
				started = e.At
			}
		}
	}
	for _, v := range story.Versions() {
		if v.Pod.Spec.NodeName == "" {
			continue
		}
		if bound.IsZero() {
			bound = v.At
		}
		inStatus, prevented := false, false
		for _, s := range append(v.Pod.Status.InitContainerStatuses, v.Pod.Status.ContainerStatuses...) {
			switch waiting := s.State.Waiting; {
			case waiting == nil:
				inStatus = true
			case waiting.Reason != "ContainerCreating" && waiting.Reason != "PodInitializing":
				prevented = true
			}
		}
		if inStatus {
			if started.IsZero() || v.At.Before(started) {
				started = v.At
			}
			break
		}
		if prevented {
			return 0
		}
	}
	if bound.IsZero() || started.IsZero() {
		return 0
	}
	// The event can overtake the version that says where the pod went.
	return max(started.Sub(bound), time.Nanosecond)
}
