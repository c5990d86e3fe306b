package journal

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolswatch "k8s.io/client-go/tools/watch"
)

// relisted is the type of an object that a list brought, not a watch.
const relisted watch.EventType = "RELISTED"

// relistDelay is the pause before a new list, so that an API server in trouble
// is not asked in a tight loop.
const relistDelay = time.Second

// noWatch is the type of what client-go returns, without an error, in place of
// a watch when connections keep breaking.
var noWatch = reflect.TypeOf(watch.NewEmptyWatch())

// follower keeps one watch going: from the resource version of a list, over
// watches that end and attempts that fail, and with a new list when the API
// server can no longer go on from where the watch ended.
type follower struct {
	what    string // pods or events
	list    func(context.Context) (runtime.Object, error)
	watch   func(context.Context, metav1.ListOptions) (watch.Interface, error)
	deliver func(watch.EventType, runtime.Object)
	journal *Journal
	// lossy says that a new list does not bring back what was missed.
	lossy bool

	firstAttempt sync.Once
	first        chan error // how the first attempt to watch ended
	away         *Outage    // under way, guarded by the journal's lock
}

// start lists and returns when the first watch is there. It goes on for the
// life of the journal.
func (f *follower) start(ctx, life context.Context) error {
	f.first = make(chan error, 1)
	version, err := f.relist(ctx)
	if err != nil {
		return err
	}
	f.journal.followers.Go(func() { f.follow(life, version) })
	select {
	case err := <-f.first:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// follow delivers what the watch brings until the journal is closed.
func (f *follower) follow(ctx context.Context, version string) {
	for ctx.Err() == nil {
		err := f.followFrom(ctx, version)
		if ctx.Err() != nil {
			return
		}
		if f.lossy {
			f.journal.tear(fmt.Errorf("%w: the watch of %s cannot go on where it ended: %w", ErrGap, f.what, err))
		}
		f.lost(err)
		version = f.relistUntilDone(ctx)
	}
}

// followFrom delivers until the watch cannot be resumed, and says why.
func (f *follower) followFrom(ctx context.Context, version string) error {
	watcher, err := toolswatch.NewRetryWatcherWithContext(ctx, version, f)
	if err != nil {
		f.attempted(err)
		return err
	}
	// The retry watcher ends itself after an error that it cannot resume, and
	// with the context.
	err = errors.New("the watch ended")
	for event := range watcher.ResultChan() {
		if event.Type == watch.Error {
			err = apierrors.FromObject(event.Object)
			continue
		}
		f.deliver(event.Type, event.Object)
	}
	return err
}

// WatchWithContext is what the retry watcher calls for every attempt.
func (f *follower) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	w, err := f.watch(ctx, options)
	if err == nil && reflect.TypeOf(w) == noWatch {
		err = errors.New("the connection was lost before the watch began")
	}
	if ctx.Err() != nil {
		return w, err
	}
	f.attempted(err)
	if err == nil {
		f.back()
		return &endNoticed{Interface: w, end: func() {
			if ctx.Err() == nil {
				f.lost(errors.New("the watch ended"))
			}
		}}, nil
	}
	f.lost(err)
	if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		// The retry watcher would ask for the same version for ever; as an
		// event of the watch the same error ends it.
		return expired(err), nil
	}
	// Without its type, the error is always tried again. The retry watcher
	// gives up on Forbidden and Unauthorized, which an API server that is
	// just starting also answers, though the watch can go on a second later.
	return nil, errors.New(err.Error())
}

// attempted tells start how the first attempt ended.
func (f *follower) attempted(err error) {
	f.firstAttempt.Do(func() { f.first <- err })
}

// lost notes that the watch is away.
func (f *follower) lost(err error) {
	f.journal.mu.Lock()
	defer f.journal.mu.Unlock()
	if f.away == nil {
		f.away = &Outage{What: f.what, From: time.Now()}
		f.journal.outages = append(f.journal.outages, f.away)
	}
	f.away.Err = err.Error()
}

// back notes that the watch is there again.
func (f *follower) back() {
	f.journal.mu.Lock()
	defer f.journal.mu.Unlock()
	if f.away != nil {
		f.away.To = time.Now()
		f.away = nil
	}
}

// relist delivers everything there is and returns the version to watch from.
func (f *follower) relist(ctx context.Context) (string, error) {
	list, err := f.list(ctx)
	if err != nil {
		return "", err
	}
	accessor, err := meta.ListAccessor(list)
	if err != nil {
		return "", err
	}
	err = meta.EachListItem(list, func(object runtime.Object) error {
		f.deliver(relisted, object)
		return nil
	})
	return accessor.GetResourceVersion(), err
}

// relistUntilDone tries to list until it works or the journal is closed.
func (f *follower) relistUntilDone(ctx context.Context) string {
	for {
		select {
		case <-ctx.Done():
			return ""
		case <-time.After(relistDelay):
		}
		version, err := f.relist(ctx)
		if err == nil {
			return version
		}
		f.lost(err)
	}
}

// tear records the first hole in the history, for good.
func (j *Journal) tear(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.gap == nil {
		j.gap = err
		j.wake()
	}
}

// endNoticed is a watch that tells when it ended: the retry watcher stops a
// watch as soon as its channel is closed or brought an error.
type endNoticed struct {
	watch.Interface
	end func()
}

func (w *endNoticed) Stop() {
	w.end()
	w.Interface.Stop()
}

// expired is a watch that says only that its version is gone.
func expired(err error) watch.Interface {
	status := metav1.Status{Status: metav1.StatusFailure, Reason: metav1.StatusReasonExpired, Message: err.Error()}
	var known apierrors.APIStatus
	if errors.As(err, &known) {
		status = known.Status()
	}
	status.Code = 410 // what the retry watcher looks for
	events := make(chan watch.Event, 1)
	events <- watch.Event{Type: watch.Error, Object: &status}
	return watch.NewProxyWatcher(events)
}
