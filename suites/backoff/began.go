package backoff

import (
	"time"

	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
)

// untilBegun is how long after the end of an instance the kubelet began to start the next one,
// for each restart of the container in order; -1 where that is not known. A process starts
// later than that, on a busy machine by many seconds, in which no delay is left: the kubelet
// gets the image only when the delay is over, and records an event then.
//
// Both times are the kubelet's, cut to whole seconds, so that a delay of 10 s is never less.
// Source: pkg/kubelet/kuberuntime/kuberuntime_manager.go (start in SyncPod, doBackOff).
func untilBegun(story *journal.Story, container string) []time.Duration {
	instances := pod.Instances(story, container)
	var all []time.Duration
	for restart := 1; ; restart++ {
		ended, more := endBefore(instances, restart)
		if !more {
			return all
		}
		took := time.Duration(-1)
		if begun := imageOf(story, container, restart); !ended.IsZero() && !begun.Before(ended) {
			took = begun.Sub(ended)
		}
		all = append(all, took)
	}
}

// endBefore is when the instance before a restart ended, zero if that is not known; more is
// false if there was no such restart.
func endBefore(instances []pod.Instance, restart int) (ended time.Time, more bool) {
	for _, i := range instances {
		if int(i.RestartCount) == restart-1 {
			ended = i.FinishedAt
		}
		more = more || int(i.RestartCount) >= restart
	}
	return ended, more
}

// imageOf is when the kubelet had the image for a restart, zero if that is not known. The
// kubelet counts equal events. It drops some of very many, and then the count of the event
// for this restart is too low and it is not taken for that of another one.
func imageOf(story *journal.Story, container string, restart int) time.Time {
	for _, e := range story.Events() {
		if e.Event.Reason == "Pulled" && pod.IsAbout(e.Event, container) && int(e.Event.Count) == restart+1 {
			return e.Event.LastTimestamp.Time
		}
	}
	return time.Time{}
}
