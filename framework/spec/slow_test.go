package spec

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"
)

func TestTooSlow(t *testing.T) {
	created := time.Now()
	// told is a pod that is bound after 1 s and tells of its container so many seconds
	// after that.
	type status struct {
		seconds int
		state   corev1.ContainerState
	}
	waiting := func(reason string) corev1.ContainerState {
		return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}
	}
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	ended := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}
	type event struct {
		reason  string
		seconds int // after it was bound
	}
	told := func(e event, told ...status) *journal.Story {
		p := pod.New("p", pod.Container("w", "r.test/w:1", nil))
		versions := []journal.Version{{At: created, Type: watch.Added, Pod: p.DeepCopy()}}
		p.Spec.NodeName = "n"
		bound := created.Add(time.Second)
		versions = append(versions, journal.Version{At: bound, Type: watch.Modified, Pod: p.DeepCopy()})
		for _, s := range told {
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "w", State: s.state}}
			versions = append(versions, journal.Version{At: bound.Add(time.Duration(s.seconds) * time.Second), Type: watch.Modified, Pod: p.DeepCopy()})
		}
		return journal.Recorded(versions, journal.Event{At: bound.Add(time.Duration(e.seconds) * time.Second), Event: &corev1.Event{Reason: e.reason}})
	}
	// between has a container that is started so many seconds after it was created, on a
	// pod that was quick.
	between := func(seconds int, field string) *journal.Story {
		recorded := func(reason, field string, at int) journal.Event {
			e := &corev1.Event{Reason: reason}
			e.InvolvedObject.FieldPath = field
			return journal.Event{At: created.Add(time.Duration(at) * time.Second), Event: e}
		}
		const c = "spec.containers{w}"
		return journal.Recorded(told(event{"Pulled", 0}, status{1, running}).Versions(),
			recorded("Created", c, 1), recorded("Started", c, 1), recorded("Created", c, 60), recorded("Started", field, 60+seconds))
	}
	slow := told(event{"Pulled", 0}, status{0, waiting("ContainerCreating")}, status{45, running})
	for name, c := range map[string]struct {
		stories []*journal.Story
		want    string
	}{
		"the only pod is slow":            {[]*journal.Story{slow}, "at least 45.0 s"},
		"another one is less slow":        {[]*journal.Story{slow, told(event{"Pulled", 0}, status{30, ended})}, "at least 30.0 s"},
		"another one is quick":            {[]*journal.Story{slow, told(event{"Pulled", 0}, status{2, running})}, ""},
		"it had to wait for its image":    {[]*journal.Story{told(event{"Pulling", 0}, status{1, waiting("ErrImagePull")}, status{45, running})}, ""},
		"it had to wait for its volume":   {[]*journal.Story{told(event{"FailedMount", 0}, status{1, waiting("ContainerCreating")}, status{45, running})}, ""},
		"none was started":                {[]*journal.Story{told(event{"Scheduled", 0}, status{1, waiting("ContainerCreating")})}, ""},
		"none was even given to a node":   {nil, ""},
		"its other containers took long":  {[]*journal.Story{told(event{"Started", 3}, status{45, running})}, ""},
		"its others are not there yet":    {[]*journal.Story{told(event{"Started", 8}, status{1, waiting("ContainerCreating")})}, "at least 8.0 s"},
		"its event was late":              {[]*journal.Story{told(event{"Started", 9}, status{7, running})}, "at least 7.0 s"},
		"its event was early":             {[]*journal.Story{told(event{"Started", -1}, status{45, running})}, ""},
		"a process was slow to start":     {[]*journal.Story{between(6, "spec.containers{w}")}, "took 6.0 s to start"},
		"no process was slow to start":    {[]*journal.Story{between(5, "spec.containers{w}")}, ""},
		"another container came between":  {[]*journal.Story{between(9, "spec.containers{x}")}, ""},
		"one waits, and another was slow": {[]*journal.Story{told(event{"Scheduled", 0}), slow}, "at least 45.0 s"},
	} {
		t.Run(name, func(t *testing.T) {
			got := tooSlow(c.stories, slowStart)
			if c.want == "" {
				NewWithT(t).Expect(got).To(BeEmpty())
				return
			}
			NewWithT(t).Expect(got).To(ContainSubstring(c.want))
		})
	}
}
