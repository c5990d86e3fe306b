package backoff

import (
	"fmt"
	"time"

	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/witness"
)

const (
	// cut is the most that the API cuts off a time: it keeps whole seconds.
	cut = time.Second
	// noted is how long the runtime on a busy machine may take from starting a process
	// to recording the start.
	noted = 2 * time.Second
	// reap is how long the runtime on a busy machine may take from the last line of a
	// process to its end, and from recording a start to the first line. It is less than
	// the shortest delay.
	reap = 8 * time.Second
)

// compare checks what the kubelet reports about the instances of a container
// against what they wrote themselves: when each started and ended, and its exit
// code. A restart that is not counted, or counted twice, shows as times that do
// not match.
func compare(wrote []witness.Instance, reported []pod.Instance, code func(instance int) int) error {
	for _, r := range reported {
		n := int(r.RestartCount)
		if n >= len(wrote) {
			continue
		}
		w := wrote[n]
		if w.Start != nil && !r.StartedAt.IsZero() {
			// The runtime records the start after it has started the process, so either
			// of the two can come first (StartContainer in containerd's
			// internal/cri/server/container_start.go).
			if late := w.Start.At().Sub(r.StartedAt); late < -noted || late > reap+cut {
				return fmt.Errorf("instance %d is reported as started at %s, but by its own clock it started at %s", n+1, clock(r.StartedAt), clock(w.Start.At()))
			}
		}
		if w.Exit == nil || !r.Exited {
			continue
		}
		if r.ExitCode != int32(code(n)) {
			return fmt.Errorf("instance %d is reported as ended with exit code %d, but it ended with %d", n+1, r.ExitCode, code(n))
		}
		if late := r.FinishedAt.Sub(w.Exit.At()); late < -cut || late > reap {
			return fmt.Errorf("instance %d is reported as ended at %s, but by its own clock it ended at %s", n+1, clock(r.FinishedAt), clock(w.Exit.At()))
		}
	}
	return nil
}

// notStarted describes an instance that the runtime created but could not start,
// as happens on very busy machines: its process never ran. It is "" when all
// instances started.
func notStarted(reported []pod.Instance) string {
	for _, r := range reported {
		// The reason is the runtime's own: the first is containerd's, the second is
		// the one that the kubelet knows.
		if r.Exited && (r.Reason == "StartError" || r.Reason == "ContainerCannotRun") {
			return fmt.Sprintf("the container runtime could not start instance %d of container %s (%s)", r.RestartCount+1, crasher, r.Reason)
		}
	}
	return ""
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }

// reportedGap is the time before a restart, from 1, by the kubelet's own times.
func reportedGap(reported []pod.Instance, restart int) (time.Duration, bool) {
	var before, now *pod.Instance
	for i := range reported {
		switch int(reported[i].RestartCount) {
		case restart - 1:
			before = &reported[i]
		case restart:
			now = &reported[i]
		}
	}
	if before == nil || now == nil || before.FinishedAt.IsZero() || now.StartedAt.IsZero() {
		return 0, false
	}
	return now.StartedAt.Sub(before.FinishedAt), true
}

// clockStep is the largest step of the wall clock between two instances. The
// kubelet counts a delay by that clock.
func clockStep(instances []witness.Instance) time.Duration {
	var most time.Duration
	for i := 1; i < len(instances); i++ {
		exit, start := instances[i-1].Exit, instances[i].Start
		if exit == nil || start == nil {
			continue
		}
		if step := start.At().Sub(exit.At()) - start.Since(*exit); step.Abs() > most.Abs() {
			most = step
		}
	}
	return most
}
