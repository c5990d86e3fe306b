// Package journal keeps the outside view of a spec's pods: every version of
// every pod of a namespace and every event about them, each with the moment at
// which it arrived. A journal is opened before the first pod is created, so
// nothing that flashes by is lost; waiting and judging are done over what it
// holds, and never by polling.
//
// A journal survives a watch that breaks: it goes on where the watch ended. If
// that cannot be done the history has a hole, and a history with a hole proves
// nothing: Err and every Await say so with ErrGap, and the spec is inconclusive.
package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
)

var (
	// ErrGap says that the journal does not have the whole history, so that
	// nothing can be concluded from it. It is the suite's failure or the
	// API server's, never evidence against a pod.
	ErrGap = errors.New("the journal does not have the whole history")

	// ErrClosed says that something was awaited on a journal that no longer
	// receives anything.
	ErrClosed = errors.New("the journal is closed")
)

const (
	watchedPods   = "pods"
	watchedEvents = "events"
)

// Version is one version of a pod as the watch delivered it. The pod is shared
// by all who read the journal and must not be changed.
type Version struct {
	// At is when the version arrived in this process, with a monotonic
	// reading. It is later than the change by the latency of the API.
	At   time.Time
	Type watch.EventType
	Pod  *corev1.Pod
}

// Event is one version of an event about a pod: an event that is seen again is
// delivered again, with a higher count. The event must not be changed.
type Event struct {
	// At is when it arrived in this process, with a monotonic reading.
	At    time.Time
	Event *corev1.Event
}

// Outage is a time in which a watch was away though it could go on afterwards.
// Nothing is missing from the history, but what happened during an outage has
// arrival times that are too late.
type Outage struct {
	// What was watched: "pods" or "events".
	What string
	// From is when the loss was noticed; To is when the watch was there
	// again, zero while it is still away.
	From, To time.Time
	// Err is the latest error.
	Err string
}

// Journal records the pods of one namespace and the events about them.
// It is safe for use from several goroutines.
type Journal struct {
	namespace string
	stop      context.CancelFunc
	list      func(context.Context) (*corev1.PodList, error)
	followers sync.WaitGroup

	mu      sync.Mutex
	changed chan struct{} // closed and replaced whenever anything below changes
	records map[types.UID]*record
	order   []*record
	newest  map[string]*record // by pod name, of those that have versions
	outages []*Outage
	gap     error
	closed  bool
}

// record is what is known of one pod. Its slices only ever grow, so a reader
// may keep what it was handed.
type record struct {
	name      string
	namespace string
	uid       types.UID
	versions  []Version
	events    []Event
	exempt    []string // IDs of laws
}

// Open starts to record a namespace: one watch of its pods, one of its core/v1
// events. It returns when both watches are there. Pods that exist already
// begin their story now. The context bounds the opening only; the journal goes
// on until Close.
func Open(ctx context.Context, client kubernetes.Interface, namespace string) (*Journal, error) {
	j := newJournal(namespace)
	// The watcher of client-go logs every failed attempt; the journal keeps
	// them as outages instead.
	life, stop := context.WithCancel(klog.NewContext(context.WithoutCancel(ctx), klog.Logger{}))
	j.stop = stop

	j.list = func(ctx context.Context) (*corev1.PodList, error) {
		return client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	}
	pods := &follower{
		what:    watchedPods,
		list:    func(ctx context.Context) (runtime.Object, error) { return j.list(ctx) },
		watch:   client.CoreV1().Pods(namespace).Watch,
		deliver: j.addPod,
		journal: j,
		// A relist shows how pods are, not what they went through.
		lossy: true,
	}
	events := &follower{
		what: watchedEvents,
		list: func(ctx context.Context) (runtime.Object, error) {
			return client.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{})
		},
		watch:   client.CoreV1().Events(namespace).Watch,
		deliver: j.addEvent,
		journal: j,
		// Events are objects that the API server keeps for an hour, so a
		// relist brings back those that a broken watch did not deliver.
		lossy: false,
	}
	for _, f := range []*follower{pods, events} {
		if err := f.start(ctx, life); err != nil {
			j.Close()
			return nil, fmt.Errorf("cannot watch the %s of namespace %s: %w", f.what, namespace, err)
		}
	}
	return j, nil
}

// Recorded is the story of one pod from a history that was recorded earlier.
// Nothing more will arrive in it, so what has not happened cannot be awaited.
func Recorded(versions []Version, events ...Event) *Story {
	j := newJournal("")
	j.closed = true
	r := &record{versions: versions, events: events}
	if len(versions) > 0 {
		first := versions[0].Pod
		r.name, r.namespace, r.uid = first.Name, first.Namespace, first.UID
	}
	j.records[r.uid] = r
	j.order = append(j.order, r)
	j.newest[r.name] = r
	return &Story{journal: j, name: r.name, uid: r.uid}
}

func newJournal(namespace string) *Journal {
	return &Journal{
		namespace: namespace,
		stop:      func() {},
		changed:   make(chan struct{}),
		records:   map[types.UID]*record{},
		newest:    map[string]*record{},
	}
}

// Close ends the watches and every Await that is still waiting. What was
// recorded can still be read.
func (j *Journal) Close() {
	j.stop()
	j.followers.Wait()
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.closed {
		j.closed = true
		j.wake()
	}
}

// Story follows the newest pod of that name, from the next version on that the
// journal sees; there need not be one yet. After a pod was deleted and made
// again it tells of the new one. Where a certain pod is meant, use StoryOf.
func (j *Journal) Story(name string) *Story {
	return &Story{journal: j, name: name}
}

// StoryOf is the story of the one pod with that UID, seen already or not.
func (j *Journal) StoryOf(uid types.UID) *Story {
	return &Story{journal: j, uid: uid}
}

// Stories are the stories of all pods seen, in the order in which they were
// first seen.
func (j *Journal) Stories() []*Story {
	j.mu.Lock()
	defer j.mu.Unlock()
	var stories []*Story
	for _, r := range j.order {
		if len(r.versions) > 0 {
			stories = append(stories, &Story{journal: j, name: r.name, uid: r.uid})
		}
	}
	return stories
}

// Err is not nil, and is ErrGap, once the history of the pods has a hole that
// cannot be filled. It stays so.
func (j *Journal) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.gap
}

// Outages are the times in which a watch was away, oldest first. The last one
// of a watch may still be under way.
func (j *Journal) Outages() []Outage {
	j.mu.Lock()
	defer j.mu.Unlock()
	outages := make([]Outage, len(j.outages))
	for i, o := range j.outages {
		outages[i] = *o
	}
	return outages
}

// wake tells all who wait that something changed. The caller holds the lock.
func (j *Journal) wake() {
	close(j.changed)
	j.changed = make(chan struct{})
}

// record finds or begins what is known of a pod. The caller holds the lock.
func (j *Journal) record(uid types.UID, name, namespace string) *record {
	r := j.records[uid]
	if r == nil {
		r = &record{uid: uid, name: name, namespace: namespace}
		j.records[uid] = r
		j.order = append(j.order, r)
	}
	return r
}

func (j *Journal) addPod(kind watch.EventType, object runtime.Object) {
	at := time.Now()
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	r := j.record(pod.UID, pod.Name, pod.Namespace)
	if kind == relisted {
		if n := len(r.versions); n == 0 {
			kind = watch.Added
		} else if r.versions[n-1].Pod.ResourceVersion == pod.ResourceVersion {
			return
		} else {
			kind = watch.Modified
		}
	}
	if len(r.versions) == 0 {
		j.newest[pod.Name] = r
	}
	r.versions = append(r.versions, Version{At: at, Type: kind, Pod: pod})
	j.wake()
}

func (j *Journal) addEvent(kind watch.EventType, object runtime.Object) {
	at := time.Now()
	event, ok := object.(*corev1.Event)
	// An event that is deleted has expired, which says nothing of the pod.
	if !ok || kind == watch.Deleted || event.InvolvedObject.Kind != "Pod" {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	about := event.InvolvedObject
	r := j.record(about.UID, about.Name, about.Namespace)
	if kind == relisted {
		for _, e := range r.events {
			if e.Event.UID == event.UID && e.Event.ResourceVersion == event.ResourceVersion {
				return
			}
		}
	}
	r.events = append(r.events, Event{At: at, Event: event})
	j.wake()
}
