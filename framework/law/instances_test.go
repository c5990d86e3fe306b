package law

import (
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podproof/podproof/fixtures/claims"
	. "github.com/podproof/podproof/framework/journal/journaltest"
)

// noon is when recorded histories begin (journaltest).
var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func at(seconds int) metav1.Time {
	return metav1.NewTime(noon.Add(time.Duration(seconds) * time.Second))
}

// conditionAt sets a condition with the time of its transition, in seconds after noon.
func conditionAt(kind corev1.PodConditionType, status corev1.ConditionStatus, reason string, seconds int) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		Condition(kind, status, reason)(pod)
		pod.Status.Conditions[len(pod.Status.Conditions)-1].LastTransitionTime = at(seconds)
	}
}

// probed gives the container c probes.
func probed(startup, readiness bool) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		if startup {
			pod.Spec.Containers[0].StartupProbe = &corev1.Probe{}
		}
		if readiness {
			pod.Spec.Containers[0].ReadinessProbe = &corev1.Probe{}
		}
	}
}

// runs is the container c as it runs since some seconds after noon.
func runs(id string, restarts int32, since int, started, ready bool) func(*corev1.Pod) {
	s := Running("c", id, restarts)
	s.State.Running.StartedAt, s.Started, s.Ready = at(since), &started, ready
	return Status(s)
}

// containersReady sets ContainersReady and Ready.
func containersReady(status corev1.ConditionStatus, reason string, seconds int) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		conditionAt(corev1.ContainersReady, status, reason, seconds)(pod)
		conditionAt(corev1.PodReady, status, reason, seconds)(pod)
	}
}

// probedPod is a pod with probes that is ready since the fifth second, and whose first
// instance runs since the second one.
func probedPod(startup, readiness bool) History {
	return NewHistory(probed(startup, readiness)).
		Then(Node("w1"), conditionAt(corev1.PodScheduled, corev1.ConditionTrue, "", 0)).
		Then(Phase(corev1.PodRunning), runs("id-0", 0, 2, false, false), containersReady(corev1.ConditionFalse, "ContainersNotReady", 1)).
		Then(runs("id-0", 0, 2, true, true), containersReady(corev1.ConditionTrue, "", 5))
}

func TestLawsOnInstancesHold(t *testing.T) {
	sidecar := corev1.ContainerRestartPolicyAlways
	completed := func(p *corev1.Pod) {
		s := Terminated("i", "i-0", 0, 0)
		s.Ready = true
		p.Status.InitContainerStatuses = []corev1.ContainerStatus{s}
	}
	histories := map[string]History{
		"an own end, then the startup probe runs again": probedPod(true, true).
			Then(Status(Terminated("c", "id-0", 0, 1)), containersReady(corev1.ConditionFalse, "ContainersNotReady", 20)).
			Then(runs("id-1", 1, 21, false, false)).
			Then(runs("id-1", 1, 21, true, false)).
			Then(runs("id-1", 1, 21, true, true), containersReady(corev1.ConditionTrue, "", 25)),
		"a new instance whose probes have passed before the API heard of it": probedPod(true, true).
			Then(runs("id-1", 1, 21, true, true), containersReady(corev1.ConditionTrue, "", 21)),
		"readiness that fails and comes back": probedPod(false, true).
			Then(runs("id-0", 0, 2, true, false), containersReady(corev1.ConditionFalse, "ContainersNotReady", 9)).
			Then(runs("id-0", 0, 2, true, true), containersReady(corev1.ConditionTrue, "", 12)),
		"without probes a new instance may keep the pod ready": probedPod(false, false).
			Then(runs("id-1", 1, 21, true, true)),
		"an init container that has completed is ready": NewHistory(InitContainer("i")).Then(Node("w1"), completed),
		"and waits to run again in a new sandbox": NewHistory(InitContainer("i")).Then(Node("w1"), completed).Then(func(p *corev1.Pod) {
			s := After(Waiting("i", "CrashLoopBackOff"), Ended("i-0", "Completed", 0))
			s.Ready = true
			p.Status.InitContainerStatuses[0] = s
		}),
		"a sidecar runs": NewHistory(InitContainer("side"), func(p *corev1.Pod) {
			p.Spec.InitContainers[0].RestartPolicy = &sidecar
			p.Status.InitContainerStatuses = []corev1.ContainerStatus{Running("side", "s-0", 0)}
		}),
		"the kubelet lost a container of an ended pod": probedPod(true, true).Then(func(p *corev1.Pod) {
			p.Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: Ended("", "ContainerStatusUnknown", 137)}
		}),
		"all containers are removed to start again": probedPod(false, false).
			Then(Status(Terminated("c", "id-0", 0, 42))).
			Then(func(p *corev1.Pod) {
				s := &p.Status.ContainerStatuses[0]
				s.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "RestartingAllContainers"}}
				s.LastTerminationState.Terminated = Ended("", "RestartingAllContainers", 137)
				s.RestartCount, s.Ready = 1, true
			}).
			Then(runs("id-1", 1, 21, true, true)),
		"a container that was never started has no times": NewHistory().Then(func(p *corev1.Pod) {
			s := Terminated("c", "id-0", 0, 128)
			s.State.Terminated.Reason, s.State.Terminated.StartedAt, s.State.Terminated.FinishedAt = "StartError", metav1.Unix(0, 0), at(3)
			p.Status.ContainerStatuses = []corev1.ContainerStatus{s}
		}),
		"killed by the kernel, with code 0": NewHistory().Then(func(p *corev1.Pod) {
			s := Terminated("c", "id-0", 0, 0)
			s.State.Terminated.Reason = "OOMKilled"
			p.Status.ContainerStatuses = []corev1.ContainerStatus{s}
		}),
		"the status of before the end goes out with the phase of after it": Plain().
			Then(Phase(corev1.PodFailed)).
			Then(func(p *corev1.Pod) {
				s := Terminated("c", "id-0", 0, 137)
				s.State.Terminated.FinishedAt = at(4)
				p.Status.ContainerStatuses = []corev1.ContainerStatus{s}
			}),
		"a lost node: the garbage collector ends the pod": probedPod(false, false).
			Then(Condition(corev1.PodReady, corev1.ConditionFalse, "")).
			Then(Deleting(30)).
			Then(Phase(corev1.PodFailed), Condition(corev1.DisruptionTarget, corev1.ConditionTrue, "DeletionByPodGC")).
			Then(func(p *corev1.Pod) {
				s := Terminated("c", "id-0", 0, 137)
				s.State.Terminated.FinishedAt = at(500)
				p.Status.ContainerStatuses = []corev1.ContainerStatus{s}
			}),
	}
	for name, h := range histories {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(Check(h)).To(BeEmpty())
		})
	}
}

func brokenByInstances() []broken {
	return []broken{
		{"a Failed pod whose process runs on", "LAW-TERMINAL-STOPPED", "+4.000s after its first version (resourceVersion 104) its phase is Failed, and container c runs on for 6s",
			Plain().Then(Phase(corev1.PodFailed)).Then(func(p *corev1.Pod) {
				s := Terminated("c", "id-0", 0, 137)
				s.State.Terminated.FinishedAt = at(10)
				p.Status.ContainerStatuses = []corev1.ContainerStatus{s}
			})},
		{"a Succeeded pod whose process does not end", "LAW-TERMINAL-STOPPED", "its phase is Succeeded, and container c still runs",
			later(Plain().Then(Phase(corev1.PodSucceeded)), time.Minute)},
		{"two states", "LAW-STATE-ONE", "container c has the states [waiting terminated] and not exactly one",
			Plain().Then(func(p *corev1.Pod) {
				s := Terminated("c", "id-0", 0, 1)
				s.State.Waiting = &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}
				p.Status.ContainerStatuses = []corev1.ContainerStatus{s}
			})},
		{"no state", "LAW-STATE-ONE", "container c has the states [] and not exactly one",
			Plain().Then(Status(corev1.ContainerStatus{Name: "c", ContainerID: "id-0"}))},
		{"waiting without a reason, never created", "LAW-WAITING-REASON", "container c waits without a reason", NewHistory().Then(Status(Waiting("c", "")))},
		{"waiting without a reason, after an end", "LAW-WAITING-REASON", "container c waits without a reason",
			Plain().Then(func(p *corev1.Pod) {
				s := After(Waiting("c", ""), Ended("id-0", "Error", 1))
				s.ContainerID = "id-0"
				p.Status.ContainerStatuses = []corev1.ContainerStatus{s}
			})},
		{"ended without a reason", "LAW-TERMINATED-REASON", "container c has ended with code 1 and without a reason",
			Plain().Then(Status(After(Running("c", "id-1", 1), Ended("id-0", "", 1))))},
		{"completed with a code", "LAW-TERMINATED-REASON", "container c has ended with code 3, and with the reason Completed",
			Plain().Then(func(p *corev1.Pod) {
				s := Terminated("c", "id-0", 0, 3)
				s.State.Terminated.Reason = "Completed"
				p.Status.ContainerStatuses = []corev1.ContainerStatus{s}
			})},
		{"an error with code 0", "LAW-TERMINATED-REASON", "container c has ended with code 0, and with the reason Error",
			Plain().Then(Status(After(Running("c", "id-1", 1), Ended("id-0", "Error", 0))))},
		{"finished before it started", "LAW-TERMINATED-TIMES", "container c finished at 12:00:03, before it started at 12:00:14",
			Plain().Then(func(p *corev1.Pod) {
				s := Terminated("c", "id-0", 0, 1)
				s.State.Terminated.StartedAt, s.State.Terminated.FinishedAt = at(14), at(3)
				p.Status.ContainerStatuses = []corev1.ContainerStatus{s}
			})},
		{"started after the end", "LAW-STARTED-RUNS", "container c is started, but does not run (terminated Error exit 1)",
			Plain().Then(func(p *corev1.Pod) {
				s, started := Terminated("c", "id-0", 0, 1), true
				s.Started = &started
				p.Status.ContainerStatuses = []corev1.ContainerStatus{s}
			})},
		{"ready after the end", "LAW-READY-RUNS", "container c is ready, but does not run (terminated Completed exit 0)",
			Plain().Then(func(p *corev1.Pod) {
				s := Terminated("c", "id-0", 0, 0)
				s.Ready = true
				p.Status.ContainerStatuses = []corev1.ContainerStatus{s}
			})},
		{"an init container that runs is ready", "LAW-READY-RUNS", "init container i is ready, but has not completed",
			NewHistory(InitContainer("i")).Then(func(p *corev1.Pod) {
				p.Status.InitContainerStatuses = []corev1.ContainerStatus{Running("i", "i-0", 0)}
			})},
		{"not started any more", "LAW-STARTED-STAYS", "container c was started, and is not any more, though the same instance runs",
			probedPod(true, false).Then(runs("id-0", 0, 2, false, false), containersReady(corev1.ConditionFalse, "ContainersNotReady", 9))},
		{"ready and not started", "LAW-READY-STARTED", "container c is ready, but not started",
			NewHistory(probed(true, false)).Then(Node("w1")).Then(Phase(corev1.PodRunning), runs("id-0", 0, 2, false, true))},
		{"readiness of the instance before", "LAW-READY-ANEW", "container c started at 12:00:21 and is ready, but ContainersReady has been true since 12:00:05, so no probe of this instance has made it ready",
			probedPod(false, true).Then(runs("id-1", 1, 21, true, true))},
		{"a count that grows at the end", "LAW-RESTART-ID", "the restartCount of container c grew from 0 to 1, and the container is still id-0",
			Plain().Then(Status(Terminated("c", "id-0", 1, 1)))},
		{"a count that grows without a container", "LAW-RESTART-ID", "the restartCount of container c grew from 0 to 1 without a container",
			Plain().Then(Status(After(Waiting("c", "CrashLoopBackOff"), Ended("id-0", "Error", 1))), func(p *corev1.Pod) { p.Status.ContainerStatuses[0].RestartCount = 1 })},
	}
}

func expectAbout(g *WithT, id string, h History) {
	i := slices.IndexFunc(All, func(l Law) bool { return l.ID == id })
	g.Expect(i).To(BeNumerically(">=", 0))
	g.Expect(All[i].About == nil || All[i].About(h)).To(BeTrue(), "a pod that breaks the law is one that it is about")
}

// later adds the last version again, some time later.
func later(h History, by time.Duration) History {
	h = h.Then()
	h[len(h)-1].At = h[len(h)-1].At.Add(by)
	return h
}

// inheritance is the history of a Pod with the laws that it breaks, by the known bug that a
// new instance takes over from the one before that it is started, and otherwise.
type inheritance struct {
	history History
	known   []string
	others  []string
}

func inheritances() map[string]inheritance {
	back := containersReady(corev1.ConditionFalse, "ContainersNotReady", 24)
	return map[string]inheritance{
		"killed and restarted at once, with a startup probe alone": {
			history: probedPod(true, false).
				Then(runs("id-1", 1, 21, true, true)).
				Then(runs("id-1", 1, 21, false, true)).
				Then(runs("id-1", 1, 21, false, false), back).
				Then(runs("id-1", 1, 21, true, true), containersReady(corev1.ConditionTrue, "", 30)),
			known: []string{"LAW-STARTED-STAYS", "LAW-READY-STARTED", "LAW-READY-ANEW"},
		},
		"with a readiness probe, which passes before the startup probe": {
			history: probedPod(true, true).
				Then(runs("id-1", 1, 21, true, false), containersReady(corev1.ConditionFalse, "ContainersNotReady", 22)).
				Then(runs("id-1", 1, 21, true, true), containersReady(corev1.ConditionTrue, "", 23)).
				Then(runs("id-1", 1, 21, false, false), back),
			known: []string{"LAW-STARTED-STAYS"},
		},
		"with a readiness probe that passes when it is taken back": {
			history: probedPod(true, true).
				Then(runs("id-1", 1, 21, true, false), containersReady(corev1.ConditionFalse, "ContainersNotReady", 22)).
				Then(runs("id-1", 1, 21, false, true), containersReady(corev1.ConditionTrue, "", 23)).
				Then(runs("id-1", 1, 21, false, false), back),
			known: []string{"LAW-STARTED-STAYS", "LAW-READY-STARTED"},
		},
		"with a readiness probe that is on its way when it is taken back": {
			history: probedPod(true, true).
				Then(runs("id-1", 1, 21, true, false), containersReady(corev1.ConditionFalse, "ContainersNotReady", 22)).
				Then(runs("id-1", 1, 21, false, false)).
				Then(runs("id-1", 1, 21, false, true), containersReady(corev1.ConditionTrue, "", 23)).
				Then(runs("id-1", 1, 21, false, false), back),
			known: []string{"LAW-STARTED-STAYS", "LAW-READY-STARTED"},
		},
		"with a readiness probe that passes again after it was taken back": {
			history: probedPod(true, true).
				Then(runs("id-1", 1, 21, true, false), containersReady(corev1.ConditionFalse, "ContainersNotReady", 22)).
				Then(runs("id-1", 1, 21, false, true), containersReady(corev1.ConditionTrue, "", 23)).
				Then(runs("id-1", 1, 21, false, false), back).
				Then(runs("id-1", 1, 21, false, true), containersReady(corev1.ConditionTrue, "", 25)),
			known:  []string{"LAW-STARTED-STAYS", "LAW-READY-STARTED"},
			others: []string{"LAW-READY-STARTED"},
		},
		"a second time in the same instance": {
			history: probedPod(true, false).
				Then(runs("id-1", 1, 21, true, true)).
				Then(runs("id-1", 1, 21, false, false), back).
				Then(runs("id-1", 1, 21, true, true), containersReady(corev1.ConditionTrue, "", 30)).
				Then(runs("id-1", 1, 21, false, false), containersReady(corev1.ConditionFalse, "ContainersNotReady", 31)),
			known:  []string{"LAW-STARTED-STAYS", "LAW-READY-ANEW"},
			others: []string{"LAW-STARTED-STAYS"},
		},
		"after an end that the kubelet has seen": {
			history: probedPod(true, false).
				Then(Status(Terminated("c", "id-0", 0, 1)), containersReady(corev1.ConditionFalse, "ContainersNotReady", 20)).
				Then(runs("id-1", 1, 21, true, true), containersReady(corev1.ConditionTrue, "", 21)).
				Then(runs("id-1", 1, 21, false, false), back),
			others: []string{"LAW-STARTED-STAYS"},
		},
		"in the first instance": {
			history: NewHistory(probed(true, false)).Then(Node("w1")).
				Then(Phase(corev1.PodRunning), runs("id-0", 0, 2, true, false)).
				Then(runs("id-0", 0, 2, false, false)),
			others: []string{"LAW-STARTED-STAYS"},
		},
		"readiness that is kept though there is a readiness probe": {
			history: probedPod(true, true).Then(runs("id-1", 1, 21, true, true)),
			others:  []string{"LAW-READY-ANEW"},
		},
	}
}

func TestWhatANewInstanceInheritsIsTheKnownBug(t *testing.T) {
	for name, c := range inheritances() {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			var known, others []string
			for _, b := range Check(c.history) {
				if b.Known {
					known = append(known, b.Law)
				} else {
					others = append(others, b.Law)
				}
				expectAbout(g, b.Law, c.history)
			}
			g.Expect(known).To(ConsistOf(c.known))
			g.Expect(others).To(ConsistOf(c.others))
		})
	}
}

func TestLawsWithAKnownBugAreInTheListOfDeviations(t *testing.T) {
	g := NewWithT(t)
	for _, l := range All {
		listed := slices.ContainsFunc(claims.Deviations(), func(d claims.Deviation) bool { return d.Claim == l.ID })
		g.Expect(l.Known != nil).To(Equal(listed), "%s: fixtures/claims/deviations.yaml and Law.Known belong together", l.ID)
	}
}

func TestAProcessMayEndBeforeItsStartIsNoted(t *testing.T) {
	ended := func(started, finished int) History {
		return Plain().Then(func(p *corev1.Pod) {
			s := Terminated("c", "id-0", 0, 1)
			s.State.Terminated.StartedAt, s.State.Terminated.FinishedAt = at(started), at(finished)
			p.Status.ContainerStatuses = []corev1.ContainerStatus{s}
		})
	}
	for _, b := range Check(ended(13, 3)) {
		NewWithT(t).Expect(b.Law).NotTo(Equal("LAW-TERMINATED-TIMES"), b.Message)
	}
	NewWithT(t).Expect(Check(ended(14, 3))).To(ContainElement(HaveField("Law", "LAW-TERMINATED-TIMES")))
}
