package backoff

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
)

// crashLoop is the reason of a container that waits for its restart.
const crashLoop = "CrashLoopBackOff"

// shown is one wait for a restart as the API showed it.
type shown struct {
	restart int           // the one waited for, from 1
	delay   time.Duration // as the message says
	at      time.Time     // when the wait first showed
	ended   time.Time     // when the previous instance ended, in whole seconds
}

// message is how the kubelet words a wait: the delay, the container, the pod. The pod's
// name is not checked, because a virtual cluster shows the message of the pod that
// represents this one.
// Source: pkg/kubelet/kuberuntime/kuberuntime_manager.go (doBackOff).
var message = regexp.MustCompile(`^back-off (\S+) restarting failed container=(\S+) pod=\S+$`)

// waits are all waits of the crasher with reason CrashLoopBackOff, one for each
// restart. The error describes a message with the wrong wording.
func waits(versions []journal.Version) ([]shown, error) {
	var all []shown
	for _, v := range versions {
		s := pod.Status(v.Pod, crasher)
		if s == nil || s.State.Waiting == nil || s.State.Waiting.Reason != crashLoop {
			continue
		}
		restart := int(s.RestartCount) + 1
		if n := len(all); n > 0 && all[n-1].restart == restart {
			continue
		}
		delay, err := parseMessage(s.State.Waiting.Message)
		if err != nil {
			return all, err
		}
		one := shown{restart: restart, delay: delay, at: v.At}
		if last := s.LastTerminationState.Terminated; last != nil {
			one.ended = last.FinishedAt.Time
		}
		all = append(all, one)
	}
	return all, nil
}

// parseMessage returns the delay that a message states, if it is about the crasher.
func parseMessage(text string) (time.Duration, error) {
	parts := message.FindStringSubmatch(text)
	if parts == nil {
		return 0, fmt.Errorf("the message of a container that waits for its restart must look like %q, but it is %q", "back-off 10s restarting failed container=NAME pod=POD_NAMESPACE(UID)", text)
	}
	delay, err := time.ParseDuration(parts[1])
	if err != nil {
		return 0, fmt.Errorf("the message %q does not state the delay: %w", text, err)
	}
	if parts[2] != crasher {
		return 0, fmt.Errorf("the message %q must name the container %s", text, crasher)
	}
	return delay, nil
}

// judgeWaits checks that each wait has the documented delay of its restart. The
// first restarts, as many as free says, find no delay: one for exits, two for kills
// by a liveness probe, which then get the delay of the restart before. Up to missed
// more restarts may have found no delay; each leaves it for the next one.
func judgeWaits(all []shown, free, missed int) error {
	for _, w := range all {
		var known []time.Duration
		for extra := range missed + 1 {
			if delay := documented(w.restart - free - extra + 1); delay > 0 { // else nothing is held back
				known = append(known, delay)
			}
		}
		if len(known) == 0 {
			return fmt.Errorf("restart %d was held back, and the message stated a delay of %s, but the restart must come at once", w.restart, w.delay)
		}
		if !slices.Contains(known, w.delay) {
			return fmt.Errorf("while restart %d was held back, the message stated a delay of %s, but the documented delay is %s", w.restart, w.delay, known[0])
		}
	}
	return nil
}
