package journal

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
)

func TestEveryVersionIsKept(t *testing.T) {
	withJournal(t, func(_ *testing.T, g *WithT, s *server, j *Journal) {
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
			if _, err := story.Await(within(t, 10*time.Second), inPhase(corev1.PodRunning)); err != nil {
				t.Error(err)
			}
			_, _, _, _ = story.String(), story.Versions(), j.Stories(), story.Err()
			if _, err := story.Await(within(t, 10*time.Second), inPhase(corev1.PodSucceeded)); err != nil {
				t.Error(err)
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
