package journal

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
)

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
		g.Expect(err).To(MatchError(ContainSubstring("the deletion of pod web is missing")))

		s.keep(watch.Added, aPod("other", "u2", 14))
		g.Expect(j.CaughtUp(t.Context())).To(MatchError(ErrGap), "a pod that was never seen")

		s.set(func() { s.listErr = errors.New("connection refused") })
		_, err = j.Story("web").AwaitGone(within(t, 10*time.Second))
		g.Expect(err).To(MatchError(And(ContainSubstring("cannot check that it is up to date: connection refused"))))
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
			status := apierrors.NewResourceExpired("too old resource version: 11 (50)").ErrStatus
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
		status := apierrors.NewResourceExpired("too old resource version").ErrStatus
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
