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

// slowForAll is the same for a spec that did not end in the time for all of it, which is two
// minutes more than its inherent wait: enough for ten such starts, one after the other, and
// no spec needs more of them.
const slowForAll = 12 * time.Second

// tooSlow says why a spec for which something came too late tells nothing about the
// cluster: none of its pods was started within the limit, or a container of one of them was
// not, although it had been created. That takes a tenth of a second or two as a rule, but
// the limit is the same, because this excuses whatever is late in the spec, also much
// later. It is "" when all were, and when none could be.
func tooSlow(stories []*journal.Story, limit time.Duration) string {
	var quickest, process time.Duration
	for _, story := range stories {
		if took := firstStart(story); took > 0 && (quickest == 0 || took < quickest) {
			quickest = took
		}
		process = max(process, longestStart(story))
	}
	switch {
	case quickest > limit:
		return fmt.Sprintf("the nodes are too slow: every pod of the spec took at least %.1f s from its node to its first container, and then something was late", quickest.Seconds())
	case process > limit:
		return fmt.Sprintf("the nodes are too slow: a container of the spec's pods took %.1f s to start after it had been created, and something was late", process.Seconds())
	}
	return ""
}

// longestStart is the longest time from the kubelet's event that it has created a container
// to the one that it has started it. It does nothing else in between.
func longestStart(story *journal.Story) time.Duration {
	var longest time.Duration
	created := map[string]time.Time{} // by the field of the container
	for _, e := range story.Events() {
		switch field := e.Event.InvolvedObject.FieldPath; e.Event.Reason {
		case "Created":
			created[field] = e.At
		case "Started":
			if at, known := created[field]; known {
				longest = max(longest, e.At.Sub(at))
				delete(created, field)
			}
		}
	}
	return longest
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
