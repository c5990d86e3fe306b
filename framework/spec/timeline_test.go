package spec

import (
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/namespace"
	"github.com/podproof/podproof/reports"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/ptr"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// crash is a pod of one container that ends with 1, is restarted, ends in the same
// way without being seen to run, and is deleted: a version each second.
func crash() *journal.Story {
	terminated := func(id string) corev1.ContainerState {
		return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ContainerID: id, ExitCode: 1, Reason: "Error"}}
	}
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	waiting := corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off\n10s"}}
	ready := corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionFalse, Reason: "ContainersNotReady"}
	status := func(restarts int32, now, before corev1.ContainerState) corev1.PodStatus {
		return corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{ready, {Type: corev1.PodScheduled, Status: corev1.ConditionTrue}, {Type: corev1.ContainersReady, Status: corev1.ConditionFalse}},
			ContainerStatuses: []corev1.ContainerStatus{{Name: "w", RestartCount: restarts, State: now, LastTerminationState: before}}}
	}
	none := corev1.ContainerState{}
	var versions []journal.Version
	add := func(kind watch.EventType, s corev1.PodStatus, grace *int64) {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", UID: "u"}, Spec: corev1.PodSpec{NodeName: "n"}, Status: s}
		if grace != nil {
			p.DeletionTimestamp, p.DeletionGracePeriodSeconds = &metav1.Time{Time: noon}, grace
		}
		versions = append(versions, journal.Version{At: noon.Add(time.Duration(len(versions)) * time.Second), Type: kind, Pod: p})
	}
	add(watch.Added, corev1.PodStatus{Phase: corev1.PodPending}, nil)
	add(watch.Modified, status(0, running, none), nil)
	add(watch.Modified, status(0, running, none), nil) // only bookkeeping
	add(watch.Modified, status(0, terminated("a"), none), nil)
	add(watch.Modified, status(1, waiting, terminated("b")), nil)
	add(watch.Modified, status(1, waiting, terminated("b")), ptr.To(int64(30)))
	add(watch.Modified, status(1, terminated("b"), none), ptr.To(int64(0)))
	add(watch.Deleted, status(1, terminated("b"), none), ptr.To(int64(0)))
	event := func(after time.Duration, kind, reason string, count int32) journal.Event {
		return journal.Event{At: noon.Add(after), Event: &corev1.Event{Type: kind, Reason: reason, Message: strings.Repeat("x", 300), Count: count}}
	}
	return journal.Recorded(versions, event(500*time.Millisecond, "Normal", "Scheduled", 1), event(4*time.Second, "Warning", "BackOff", 2))
}

func TestTimelineOfACrash(t *testing.T) {
	g := NewWithT(t)
	got, seen := timeline(crash(), noon.Add(time.Hour), false)
	g.Expect(seen).To(BeTrue())
	one := ptr.To(1)
	g.Expect(got).To(Equal(reports.Timeline{
		Pod: "p", Node: "n", Started: noon, Seconds: 7,
		Outside: []reports.Lane{
			{Kind: reports.PhaseLane, Moments: []reports.Moment{{State: "Pending"}, {At: 1, State: "Running"}}},
			{Kind: reports.DeletionLane, Moments: []reports.Moment{
				{At: 5, State: reports.DeletionRequested, Grace: ptr.To(int64(30))},
				{At: 6, State: reports.DeletionChanged, Grace: ptr.To(int64(0))},
				{At: 7, State: reports.DeletionGone}}},
			{Kind: reports.ConditionLane, Name: "Ready", Moments: []reports.Moment{{At: 1, State: "False", Text: "ContainersNotReady"}}},
			{Kind: reports.ContainerLane, Name: "w", Moments: []reports.Moment{
				{At: 1, State: reports.StateRunning},
				{At: 3, State: reports.StateTerminated, Text: "Error", Exit: one},
				{At: 4, State: reports.StateTerminated, Text: "Error", Exit: one}, // the instance that was not seen to run
				{At: 4, State: reports.StateWaiting, Text: "CrashLoopBackOff"},
				{At: 6, State: reports.StateTerminated, Text: "Error", Exit: one}}},
			{Kind: reports.EventLane, Moments: []reports.Moment{{At: 0.5, State: "Scheduled"}, {At: 4, State: "BackOff", Warning: true, Count: 2}}},
		},
	}))

	full, _ := timeline(crash(), noon.Add(time.Hour), true)
	g.Expect(full.Outside[3].Moments[3].Text).To(Equal("CrashLoopBackOff: back-off 10s"))
	g.Expect([]rune(full.Outside[4].Moments[0].Text)).To(HaveLen(longestText))

	alive := journal.Recorded(crash().Versions()[:2])
	still, _ := timeline(alive, noon.Add(90*time.Second), false)
	g.Expect(still.Seconds).To(BeEquivalentTo(90), "a pod that lives was looked at until now")
	_, seen = timeline(journal.Recorded(nil), noon, false)
	g.Expect(seen).To(BeFalse())
}

func TestInsideView(t *testing.T) {
	g := NewWithT(t)
	space := &namespace.Space{}
	at := func(seconds float64) int64 { return noon.Add(time.Duration(seconds * float64(time.Second))).UnixNano() }
	line := func(seq int64, seconds float64, instance string, event record.Event) record.Line {
		return record.Line{Seq: seq, RT: at(seconds), BT: at(seconds), Instance: instance, Event: event}
	}
	probe := line(2, 2, "a", record.Probed)
	probe.Request = &record.Request{Path: "/live", Status: 503}
	health := line(3, 3, "a", record.Probed)
	health.Request = &record.Request{Service: ptr.To("db")}
	exit := line(4, 4, "a", record.Exit)
	exit.Code = ptr.To(3)
	again := line(1, 5, "b", record.Start)
	again.Index = ptr.To(1)
	term := line(2, 6, "b", record.Signal)
	term.Signal = "SIGTERM"
	lines := []record.Line{line(1, 1, "a", record.Start), probe, health, exit, again, term, line(3, 7, "b", record.Beat), line(4, 8, "b", record.Beat)}
	space.Saw(crash(), "w", lines[3:])
	space.Saw(crash(), "w", lines) // a log that is read twice has lines twice
	space.Saw(journal.Recorded(nil), "w", lines)

	g.Expect(inside(space.Seen("u"), noon)).To(Equal([]reports.Lane{{Kind: reports.ProcessLane, Name: "w", Moments: []reports.Moment{
		{At: 1, State: reports.ProcessStart},
		{At: 2, State: reports.ProcessProbe, Text: "/live: 503"},
		{At: 3, State: reports.ProcessProbe, Text: `gRPC "db": no answer`},
		{At: 4, State: reports.ProcessExit, Exit: ptr.To(3)},
		{At: 5, State: reports.ProcessStart, Text: "restart 1"},
		{At: 6, State: reports.ProcessSignal, Text: "SIGTERM"},
		{At: 8, State: reports.ProcessLast},
	}}}))
	g.Expect(inside(space.Seen("u"), noon.Add(4500*time.Millisecond))[0].Moments).To(HaveLen(3), "lines of an earlier pod are left out")
	g.Expect(inside(space.Seen("another"), noon)).To(BeEmpty())
}

func TestLongLanesLoseTheirMiddle(t *testing.T) {
	g := NewWithT(t)
	l := &lanes{}
	for i := range mostMoments + 30 {
		l.at = float64(i)
		l.tick(reports.EventLane, "", reports.Moment{State: "Unhealthy"})
	}
	lane := l.inOrder()[0]
	g.Expect(lane.LeftOut).To(Equal(30))
	g.Expect(lane.Moments).To(HaveLen(mostMoments))
	g.Expect(lane.Moments[mostMoments/2].At).To(BeEquivalentTo(mostMoments/2 + 30))
}

func TestLogWithTimestamps(t *testing.T) {
	g := NewWithT(t)
	lines := linesOf([]byte("2026-01-02T12:00:00.1Z {\"seq\":1,\"ev\":\"start\"}\n2026-01-02T12:00:00.2Z panic: no\n2026-01-02T12:00:00.3Z {\"seq\":2,\"ev\":\"exit\"}\n2026 {\"seq\":3,\"e"))
	g.Expect(lines).To(HaveExactElements(HaveField("Event", record.Start), HaveField("Event", record.Exit)))
}
