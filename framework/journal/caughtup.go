package journal

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// catchUpTime is how long the journal may take to show what the API shows
// before it counts as behind. Usually that takes milliseconds.
const catchUpTime = 5 * time.Second

// CaughtUp returns when every pod is in the journal as the API shows it at the
// time of the call. A connection that hangs looks like a pod to which nothing
// happens, and only a question to the API tells the two apart; so it is asked
// before something that did not happen is taken as evidence: by every Await
// that was in vain, and by a spec before it is done. The error is ErrGap when
// the API does not answer or the journal stays behind, 5 s at the most.
func (j *Journal) CaughtUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, catchUpTime)
	defer cancel()
	j.mu.Lock()
	list, closed := j.list, j.closed
	var live []types.UID
	for uid, r := range j.records {
		if len(r.versions) > 0 && !r.deleted() {
			live = append(live, uid)
		}
	}
	j.mu.Unlock()
	if closed {
		return ErrClosed
	}

	pods, err := list(ctx)
	if err != nil {
		return fmt.Errorf("%w: cannot check that it is up to date: %w", ErrGap, err)
	}
	shown := map[types.UID]*corev1.Pod{}
	for i := range pods.Items {
		shown[pods.Items[i].UID] = &pods.Items[i]
	}
	for {
		j.mu.Lock()
		missing, changed := j.missing(shown, live), j.changed
		j.mu.Unlock()
		if missing == "" {
			return j.Err()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%w: it is behind the API: %s", ErrGap, missing)
		}
	}
}

// missing says what the journal does not have yet of the pods that the API
// shows, and of those that were live before and are not shown any more. The
// caller holds the lock.
func (j *Journal) missing(shown map[types.UID]*corev1.Pod, live []types.UID) string {
	for uid, pod := range shown {
		if r := j.records[uid]; r == nil || !r.has(pod.ResourceVersion) {
			return fmt.Sprintf("pod %s in resourceVersion %s is missing", pod.Name, pod.ResourceVersion)
		}
	}
	for _, uid := range live {
		if r := j.records[uid]; shown[uid] == nil && !r.deleted() {
			return fmt.Sprintf("the deletion of pod %s is missing", r.name)
		}
	}
	return ""
}

func (r *record) deleted() bool {
	return len(r.versions) > 0 && r.versions[len(r.versions)-1].Type == watch.Deleted
}

func (r *record) has(resourceVersion string) bool {
	for i := len(r.versions) - 1; i >= 0; i-- {
		if r.versions[i].Pod.ResourceVersion == resourceVersion {
			return true
		}
	}
	return r.deleted()
}
