package progress

import (
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// events collects what a Listener hears.
type events struct {
	mu  sync.Mutex
	all []Event
}

func (e *events) take(event Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, event)
}

func TestEventsTravelBetweenProcesses(t *testing.T) {
	g := NewWithT(t)
	path := filepath.Join(t.TempDir(), "s")
	heard := &events{}
	l, err := Listen(path, heard.take)
	g.Expect(err).NotTo(HaveOccurred())

	sent := Event{Kind: SpecDone, Text: "line\nend", Claims: []string{"NET-02"}, State: "passed", Seconds: 1.5, Process: 3}
	var senders sync.WaitGroup
	for range 4 {
		senders.Go(func() {
			s := Dial(path)
			defer s.Close()
			for range 50 {
				s.Event(sent)
			}
		})
	}
	senders.Wait()
	g.Expect(l.Close()).To(Succeed())
	g.Expect(heard.all).To(HaveLen(200), "Close reads ended senders to their end")
	g.Expect(heard.all).To(HaveEach(sent))
	g.Expect(path).NotTo(BeAnExistingFile())
}

func TestNobodyListens(t *testing.T) {
	g := NewWithT(t)
	for _, path := range []string{"", filepath.Join(t.TempDir(), "missing")} {
		s := Dial(path)
		g.Expect(s.conn).To(BeNil())
		s.Event(Event{Kind: SpecStart}) // nobody hears this
		s.Close()
	}
}

func TestListenerThatEndsSilencesTheSender(t *testing.T) {
	g := NewWithT(t)
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen(path, func(Event) {})
	g.Expect(err).NotTo(HaveOccurred())
	s := Dial(path)
	defer s.Close()
	g.Expect(s.conn).NotTo(BeNil())
	start := time.Now()
	g.Expect(l.Close()).To(Succeed(), "a sender that stays is cut off")
	g.Expect(time.Since(start)).To(BeNumerically("<", 3*time.Second))
	g.Eventually(func() net.Conn { s.Event(Event{Kind: SpecStart}); return s.conn }).Should(BeNil())
}

func TestConsoleThatDoesNotReadHoldsNobodyUp(t *testing.T) {
	g := NewWithT(t)
	path := filepath.Join(t.TempDir(), "s")
	deaf, err := net.Listen("unix", path)
	g.Expect(err).NotTo(HaveOccurred())
	defer deaf.Close()
	s := Dial(path)
	start := time.Now()
	for s.conn != nil {
		s.Event(Event{Kind: SpecStart, Text: strings.Repeat("x", 64<<10)})
		g.Expect(time.Since(start)).To(BeNumerically("<", 5*time.Second), "the sender must give up")
	}
}

func TestListenerSkipsWhatIsNotAnEvent(t *testing.T) {
	g := NewWithT(t)
	path := filepath.Join(t.TempDir(), "s")
	heard := &events{}
	l, err := Listen(path, heard.take)
	g.Expect(err).NotTo(HaveOccurred())
	conn, err := net.Dial("unix", path)
	g.Expect(err).NotTo(HaveOccurred())
	_, err = conn.Write([]byte("nonsense\n{\"kind\":\"spec-start\",\"text\":\"x\"}\n{\"kind\":\"half"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(conn.Close()).To(Succeed())
	g.Expect(l.Close()).To(Succeed())
	g.Expect(heard.all).To(Equal([]Event{{Kind: SpecStart, Text: "x"}}))
}

func TestSocketPathTooLong(t *testing.T) {
	_, err := Listen("/"+strings.Repeat("x", 120), nil)
	NewWithT(t).Expect(err).To(MatchError(ContainSubstring("at most 107")))
}

func TestLossOfTheListenerIsNoticed(t *testing.T) {
	g := NewWithT(t)
	path := SocketPath()
	l, err := Listen(path, func(Event) {})
	g.Expect(err).NotTo(HaveOccurred())
	lost := make(chan string, 2)
	closed, cut := Dial(path), Dial(path)
	closed.OnLoss(func() { lost <- "the one that was closed" })
	cut.OnLoss(func() { lost <- "the other" })
	closed.Close()
	g.Expect(l.Close()).To(Succeed())
	g.Eventually(lost).Should(Receive(Equal("the other")))
	Dial("").OnLoss(func() { lost <- "nobody" })
	g.Expect(lost).To(BeEmpty())
}
