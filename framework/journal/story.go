package journal

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Story is what the journal knows of one pod. It grows while it is read: two
// calls may tell of different moments.
type Story struct {
	journal *Journal
	name    string
	uid     types.UID // empty: the newest pod of that name
}

// record is what is known of the pod now, never nil. The caller holds the lock.
func (s *Story) record() *record {
	var r *record
	if s.uid != "" {
		r = s.journal.records[s.uid]
	} else {
		r = s.journal.newest[s.name]
	}
	if r == nil {
		return &record{name: s.name, namespace: s.journal.namespace, uid: s.uid}
	}
	return r
}

// read takes the present state of the record.
func (s *Story) read() record {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	r := *s.record()
	r.versions = slices.Clip(r.versions)
	r.events = slices.Clip(r.events)
	return r
}

// Name is the pod's name, empty when the story was asked for by a UID that has
// not been seen.
func (s *Story) Name() string { return s.read().name }

// UID is the pod's UID, empty when no pod of that name has been seen.
func (s *Story) UID() types.UID { return s.read().uid }

// Versions are all versions so far, in the order of the watch.
func (s *Story) Versions() []Version { return s.read().versions }

// Events are all events about the pod so far, in the order of arrival.
func (s *Story) Events() []Event { return s.read().events }

// Last is the newest version of the pod, nil when none has been seen. It must
// not be changed.
func (s *Story) Last() *corev1.Pod {
	return s.read().last()
}

// Deleted says whether the pod is gone from the API.
func (s *Story) Deleted() bool {
	r := s.read()
	return r.deleted()
}

// Exempt notes that a law does not judge the pod. Specs call law.Exempt, which knows the
// laws that allow it.
func (s *Story) Exempt(law string) error {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	r := s.record()
	if len(r.versions) == 0 {
		return fmt.Errorf("pod %s cannot be exempt from the law %q before it has been seen", r.called(), law)
	}
	r.exempt = append(slices.Clip(r.exempt), law)
	return nil
}

// Exempted are the IDs of the laws that the pod is exempt from.
func (s *Story) Exempted() []string { return s.read().exempt }

// Err says why the story cannot be judged now; it is ErrGap. Other than
// Journal.Err it also says so while the watch of the pods is away, for what
// happened since then is not known yet.
func (s *Story) Err() error {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	if s.journal.gap != nil {
		return s.journal.gap
	}
	for _, o := range s.journal.outages {
		if o.What == watchedPods && o.To.IsZero() {
			return fmt.Errorf("%w: since %s the watch of pods is away: %s", ErrGap, o.From.Format("15:04:05"), o.Err)
		}
	}
	return nil
}

// GomegaString makes Gomega print the story instead of walking through it.
func (s *Story) GomegaString() string { return s.String() }

func (r record) last() *corev1.Pod {
	if len(r.versions) == 0 {
		return nil
	}
	return r.versions[len(r.versions)-1].Pod
}

// called is how messages name the pod.
func (r record) called() string {
	if r.name != "" {
		return r.name
	}
	return "with UID " + string(r.uid)
}
