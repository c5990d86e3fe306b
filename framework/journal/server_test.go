package journal

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// server is an API server whose lists and watches do what the test says.
type server struct {
	client *fake.Clientset

	mu       sync.Mutex
	pods     []corev1.Pod
	events   []corev1.Event
	version  string
	listErr  error
	refuse   map[string]error // by resource: what the next watches answer
	watches  map[string]*watch.RaceFreeFakeWatcher
	resumeAt []string // resource versions with which pods were watched
}

func newServer() *server {
	s := &server{client: fake.NewClientset(), version: "10", refuse: map[string]error{}, watches: map[string]*watch.RaceFreeFakeWatcher{}}
	s.client.PrependReactor("list", "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.listErr != nil {
			return true, nil, s.listErr
		}
		meta := metav1.ListMeta{ResourceVersion: s.version}
		if action.GetResource().Resource == "events" {
			return true, &corev1.EventList{ListMeta: meta, Items: slices.Clone(s.events)}, nil
		}
		return true, &corev1.PodList{ListMeta: meta, Items: slices.Clone(s.pods)}, nil
	})
	s.client.PrependWatchReactor("*", func(action clienttesting.Action) (bool, watch.Interface, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		resource := action.GetResource().Resource
		if resource == "pods" {
			s.resumeAt = append(s.resumeAt, action.(clienttesting.WatchActionImpl).ListOptions.ResourceVersion)
		}
		if err, refused := s.refuse[resource]; refused && err == nil {
			return true, watch.NewEmptyWatch(), nil
		} else if refused {
			return true, nil, err
		}
		w := watch.NewRaceFreeFake()
		s.watches[resource] = w
		return true, w, nil
	})
	return s
}

// set changes how the server answers.
func (s *server) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// tell changes a pod on the server and on the watch.
func (s *server) tell(kind watch.EventType, pod *corev1.Pod) {
	s.keep(kind, pod)
	s.watch("pods").Action(kind, pod)
}

// keep changes a pod on the server, and the watch does not say so.
func (s *server) keep(kind watch.EventType, pod *corev1.Pod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pods = slices.DeleteFunc(s.pods, func(p corev1.Pod) bool { return p.UID == pod.UID })
	if kind != watch.Deleted {
		s.pods = append(s.pods, *pod)
	}
}

// watch is the present watch of the resource.
func (s *server) watch(resource string) *watch.RaceFreeFakeWatcher {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.watches[resource]
}

func aPod(name, uid string, version int, changes ...func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ns", UID: types.UID(uid), ResourceVersion: strconv.Itoa(version)},
		Status:     corev1.PodStatus{Phase: corev1.PodPending},
	}
	for _, change := range changes {
		change(pod)
	}
	return pod
}

func anEvent(uid, version, reason string) *corev1.Event {
	return &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: uid, UID: types.UID(uid), ResourceVersion: version},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "web", Namespace: "ns", UID: "u1"},
		Reason:         reason,
	}
}

// inPhase is a state for the tests.
func inPhase(p corev1.PodPhase) State {
	return State{
		Text:  "to be in phase " + string(p),
		Holds: func(pod *corev1.Pod) bool { return pod.Status.Phase == p },
		Never: func(pod *corev1.Pod) string {
			if phase := pod.Status.Phase; phase == corev1.PodSucceeded || phase == corev1.PodFailed {
				return "phase " + string(phase) + " is final"
			}
			return ""
		},
	}
}

// withJournal runs a test with time of its own, so that pauses cost nothing
// and what has settled can be told.
func withJournal(t *testing.T, test func(t *testing.T, g *WithT, s *server, j *Journal)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		s := newServer()
		j, err := Open(t.Context(), s.client, "ns")
		g.Expect(err).NotTo(HaveOccurred())
		defer j.Close()
		test(t, g, s, j)
	})
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func phase(p corev1.PodPhase) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Status.Phase = p }
}

func node(name string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Spec.NodeName = name }
}
