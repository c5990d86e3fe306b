package journal

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
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
			if terminal(pod.Status.Phase) {
				return "phase " + string(pod.Status.Phase) + " is final"
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

func TestEveryVersionIsKept(t *testing.T) {
	withJournal(t, func(t *testing.T, g *WithT, s *server, j *Journal) {
		story := j.Story("web")
		g.Expect(story.Last()).To(BeNil())
		w := s.watch("pods")
		s.tell(watch.Added, aPod("web", "u1", 11))
		s.tell(watch.Modified, aPod("web", "u1", 12, phase(corev1.PodRunning)))
		s.tell(watch.Modified, aPod("web", "u1", 13, phase(corev1.PodSucceeded)))
		w.Action(watch.Bookmark, aPod("", "", 20))
		s.tell(watch.Deleted, aPod("web", "u1", 21, phase(corev1.PodSucceeded)))
		s.watch("events").Add(anEvent("e1", "14", "Started"))
		s.watch("events").Delete(anEvent("e1", "15", "Started"))
		synctest.Wait()

		var seen []string
		for _, v := range story.Versions() {
			seen = append(seen, string(v.Type)+" "+string(v.Pod.Status.Phase))
		}
		g.Expect(seen).To(Equal([]string{"ADDED Pending", "MODIFIED Running", "MODIFIED Succeeded", "DELETED Succeeded"}))
		g.Expect(story.Deleted()).To(BeTrue())
		g.Expect(story.Events()).To(HaveLen(1))
		g.Expect(j.Stories()).To(HaveLen(1))
		g.Expect(j.Err()).NotTo(HaveOccurred())
		g.Expect(j.Outages()).To(BeEmpty())
	})
}

func TestPodsThatExistBeginTheirStory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		s := newServer()
		s.pods = []corev1.Pod{*aPod("old", "u0", 5)}
		j, err := Open(t.Context(), s.client, "ns")
		g.Expect(err).NotTo(HaveOccurred())
		defer j.Close()
		g.Expect(j.Story("old").Versions()).To(HaveExactElements(HaveField("Type", watch.Added)))
	})
}

func TestSamePodNameTwice(t *testing.T) {
	withJournal(t, func(t *testing.T, g *WithT, s *server, j *Journal) {
		story := j.Story("web")
		s.tell(watch.Added, aPod("web", "u1", 11))
		synctest.Wait()

		// A wait is held to the pod of its beginning, even when both changes
		// are there before it looks.
		gone := make(chan error, 1)
		go func() {
			_, err := story.AwaitGone(within(t, time.Minute))
			gone <- err
		}()
		synctest.Wait()
		s.tell(watch.Deleted, aPod("web", "u1", 12))
		s.tell(watch.Added, aPod("web", "u2", 13, phase(corev1.PodRunning)))
		g.Expect(<-gone).NotTo(HaveOccurred())
		synctest.Wait()

		g.Expect(story.UID()).To(BeEquivalentTo("u2"))
		g.Expect(story.Deleted()).To(BeFalse())
		g.Expect(j.StoryOf("u1").Deleted()).To(BeTrue())
		g.Expect(j.StoryOf("u1").Name()).To(Equal("web"))
		g.Expect(j.Stories()).To(HaveLen(2))
	})
}

func TestAwaitWakesOnArrival(t *testing.T) {
	withJournal(t, func(t *testing.T, g *WithT, s *server, j *Journal) {
		began := time.Now()
		go func() {
			time.Sleep(70 * time.Millisecond)
			s.tell(watch.Added, aPod("web", "u1", 11))
			time.Sleep(30 * time.Millisecond)
			s.tell(watch.Modified, aPod("web", "u1", 12, phase(corev1.PodRunning)))
			s.tell(watch.Modified, aPod("web", "u1", 13, phase(corev1.PodFailed)))
		}()
		v, err := j.StoryOf("u1").Await(within(t, time.Minute), inPhase(corev1.PodRunning))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(v.At.Sub(began)).To(Equal(100*time.Millisecond), "no polling interval is added")
		g.Expect(v.Pod.ResourceVersion).To(Equal("12"), "what flashed by is not lost")

		v, err = j.Story("web").AwaitAfter(within(t, time.Minute), v, inPhase(corev1.PodFailed))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(v.Pod.ResourceVersion).To(Equal("13"))

		_, err = j.Story("web").AwaitAfter(t.Context(), Version{Pod: aPod("web", "u9", 99)}, inPhase(corev1.PodFailed))
		g.Expect(err).To(MatchError(ContainSubstring("(resourceVersion 99) is not in this story")))
	})
}

func TestAwaitEvent(t *testing.T) {
	withJournal(t, func(t *testing.T, g *WithT, s *server, j *Journal) {
		match := func(e *corev1.Event) bool { return e.Reason == "BackOff" }
		_, err := j.StoryOf("u1").AwaitEvent(within(t, time.Second), "to have a BackOff event", match)
		g.Expect(IsUnmet(err)).To(BeTrue())
		g.Expect(err).To(MatchError(HavePrefix("expected pod with UID u1 to have a BackOff event\ngot: no such pod was seen; waited 1.0s")))

		s.watch("events").Add(anEvent("e1", "11", "Started"))
		s.watch("events").Add(anEvent("e2", "12", "BackOff"))
		e, err := j.StoryOf("u1").AwaitEvent(within(t, time.Second), "to have a BackOff event", match)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(e.Event.Name).To(Equal("e2"))
	})
}

func TestUnmet(t *testing.T) {
	withJournal(t, func(t *testing.T, g *WithT, s *server, j *Journal) {
		s.tell(watch.Added, aPod("web", "u1", 11, node("w1")))
		synctest.Wait()
		story := j.Story("web")

		ctx := within(t, 1500*time.Millisecond)
		_, err := story.Await(ctx, inPhase(corev1.PodRunning))
		g.Expect(err).To(MatchError(context.DeadlineExceeded))
		g.Expect(err.Error()).To(Equal(strings.Join([]string{
			"expected pod web to be in phase Running",
			"got: phase Pending; on w1; waited 1.5s (context deadline exceeded)",
			"story of pod ns/web (UID u1):",
			"     +0.000s  ADDED: phase Pending; node w1",
		}, "\n")))

		s.tell(watch.Modified, aPod("web", "u1", 12, phase(corev1.PodFailed)))
		began := time.Now()
		_, err = story.Await(within(t, time.Hour), inPhase(corev1.PodRunning))
		g.Expect(time.Since(began)).To(BeNumerically("<", time.Second), "a final state ends the wait")
		g.Expect(IsUnmet(err)).To(BeTrue())
		g.Expect(err).To(MatchError(ContainSubstring("it can no longer come: phase Failed is final")))

		s.tell(watch.Deleted, aPod("web", "u1", 13))
		_, err = story.Await(within(t, time.Hour), State{Text: "to be nothing", Holds: func(*corev1.Pod) bool { return false }})
		g.Expect(err).To(MatchError(ContainSubstring("it can no longer come: the pod is gone")))
		v, err := story.AwaitGone(within(t, time.Hour))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(v.Type).To(Equal(watch.Deleted))
	})
}

func TestCloseEndsWaiting(t *testing.T) {
	withJournal(t, func(t *testing.T, g *WithT, s *server, j *Journal) {
		s.tell(watch.Added, aPod("web", "u1", 11))
		ended := make(chan error, 1)
		go func() {
			_, err := j.Story("web").AwaitGone(t.Context())
			ended <- err
		}()
		synctest.Wait()
		j.Close()
		g.Expect(<-ended).To(MatchError(ErrClosed))
		g.Expect(j.Story("web").Versions()).To(HaveLen(1), "what was recorded can still be read")
		g.Expect(j.Outages()).To(BeEmpty(), "closing is no outage")
		j.Close()
	})
}

func TestWatchResumesWhereItEnded(t *testing.T) {
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errors.New("roles are not there yet"))
	for name, err := range map[string]error{
		"connection refused": errors.New("connection refused"),
		"forbidden":          forbidden,
		"unauthorized":       apierrors.NewUnauthorized("no"),
		"server error":       apierrors.NewInternalError(errors.New("etcd")),
		"too many requests":  apierrors.NewTooManyRequests("later", 1),
		"connection lost":    nil, // and client-go hides it
	} {
		t.Run(name, func(t *testing.T) {
			withJournal(t, func(t *testing.T, g *WithT, s *server, j *Journal) {
				w := s.watch("pods")
				s.tell(watch.Added, aPod("web", "u1", 11))
				w.Action(watch.Bookmark, aPod("", "", 15))
				synctest.Wait()
				s.set(func() { s.refuse["pods"] = err })
				w.Stop()
				time.Sleep(5 * time.Second)
				g.Expect(j.Outages()).To(HaveExactElements(HaveField("To.IsZero()", true)))
				g.Expect(j.Story("web").Err()).To(MatchError(ErrGap), "what happens now is not known yet")

				s.set(func() { delete(s.refuse, "pods") })
				time.Sleep(2 * time.Second)
				s.tell(watch.Modified, aPod("web", "u1", 16, phase(corev1.PodRunning)))
				_, awaited := j.Story("web").Await(within(t, time.Minute), inPhase(corev1.PodRunning))
				g.Expect(awaited).NotTo(HaveOccurred())

				g.Expect(j.Err()).NotTo(HaveOccurred())
				g.Expect(j.Story("web").Err()).NotTo(HaveOccurred())
				g.Expect(s.resumeAt[0]).To(Equal("10"))
				g.Expect(s.resumeAt[1:]).To(HaveEach("15"), "bookmarks count")
				outages := j.Outages()
				g.Expect(outages).To(HaveLen(1))
				g.Expect(outages[0].What).To(Equal("pods"))
				g.Expect(outages[0].To.Sub(outages[0].From)).To(BeNumerically("~", 5*time.Second, time.Second))
				if err == nil {
					err = errors.New("the connection was lost before the watch began")
				}
				g.Expect(outages[0].Err).To(ContainSubstring(err.Error()))
				g.Expect(j.Story("web").String()).To(ContainSubstring("(the watch of pods was away for"))
			})
		})
	}
}

func TestWaitingInVainDuringAnOutageProvesNothing(t *testing.T) {
	withJournal(t, func(t *testing.T, g *WithT, s *server, j *Journal) {
		s.tell(watch.Added, aPod("web", "u1", 11))
		synctest.Wait()
		// A watch that reached its time limit is back at once.
		s.watch("pods").Stop()
		_, err := j.Story("web").Await(within(t, 10*time.Second), inPhase(corev1.PodRunning))
		g.Expect(IsUnmet(err)).To(BeTrue(), "%v", err)

		// Only the events are away, and pods do not depend on them.
		s.set(func() { s.refuse["events"] = errors.New("connection refused") })
		s.watch("events").Stop()
		_, err = j.Story("web").Await(within(t, 10*time.Second), inPhase(corev1.PodRunning))
		g.Expect(IsUnmet(err)).To(BeTrue(), "%v", err)
		_, err = j.Story("web").AwaitEvent(within(t, 10*time.Second), "to have an event", func(*corev1.Event) bool { return false })
		g.Expect(err).To(MatchError(ErrGap))

		// Away and back again.
		s.set(func() { s.refuse["pods"] = errors.New("connection refused") })
		s.watch("pods").Stop()
		time.AfterFunc(4*time.Second, func() { s.set(func() { delete(s.refuse, "pods") }) })
		_, err = j.Story("web").Await(within(t, 10*time.Second), inPhase(corev1.PodRunning))
		g.Expect(err).To(MatchError(ErrGap))

		// Still away.
		s.set(func() { s.refuse["pods"] = errors.New("connection refused") })
		s.watch("pods").Stop()
		_, err = j.Story("web").Await(within(t, 10*time.Second), inPhase(corev1.PodRunning))
		g.Expect(err).To(MatchError(ErrGap))
		g.Expect(IsUnmet(err)).To(BeFalse())
		g.Expect(err).To(MatchError(ContainSubstring("expected pod web to be in phase Running, and waited 10.0s in vain")))
		g.Expect(err).To(MatchError(ContainSubstring("watching pods: connection refused")))
		g.Expect(j.Err()).NotTo(HaveOccurred(), "it may still be filled")
	})
}

func TestAHangingConnectionProvesNothing(t *testing.T) {
	withJournal(t, func(t *testing.T, g *WithT, s *server, j *Journal) {
		s.tell(watch.Added, aPod("web", "u1", 11))
		synctest.Wait()
		g.Expect(j.CaughtUp(t.Context())).To(Succeed())

		// The pod runs, and the watch says nothing, not even that it is away.
		s.keep(watch.Modified, aPod("web", "u1", 12, phase(corev1.PodRunning)))
		_, err := j.Story("web").Await(within(t, 10*time.Second), inPhase(corev1.PodRunning))
		g.Expect(err).To(MatchError(ErrGap))
		g.Expect(err).To(MatchError(ContainSubstring("it is behind the API: pod web in resourceVersion 12 is missing")))
		g.Expect(IsUnmet(err)).To(BeFalse())

		s.keep(watch.Deleted, aPod("web", "u1", 13))
		_, err = j.Story("web").AwaitGone(within(t, 10*time.Second))
		g.Expect(err).To(MatchError(ContainSubstring("that pod web is gone is missing")))

		s.keep(watch.Added, aPod("other", "u2", 14))
		g.Expect(j.CaughtUp(t.Context())).To(MatchError(ErrGap), "a pod that was never seen")

		s.set(func() { s.listErr = errors.New("connection refused") })
		_, err = j.Story("web").AwaitGone(within(t, 10*time.Second))
		g.Expect(err).To(MatchError(And(ContainSubstring("could not be asked: connection refused"))))
		g.Expect(err).To(MatchError(ErrGap))
		j.Close()
		g.Expect(j.CaughtUp(t.Context())).To(MatchError(ErrClosed))
	})
}

func TestWhatHappenedInTimeCountsThoughItArrivesLate(t *testing.T) {
	withJournal(t, func(t *testing.T, g *WithT, s *server, j *Journal) {
		s.tell(watch.Added, aPod("web", "u1", 11))
		late := aPod("web", "u1", 12, phase(corev1.PodRunning))
		s.keep(watch.Modified, late)
		time.AfterFunc(12*time.Second, func() { s.tell(watch.Modified, late) })
		v, err := j.Story("web").Await(within(t, 10*time.Second), inPhase(corev1.PodRunning))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(v.Pod).To(BeIdenticalTo(late))
	})
}

func TestHistoryThatCannotBeResumedIsAGap(t *testing.T) {
	breaks := map[string]func(s *server){
		"410 as the answer to the watch": func(s *server) {
			gone := apierrors.NewResourceExpired("too old resource version: 11 (50)")
			s.set(func() { s.refuse["pods"] = gone })
			time.AfterFunc(500*time.Millisecond, func() { s.set(func() { delete(s.refuse, "pods") }) })
			s.watch("pods").Stop()
		},
		"410 as an event of the watch": func(s *server) {
			status := apierrors.NewGone("too old resource version: 11 (50)").ErrStatus
			s.watch("pods").Error(&status)
		},
		"an object without a version": func(s *server) {
			s.watch("pods").Action(watch.Modified, aPod("web", "u1", 0, func(p *corev1.Pod) { p.ResourceVersion = "" }))
		},
	}
	for name, breaks := range breaks {
		t.Run(name, func(t *testing.T) {
			withJournal(t, func(t *testing.T, g *WithT, s *server, j *Journal) {
				s.tell(watch.Added, aPod("web", "u1", 11))
				s.tell(watch.Added, aPod("same", "u2", 12))
				waiting := make(chan error, 1)
				go func() {
					_, err := j.Story("web").AwaitGone(t.Context())
					waiting <- err
				}()
				synctest.Wait()
				s.set(func() {
					s.pods = []corev1.Pod{*aPod("web", "u1", 50, phase(corev1.PodRunning)), *aPod("same", "u2", 12), *aPod("new", "u3", 49)}
					s.version = "50"
				})
				time.Sleep(2 * time.Second)
				breaks(s)
				g.Expect(<-waiting).To(MatchError(ErrGap), "who waits is told")
				time.Sleep(5 * time.Second)

				g.Expect(j.Err()).To(MatchError(ErrGap))
				_, err := j.Story("web").Await(within(t, time.Minute), inPhase(corev1.PodPending))
				g.Expect(err).To(MatchError(ErrGap), "nothing can be concluded, not even from what was seen")
				g.Expect(j.Story("web").Err()).To(MatchError(ErrGap))

				// It goes on as evidence, and what the list repeats is not new.
				g.Expect(j.Story("web").Last().Status.Phase).To(Equal(corev1.PodRunning))
				g.Expect(j.Story("same").Versions()).To(HaveLen(1))
				g.Expect(j.Story("new").Versions()).To(HaveLen(1))
				s.tell(watch.Modified, aPod("web", "u1", 51, phase(corev1.PodSucceeded)))
				synctest.Wait()
				g.Expect(j.Story("web").Last().Status.Phase).To(Equal(corev1.PodSucceeded))
				g.Expect(j.Story("web").String()).To(ContainSubstring(ErrGap.Error()))
			})
		})
	}
}

func TestMissedEventsAreListed(t *testing.T) {
	withJournal(t, func(t *testing.T, g *WithT, s *server, j *Journal) {
		s.tell(watch.Added, aPod("web", "u1", 11))
		s.watch("events").Add(anEvent("e1", "12", "Scheduled"))
		synctest.Wait()
		s.set(func() {
			s.events = []corev1.Event{*anEvent("e1", "12", "Scheduled"), *anEvent("e2", "40", "BackOff")}
			s.version = "50"
			s.listErr = errors.New("connection refused")
		})
		status := apierrors.NewGone("too old resource version").ErrStatus
		s.watch("events").Error(&status)
		time.Sleep(3 * time.Second)
		s.set(func() { s.listErr = nil })

		_, err := j.Story("web").AwaitEvent(within(t, time.Minute), "to have a BackOff event", func(e *corev1.Event) bool { return e.Reason == "BackOff" })
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(j.Story("web").Events()).To(HaveLen(2))
		g.Expect(j.Err()).NotTo(HaveOccurred(), "no version of a pod is missing")
		synctest.Wait()
		g.Expect(j.Outages()).To(HaveExactElements(HaveField("What", "events")))
	})
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	for name, broken := range map[string]func(*server){
		"list":  func(s *server) { s.listErr = errors.New("connection refused") },
		"watch": func(s *server) { s.refuse["events"] = errors.New("connection refused") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := NewWithT(t)
				s := newServer()
				broken(s)
				_, err := Open(t.Context(), s.client, "ns")
				g.Expect(err).To(MatchError(And(HavePrefix("cannot watch the "), HaveSuffix("of namespace ns: connection refused"))))
			})
		})
	}
}

func TestJournalGoesOnWhenTheContextOfOpenEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		s := newServer()
		ctx, cancel := context.WithCancel(t.Context())
		j, err := Open(ctx, s.client, "ns")
		g.Expect(err).NotTo(HaveOccurred())
		defer j.Close()
		cancel()
		s.tell(watch.Added, aPod("web", "u1", 11))
		synctest.Wait()
		g.Expect(j.Story("web").Versions()).To(HaveLen(1))
	})
}

// TestManyReaders is for the race detector.
func TestManyReaders(t *testing.T) {
	g := NewWithT(t)
	client := fake.NewClientset()
	j, err := Open(t.Context(), client, "ns")
	g.Expect(err).NotTo(HaveOccurred())
	defer j.Close()

	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			story := j.Story("web")
			for {
				_, err := story.Await(within(t, 10*time.Second), inPhase(corev1.PodSucceeded))
				_, _, _, _ = story.String(), story.Versions(), j.Stories(), story.Err()
				if err == nil {
					return
				}
				t.Error(err)
				return
			}
		})
	}
	pods := client.CoreV1().Pods("ns")
	_, err = pods.Create(t.Context(), aPod("web", "u1", 1), metav1.CreateOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	for i := range 50 {
		_, err = pods.UpdateStatus(t.Context(), aPod("web", "u1", i+2, phase(corev1.PodRunning)), metav1.UpdateOptions{})
		g.Expect(err).NotTo(HaveOccurred())
	}
	_, err = pods.UpdateStatus(t.Context(), aPod("web", "u1", 99, phase(corev1.PodSucceeded)), metav1.UpdateOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	readers.Wait()
	g.Expect(j.Story("web").Versions()).To(HaveLen(52))
}
