package spec

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/namespace"
	"github.com/podproof/podproof/reports"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"
)

const (
	// longestText bounds a message inside a timeline, in characters.
	longestText = 160
	// mostMoments bounds a lane; what is left out is its middle.
	mostMoments = 120
)

// keepTimelines keeps the stories of the spec's pods for the record.
func keepTimelines(space *namespace.Space, full bool) {
	for _, story := range space.Journal().Stories() {
		if t, seen := timeline(story, time.Now(), full); seen {
			t.Inside = inside(space.Seen(story.UID()), t.Started)
			claim.Timeline(t)
		}
	}
}

// timeline is the outside view of a pod, as far as it was seen until now. Texts of
// events and reasons for waiting are kept only when it is to be full.
func timeline(story *journal.Story, now time.Time, full bool) (reports.Timeline, bool) {
	versions := story.Versions()
	if len(versions) == 0 {
		return reports.Timeline{}, false
	}
	zero := versions[0].At
	last := versions[len(versions)-1]
	t := reports.Timeline{Pod: story.Name(), Node: last.Pod.Spec.NodeName, Started: zero.UTC().Round(time.Millisecond)}
	if err := story.Err(); err != nil {
		t.Gap = err.Error()
	}
	lanes := &lanes{}
	for _, v := range versions {
		lanes.at = since(zero, v.At)
		lanes.version(v, full)
	}
	end := now
	if last.Type == watch.Deleted {
		end = last.At
	}
	for _, e := range story.Events() {
		lanes.at = max(0, since(zero, e.At))
		lanes.event(e.Event, full)
		if e.At.After(end) {
			end = e.At
		}
	}
	t.Seconds = since(zero, end)
	t.Outside = lanes.inOrder()
	return t, true
}

// since is the seconds between two times, in milliseconds.
func since(zero, at time.Time) float64 { return math.Round(at.Sub(zero).Seconds()*1000) / 1000 }

// lanes are the lanes of a pod while they are filled.
type lanes struct {
	at   float64
	all  []reports.Lane
	told []string // instances of containers whose end is in a lane
}

func (l *lanes) lane(kind reports.LaneKind, name string) *reports.Lane {
	i := slices.IndexFunc(l.all, func(lane reports.Lane) bool { return lane.Kind == kind && lane.Name == name })
	if i < 0 {
		i = len(l.all)
		l.all = append(l.all, reports.Lane{Kind: kind, Name: name})
	}
	return &l.all[i]
}

// tick adds a moment to a lane.
func (l *lanes) tick(kind reports.LaneKind, name string, m reports.Moment) {
	m.At = l.at
	lane := l.lane(kind, name)
	lane.Moments = append(lane.Moments, m)
}

// turn adds a moment to a lane when it is another state than the one before.
func (l *lanes) turn(kind reports.LaneKind, name string, m reports.Moment) {
	lane := l.lane(kind, name)
	if n := len(lane.Moments); n > 0 && alike(lane.Moments[n-1], m) {
		return
	}
	l.tick(kind, name, m)
}

func alike(a, b reports.Moment) bool {
	exit := func(m reports.Moment) int {
		if m.Exit == nil {
			return math.MinInt
		}
		return *m.Exit
	}
	return a.State == b.State && a.Text == b.Text && exit(a) == exit(b)
}

func (l *lanes) version(v journal.Version, full bool) {
	p := v.Pod
	l.turn(reports.PhaseLane, "", reports.Moment{State: string(p.Status.Phase), Text: p.Status.Reason})
	l.deletion(v)
	for _, c := range p.Status.Conditions {
		if matters(c, p) || slices.ContainsFunc(l.all, func(lane reports.Lane) bool { return lane.Kind == reports.ConditionLane && lane.Name == string(c.Type) }) {
			text := ""
			if c.Status != corev1.ConditionTrue {
				text = c.Reason
			}
			l.turn(reports.ConditionLane, string(c.Type), reports.Moment{State: string(c.Status), Text: text})
		}
	}
	for _, group := range []struct {
		kind     reports.LaneKind
		statuses []corev1.ContainerStatus
	}{
		{reports.InitContainerLane, p.Status.InitContainerStatuses},
		{reports.ContainerLane, p.Status.ContainerStatuses},
		{reports.EphemeralLane, p.Status.EphemeralContainerStatuses},
	} {
		for _, status := range group.statuses {
			l.container(group.kind, status, full)
		}
	}
}

// matters tells which conditions have a lane: those that say more than the phase and
// the containers do.
func matters(c corev1.PodCondition, p *corev1.Pod) bool {
	switch c.Type {
	case corev1.ContainersReady, corev1.PodReadyToStartContainers:
		return false
	case corev1.PodInitialized:
		return len(p.Spec.InitContainers) > 0
	case corev1.PodScheduled:
		return c.Status != corev1.ConditionTrue
	}
	return true
}

func (l *lanes) deletion(v journal.Version) {
	p := v.Pod
	if p.DeletionTimestamp != nil {
		state := reports.DeletionRequested
		grace := p.DeletionGracePeriodSeconds
		before := l.find(reports.DeletionLane)
		if before != nil {
			last := before.Moments[len(before.Moments)-1]
			if last.Grace == nil && grace == nil || last.Grace != nil && grace != nil && *last.Grace == *grace {
				state = ""
			} else {
				state = reports.DeletionChanged
			}
		}
		if state != "" {
			l.tick(reports.DeletionLane, "", reports.Moment{State: state, Grace: grace})
		}
	}
	if v.Type == watch.Deleted {
		l.tick(reports.DeletionLane, "", reports.Moment{State: reports.DeletionGone})
	}
}

func (l *lanes) find(kind reports.LaneKind) *reports.Lane {
	for i := range l.all {
		if l.all[i].Kind == kind {
			return &l.all[i]
		}
	}
	return nil
}

func (l *lanes) container(kind reports.LaneKind, s corev1.ContainerStatus, full bool) {
	if last := s.LastTerminationState.Terminated; last != nil && l.isNews(s.Name, last) {
		// Only now is it seen how an instance ended.
		l.tick(kind, s.Name, ended(last))
	}
	switch {
	case s.State.Running != nil:
		// An instance that follows another at once is a turn all the same.
		instance := ""
		if s.RestartCount > 0 {
			instance = fmt.Sprintf("restart %d", s.RestartCount)
		}
		l.turn(kind, s.Name, reports.Moment{State: reports.StateRunning, Text: instance})
	case s.State.Terminated != nil:
		lane := l.lane(kind, s.Name)
		n := len(lane.Moments)
		if l.isNews(s.Name, s.State.Terminated) || lane.Moments[n-1].State != reports.StateTerminated {
			l.tick(kind, s.Name, ended(s.State.Terminated))
		}
	default:
		m := reports.Moment{State: reports.StateWaiting}
		if s.State.Waiting != nil {
			m.Text = s.State.Waiting.Reason
			if full && s.State.Waiting.Message != "" {
				m.Text += ": " + shorten(s.State.Waiting.Message)
			}
		}
		l.turn(kind, s.Name, m)
	}
}

// isNews tells, once of each instance, that its end has not been told.
func (l *lanes) isNews(container string, t *corev1.ContainerStateTerminated) bool {
	instance := fmt.Sprint(container, t.ContainerID, t.ExitCode, t.Reason)
	if slices.Contains(l.told, instance) {
		return false
	}
	l.told = append(l.told, instance)
	return true
}

func ended(t *corev1.ContainerStateTerminated) reports.Moment {
	code := int(t.ExitCode)
	return reports.Moment{State: reports.StateTerminated, Text: t.Reason, Exit: &code}
}

func (l *lanes) event(e *corev1.Event, full bool) {
	m := reports.Moment{State: e.Reason, Warning: e.Type == corev1.EventTypeWarning}
	if e.Count > 1 {
		m.Count = int(e.Count)
	}
	if full {
		m.Text = shorten(e.Message)
	}
	l.tick(reports.EventLane, "", m)
}

// inOrder returns the lanes as people read them, none of them too long.
func (l *lanes) inOrder() []reports.Lane {
	order := []reports.LaneKind{
		reports.PhaseLane, reports.DeletionLane, reports.ConditionLane, reports.InitContainerLane,
		reports.ContainerLane, reports.EphemeralLane, reports.EventLane,
	}
	slices.SortStableFunc(l.all, func(a, b reports.Lane) int {
		return slices.Index(order, a.Kind) - slices.Index(order, b.Kind)
	})
	for i := range l.all {
		thin(&l.all[i])
	}
	return l.all
}

// thin takes the middle out of a lane that is too long.
func thin(lane *reports.Lane) {
	if lane.LeftOut = len(lane.Moments) - mostMoments; lane.LeftOut <= 0 {
		lane.LeftOut = 0
		return
	}
	lane.Moments = slices.Delete(lane.Moments, mostMoments/2, mostMoments/2+lane.LeftOut)
}

// shorten makes a message of the kubelet fit into a timeline.
func shorten(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > longestText {
		return string(runes[:longestText-1]) + "…"
	}
	return text
}
