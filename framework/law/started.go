package law

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/podproof/podproof/framework/journal"
)

// startedRuns: isContainerStarted in pkg/kubelet/prober/prober_manager.go begins with it.
func startedRuns(c container) string {
	if !c.isStarted() || c.runs() || c.lost() {
		return ""
	}
	return " is started, but does not run (" + journal.StateText(c.State) + ")"
}

// readyRuns: UpdatePodStatus in pkg/kubelet/prober/prober_manager.go. An init container
// that has completed is ready, and stays so while it waits to run again in a new sandbox.
func readyRuns(c container) string {
	switch {
	case !c.Ready, c.lost(), c.restartsInPlace():
		return ""
	case c.completes && c.runs():
		return " is ready, but has not completed"
	case c.runs(), c.completes && c.endedWith(0):
		return ""
	}
	return " is ready, but does not run (" + journal.StateText(c.State) + ")"
}

// A law about instances gives where it is broken first, and where it is broken first in
// the way that inherits describes.
type ofInstances func([]journal.Version) (broken, inherited error)

func (f ofInstances) broken(versions []journal.Version) error {
	err, _ := f(versions)
	return err
}

func (f ofInstances) inherited(versions []journal.Version) error {
	_, err := f(versions)
	return err
}

// eachInstance looks at the versions in which a container runs. Judge gets the version
// before it of the same instance, nil for the first one, and whether the instance
// inherits; it says what is wrong, "" if nothing is, and whether that is the known way.
func eachInstance(versions []journal.Version, judge func(v journal.Version, before *container, now container, inherits bool) (what string, known bool)) (broken, inherited error) {
	last := map[string]container{} // by name
	heirs := map[string]bool{}     // by container ID
	for i, v := range versions {
		for _, c := range containersOf(v) {
			before, seen := last[c.name()]
			last[c.name()] = c
			if !c.runs() {
				continue
			}
			var same *container
			if seen && before.runs() && before.ContainerID == c.ContainerID {
				same = &before
			} else if seen && inherits(before, c) {
				heirs[c.ContainerID] = true
			}
			what, known := judge(v, same, c, heirs[c.ContainerID])
			if what == "" {
				continue
			}
			err := brokenAt(versions, i, "%s%s", c.name(), what)
			if known {
				inherited = cmp.Or(inherited, err)
			} else {
				broken = cmp.Or(broken, err)
			}
		}
	}
	return broken, inherited
}

// startedStays: a startup probe that has passed runs no more for the same instance
// (onHold in pkg/kubelet/prober/worker.go), and without one a container is started while it
// runs. So an instance that is started and then is not had not passed its probe before.
// The first version of an instance cannot show this: the kubelet sends only the newest
// status, and by then the probe may have passed. The API lets started be reset when "the
// kubelet loses state temporarily" (ContainerStatus in the core/v1 types), as it does before
// 1.35 when it is restarted.
func startedStays(versions []journal.Version) (broken, inherited error) {
	since := map[string]bool{} // by container ID: started from its first version on
	return eachInstance(versions, func(_ journal.Version, before *container, now container, inherits bool) (string, bool) {
		if before == nil {
			since[now.ContainerID] = now.isStarted()
			return "", false
		}
		if now.isStarted() || !before.isStarted() {
			return "", false
		}
		known := inherits && since[now.ContainerID]
		since[now.ContainerID] = false
		return " was started, and is not any more, though the same instance runs", known
	})
}

// readyStarted: UpdatePodStatus in pkg/kubelet/prober/prober_manager.go says nothing about
// readiness before a container is started. An instance that only inherited that it is
// started may have had a readiness probe that passed, and so be ready when that is taken
// back, until the next status is made. The probe may also be on its way then: the instance
// is first neither started nor ready and turns ready after that, but only once.
func readyStarted(versions []journal.Version) (broken, inherited error) {
	was := map[string]bool{}  // by container ID: it was ready and not started
	over := map[string]bool{} // by container ID: it was, and is not ready any more
	return eachInstance(versions, func(_ journal.Version, _ *container, now container, inherits bool) (string, bool) {
		if now.isStarted() || now.completes {
			return "", false
		}
		if !now.Ready {
			over[now.ContainerID] = was[now.ContainerID]
			return "", false
		}
		was[now.ContainerID] = true
		return " is ready, but not started", inherits && !over[now.ContainerID]
	})
}

// readyAnew: before a probe of a new instance has passed, the container is not ready, so
// ContainersReady turns false and true again, at times of the same clock as the start. That
// holds also where the API never saw it, because the kubelet sent only the newest status:
// the time of the condition is that of the kubelet's own states (updateStatusInternal in
// pkg/kubelet/status). The kubelet cuts both times to whole seconds.
func readyAnew(versions []journal.Version) (broken, inherited error) {
	return eachInstance(versions, func(v journal.Version, _ *container, now container, inherits bool) (string, bool) {
		ready := condition(v.Pod, corev1.ContainersReady)
		if !now.Ready || !now.isProbed() || ready == nil || ready.Status != corev1.ConditionTrue {
			return "", false
		}
		since, began := ready.LastTransitionTime, now.State.Running.StartedAt
		if !isSet(since.Time) || !since.Before(&began) {
			return "", false
		}
		what := " started at " + clock(began.Time) + " and is ready, but ContainersReady has been true since " + clock(since.Time) + ", so no probe of this instance has made it ready"
		return what, inherits && now.spec.ReadinessProbe == nil
	})
}

// restartID: the count of a new container is one more than that of the one before
// (startContainer in pkg/kubelet/kuberuntime), and is kept with the container. Where the
// kubelet has lost a container it guesses a restart, as in restartsGrow.
func restartID(versions []journal.Version) error {
	highest := map[string]int32{}  // by name
	known := map[string][]string{} // container IDs by name
	for i, v := range versions {
		if nodeLostState(v) {
			return nil
		}
		for _, c := range containersOf(v) {
			name := c.name()
			if c.restartsInPlace() {
				highest[name] = max(highest[name], c.RestartCount)
				continue
			}
			if c.RestartCount > highest[name] {
				switch {
				case c.ContainerID == "":
					return brokenAt(versions, i, "the restartCount of %s grew from %d to %d without a container", name, highest[name], c.RestartCount)
				case slices.Contains(known[name], c.ContainerID):
					return brokenAt(versions, i, "the restartCount of %s grew from %d to %d, and the container is still %s", name, highest[name], c.RestartCount, c.ContainerID)
				}
				highest[name] = c.RestartCount
			}
			if c.ContainerID != "" && !slices.Contains(known[name], c.ContainerID) {
				known[name] = append(known[name], c.ContainerID)
			}
		}
	}
	return nil
}
