package progress

import (
	"errors"
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

func TestSenderIsALogOfTheConsole(t *testing.T) {
	g := NewWithT(t)
	path := filepath.Join(t.TempDir(), "s")
	out := &screen{}
	c := NewConsole(out, Options{})
	defer c.Close()
	l, err := Listen(path, c.Event)
	g.Expect(err).NotTo(HaveOccurred())

	var log Log = Dial(path)
	log.Info("%d nodes", 2)
	cluster := log.Step("cluster", time.Minute)
	image := log.Step("image", 0)
	cluster.Update("booting")
	image.Fail(errors.New("no space"))
	cluster.Done("ready")
	cluster.Done("again")
	log.(*Sender).Close()
	g.Expect(l.Close()).To(Succeed())

	lines := out.lines()
	g.Expect(lines).To(HaveLen(4))
	g.Expect(lines[0]).To(Equal("2 nodes"))
	g.Expect(lines[1]).To(Equal("cluster: started, usually takes 1m00s"))
	g.Expect(lines[2]).To(MatchRegexp(`^FAIL .* image: no space$`))
	g.Expect(lines[3]).To(MatchRegexp(`^done .* cluster: ready$`))
	g.Expect(c.Timings()).To(HaveLen(2))
}

func TestNobodyListens(t *testing.T) {
	g := NewWithT(t)
	for _, path := range []string{"", filepath.Join(t.TempDir(), "missing")} {
		s := Dial(path)
		g.Expect(s.Connected()).To(BeFalse())
		s.Info("nobody hears this")
		s.Step("x", 0).Done("")
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
	g.Expect(s.Connected()).To(BeTrue())
	start := time.Now()
	g.Expect(l.Close()).To(Succeed(), "a sender that stays is cut off")
	g.Expect(time.Since(start)).To(BeNumerically("<", 3*time.Second))
	g.Eventually(func() bool { s.Info("x"); return s.Connected() }).Should(BeFalse())
}

func TestConsoleThatDoesNotReadHoldsNobodyUp(t *testing.T) {
	g := NewWithT(t)
	path := filepath.Join(t.TempDir(), "s")
	deaf, err := net.Listen("unix", path)
	g.Expect(err).NotTo(HaveOccurred())
	defer deaf.Close()
	s := Dial(path)
	start := time.Now()
	for s.Connected() {
		s.Info("%s", strings.Repeat("x", 64<<10))
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
	_, err = conn.Write([]byte("nonsense\n{\"kind\":\"info\",\"text\":\"x\"}\n{\"kind\":\"half"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(conn.Close()).To(Succeed())
	g.Expect(l.Close()).To(Succeed())
	g.Expect(heard.all).To(Equal([]Event{{Kind: info, Text: "x"}}))
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
