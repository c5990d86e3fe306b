package deletion

import (
	"testing"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/journal"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// version of a Pod that is being deleted with that grace period.
func version(kind watch.EventType, phase corev1.PodPhase, grace int64) journal.Version {
	p := &corev1.Pod{}
	p.Status.Phase, p.DeletionGracePeriodSeconds = phase, &grace
	return journal.Version{Type: kind, Pod: p}
}

func TestATerminalPhaseMustBeSeenWhileThePodIsThere(t *testing.T) {
	running := version(watch.Modified, corev1.PodRunning, 30)
	for name, c := range map[string]struct {
		versions []journal.Version
		want     bool
	}{
		"ended, let go, gone":           {[]journal.Version{running, version(watch.Modified, corev1.PodFailed, 30), version(watch.Modified, corev1.PodFailed, 0), version(watch.Deleted, corev1.PodFailed, 0)}, true},
		"let go in its last phase only": {[]journal.Version{running, version(watch.Modified, corev1.PodFailed, 0), version(watch.Deleted, corev1.PodFailed, 0)}, false},
		"gone in its last phase only":   {[]journal.Version{running, version(watch.Deleted, corev1.PodFailed, 0)}, false},
		"never ended":                   {[]journal.Version{running, version(watch.Deleted, corev1.PodRunning, 0)}, false},
		"nothing":                       {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(endedBeforeGone(c.versions)).To(Equal(c.want))
		})
	}
}
