package progress

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/reports"
)

// screen keeps what was written; it is safe to read while a Console writes.
type screen struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

func (s *screen) lines() []string {
	return strings.Split(strings.TrimSuffix(s.String(), "\n"), "\n")
}

func TestConsoleWritesALineForEachFinishedStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		out := &screen{}
		c := NewConsole(out, Options{})
		defer c.Close()

		engine := c.Step("container engine", 0)
		time.Sleep(1200 * time.Millisecond)
		engine.Done("docker 29.1")
		image := c.Step("node image", 10*time.Minute)
		image.Update("1 of 7: kubelet")
		time.Sleep(2 * time.Second)
		image.Fail(errors.New("go build failed\nlots of output"))
		image.Done("a second end says nothing")
		c.Info("kept %s", "it")

		g.Expect(out.lines()).To(Equal([]string{
			"done    1.2 s  container engine: docker 29.1",
			"node image: started, usually takes 10m00s",
			"FAIL    2.0 s  node image: go build failed",
			"kept it",
		}))
		g.Expect(c.Timings()).To(Equal([]reports.Timing{
			{Step: "container engine", Seconds: 1.2, Note: "docker 29.1"},
			{Step: "node image", Seconds: 2, Error: "go build failed\nlots of output"},
		}))
	})
}

func TestConsoleSaysWhatRunsAfterSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		out := &screen{}
		c := NewConsole(out, Options{Heartbeat: 30 * time.Second})
		defer c.Close()

		time.Sleep(2 * time.Minute)
		synctest.Wait()
		g.Expect(out.String()).To(BeEmpty(), "nothing runs, so that there is nothing to say")

		cluster := c.Step("cluster", 20*time.Second)
		cluster.Update("waiting for\nnode 2")
		time.Sleep(31 * time.Second)
		synctest.Wait()
		g.Expect(out.lines()).To(Equal([]string{"still at it: cluster 30 s, usually takes 20 s: waiting for node 2"}))
		time.Sleep(20 * time.Second)
		c.Info("a line")
		time.Sleep(20 * time.Second)
		synctest.Wait()
		g.Expect(out.lines()).To(HaveLen(2), "the line 20 s ago was not silence")
		time.Sleep(11 * time.Second)
		synctest.Wait()
		g.Expect(out.lines()).To(HaveLen(3))
		cluster.Done("")
	})
}

func TestConsoleFollowsSpecs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		out := &screen{}
		c := NewConsole(out, Options{})
		defer c.Close()

		c.Event(Event{Kind: SpecsTotal, Total: 12})
		c.Event(Event{Kind: SpecStart, Text: "Back-off doubles", Process: 1})
		c.Event(Event{Kind: SpecStart, Text: "Volume is shared", Process: 2})
		time.Sleep(1400 * time.Millisecond)
		c.Event(Event{Kind: SpecDone, Text: "Volume is shared", Process: 2, State: "passed", Seconds: 1.4, Claims: []string{"VOL-01"}})
		c.Event(Event{Kind: SpecDone, Text: "STATUS column", Process: 2, State: "skipped"})
		c.Event(Event{Kind: SpecDone, Text: "Force", Process: 2, State: "failed", Seconds: 62})
		c.Event(Event{Kind: SpecDone, Text: "Exec probe", Process: 2, State: "known deviation", Seconds: 5})
		time.Sleep(30 * time.Second)
		synctest.Wait()
		g.Expect(out.lines()).To(Equal([]string{
			" 1/12  passed     1.4 s  Volume is shared  VOL-01",
			" 2/12  skipped    0.0 s  STATUS column",
			" 3/12  FAILED     1m02s  Force",
			" 4/12  known deviation    5.0 s  Exec probe",
			"still at it: specs 4/12 done, 1 failed, 1 running: Back-off doubles (31 s)",
		}))

		c.Event(Event{Kind: SpecsTotal, Total: 7})
		c.Event(Event{Kind: SpecDone, Text: "Force", Process: 2, State: "passed", Seconds: 2})
		g.Expect(out.lines()).To(ContainElement("1/7  passed     2.0 s  Force"), "a repeated run counts anew")
	})
}

// rendered plays terminal output back: what stands on the screen's lines at the end.
func rendered(output string) []string {
	var lines []string
	line := ""
	for part := range strings.SplitAfterSeq(output, "\n") {
		for piece := range strings.SplitSeq(strings.TrimSuffix(part, "\n"), "\r\x1b[K") {
			line = piece
		}
		if strings.HasSuffix(part, "\n") {
			lines = append(lines, line)
			line = ""
		}
	}
	return append(lines, line)
}

func TestLiveLineIsErasedBeforePermanentLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		out := &screen{}
		c := (&Console{out: out, live: true, width: func() int { return 40 }}).start(Options{})

		image := c.Step("node image", time.Minute)
		image.Update("3 of 7: kube-apiserver is being built")
		time.Sleep(12*time.Second + time.Millisecond)
		synctest.Wait()
		now := rendered(out.String())
		g.Expect(now).To(HaveLen(1), "the live line replaces itself")
		g.Expect(now[0]).To(ContainSubstring("node image 12 s, about 48 s left"))
		g.Expect([]rune(now[0])).To(HaveLen(39), "it never reaches the last column, where terminals wrap")

		c.Info("a permanent line")
		now = rendered(out.String())
		g.Expect(now[0]).To(Equal("a permanent line"))
		g.Expect(now[1]).To(ContainSubstring("node image"), "the live line comes back below")

		image.Done("built")
		c.Close()
		c.Close()
		g.Expect(rendered(out.String())).To(Equal([]string{"a permanent line", "done   12.0 s  node image: built", ""}))
		c.Info("after the end")
		g.Expect(out.String()).To(HaveSuffix("\nafter the end\n"))
	})
}

func TestColoursOnlyWhenAsked(t *testing.T) {
	g := NewWithT(t)
	out := &screen{}
	c := (&Console{out: out, colour: true, width: func() int { return 80 }}).start(Options{})
	defer c.Close()
	c.Step("x", 0).Fail(errors.New("no"))
	g.Expect(out.String()).To(HavePrefix("\x1b[31mFAIL\x1b[0m"))
	g.Expect(NewConsole(&screen{}, Options{}).Colour()).To(BeFalse())
}
