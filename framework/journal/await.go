package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// TolerableOutage is how long a watch may be away in all during a wait that
// was in vain before the wait proves nothing. A watch that only reached its
// time limit is back within this; a longer outage means that the API server
// could not be reached, by the kubelet probably as little as by us.
const TolerableOutage = time.Second

// State is a predicate on one version of a pod, with its words.
type State struct {
	// Text goes on after "expected pod NAME", such as "to be in phase Running".
	Text string
	// Holds says whether the pod is in the state.
	Holds func(*corev1.Pod) bool
	// Never says why the state can no longer come true, "" while it still can.
	// It may be nil. It is asked only where Holds is false.
	Never func(*corev1.Pod) string
}

// Unmet is the error of an Await whose state did not come, with what came
// instead.
type Unmet struct {
	Pod   string // its name
	Want  string // the text of the state
	Got   string // how the pod is instead, and why no longer waited
	Story string // as it was when the wait ended

	cause error
}

// Error is one line of what was expected, one of what is there, then the story.
func (u *Unmet) Error() string {
	return fmt.Sprintf("expected pod %s %s\ngot: %s\n%s", u.Pod, u.Want, u.Got, u.Story)
}

// Unwrap is why the context ended, nil where it was not the context.
func (u *Unmet) Unwrap() error { return u.cause }

// Await waits for the first version, looking from the beginning of the story,
// in which the state holds. It ends with *Unmet when the context ends first,
// when the state can no longer come, or when the pod is deleted before; with
// ErrGap when the journal cannot know; with ErrClosed after Close. A story that
// follows a name is held to the pod that it tells of when Await is called.
func (s *Story) Await(ctx context.Context, state State) (Version, error) {
	return s.await(ctx, nil, state.Text, state.judge)
}

// AwaitWithin is Await for so long only, so that a cluster that never gets there
// is not waited for until the spec's time is up.
func (s *Story) AwaitWithin(ctx context.Context, limit time.Duration, state State) (Version, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return s.Await(ctx, state)
}

// AwaitAfter is Await for the versions after the given one, which must be of
// this story.
func (s *Story) AwaitAfter(ctx context.Context, after Version, state State) (Version, error) {
	return s.await(ctx, &after, state.Text, state.judge)
}

// AwaitGone waits until the pod is gone from the API and returns the DELETED
// version, which carries the pod's last state.
func (s *Story) AwaitGone(ctx context.Context) (Version, error) {
	return s.await(ctx, nil, "to be gone", func(v Version) (bool, string) {
		return v.Type == watch.Deleted, ""
	})
}

// AwaitEvent waits for the first event about the pod that matches, looking
// from the beginning. The text goes on after "expected pod NAME", such as "to
// have a Failed event". Events are best effort in Kubernetes: rate limited and
// aggregated, so none of a repeated kind can be counted on.
func (s *Story) AwaitEvent(ctx context.Context, text string, match func(*corev1.Event) bool) (Event, error) {
	w := newWait(s, text, watchedPods, watchedEvents)
	seen := 0
	for {
		r, changed, err := w.news()
		if err != nil {
			return Event{}, err
		}
		for ; seen < len(r.events); seen++ {
			if match(r.events[seen].Event) {
				return r.events[seen], nil
			}
		}
		if err := w.pause(ctx, changed, r); err != nil {
			return Event{}, err
		}
	}
}

func (state State) judge(v Version) (bool, string) {
	switch {
	case state.Holds(v.Pod):
		return true, ""
	case v.Type == watch.Deleted:
		return false, "the pod is gone"
	case state.Never != nil:
		return false, state.Never(v.Pod)
	}
	return false, ""
}

// await returns the first version after the given one for which judge is true.
func (s *Story) await(ctx context.Context, after *Version, text string, judge func(Version) (bool, string)) (Version, error) {
	w := newWait(s, text, watchedPods)
	seen := 0
	for {
		r, changed, err := w.news()
		if err != nil {
			return Version{}, err
		}
		if after != nil {
			if seen = r.position(*after) + 1; seen == 0 {
				return Version{}, fmt.Errorf("the version of pod %s to wait after (resourceVersion %s) is not in this story", after.Pod.Name, after.Pod.ResourceVersion)
			}
			after = nil
		}
		for ; seen < len(r.versions); seen++ {
			version := r.versions[seen]
			holds, never := judge(version)
			if holds {
				return version, nil
			}
			if never != "" {
				return Version{}, w.unmet(r, fmt.Sprintf("%s; it can no longer come: %s", Describe(version.Pod), never), nil)
			}
		}
		if err := w.pause(ctx, changed, r); err != nil {
			return Version{}, err
		}
	}
}

// wait is one Await under way.
type wait struct {
	story    *Story
	text     string
	watched  []string // the watches that it depends on
	began    time.Time
	caughtUp bool // after the context ended
}

func newWait(s *Story, text string, watched ...string) *wait {
	return &wait{story: s, text: text, watched: watched, began: time.Now()}
}

// news is what is known now, and the channel that is closed with the next news.
// From the first version on, the wait is held to the pod of that version.
func (w *wait) news() (record, <-chan struct{}, error) {
	j := w.story.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	r := w.story.record()
	if len(r.versions) > 0 {
		w.story = &Story{journal: j, name: r.name, uid: r.uid}
	}
	return *r, j.changed, j.gap
}

// pause waits for news. It returns why there is nothing more to wait for.
func (w *wait) pause(ctx context.Context, changed <-chan struct{}, r record) error {
	j := w.story.journal
	if j.isClosed() {
		return fmt.Errorf("pod %s cannot be awaited %s: %w\n%s", r.called(), w.text, ErrClosed, w.story)
	}
	if ctx.Err() == nil {
		select {
		case <-changed:
		case <-ctx.Done():
			// News may have come at the same moment; they count.
		}
		return nil
	}
	waited := time.Since(w.began).Seconds()
	doubt := j.doubt(w.began, w.watched)
	if doubt == nil && !w.caughtUp {
		// What has happened by now counts, though it may not have arrived.
		doubt = j.CaughtUp(context.WithoutCancel(ctx))
		w.caughtUp = doubt == nil
		if w.caughtUp {
			return nil
		}
	}
	if doubt != nil {
		return fmt.Errorf("expected pod %s %s, and waited %.1fs in vain: %w\n%s", r.called(), w.text, waited, doubt, w.story)
	}
	got := "no such pod was seen"
	if pod := r.last(); pod != nil {
		got = Describe(pod)
	}
	cause := context.Cause(ctx)
	return w.unmet(r, fmt.Sprintf("%s; waited %.1fs (%v)", got, waited, cause), cause)
}

func (w *wait) unmet(r record, got string, cause error) *Unmet {
	return &Unmet{Pod: r.called(), Want: w.text, Got: got, Story: w.story.String(), cause: cause}
}

func (j *Journal) isClosed() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.closed
}

// doubt says why a wait that began then, needed these watches and was in vain
// proves nothing.
func (j *Journal) doubt(began time.Time, watched []string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.gap != nil {
		return j.gap
	}
	now := time.Now()
	var total time.Duration
	var reasons []string
	for _, o := range j.outages {
		if !slices.Contains(watched, o.What) {
			continue
		}
		to := o.To
		if to.IsZero() {
			to = now
		}
		from := o.From
		if from.Before(began) {
			from = began
		}
		if to.After(from) {
			total += to.Sub(from)
			reasons = append(reasons, fmt.Sprintf("watching %s: %s", o.What, o.Err))
		}
	}
	if total <= TolerableOutage {
		return nil
	}
	return fmt.Errorf("%w: the watch was away for %.1fs of that time: %s", ErrGap, total.Seconds(), strings.Join(reasons, "; "))
}

// position is where the version is in the record, -1 when it is not.
func (r record) position(v Version) int {
	for i, known := range r.versions {
		if known.Pod == v.Pod && known.Type == v.Type {
			return i
		}
	}
	return -1
}

// IsUnmet says whether the error is that a state did not come, which is
// evidence about the pod, and not that it could not be known.
func IsUnmet(err error) bool {
	var unmet *Unmet
	return errors.As(err, &unmet)
}
