package kubectl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
)

// The ports of the containers whose logs are followed.
const talkPort, besidePort = 8080, 8081

// lineTime is how long a line may take from the container to somebody who follows its log.
// It takes milliseconds on a calm machine, and the kubelet looks each second in any case.
const lineTime = 30 * time.Second

var _ = Describe("kubectl logs --follow", func() {
	ns := spec.Namespace()

	It("brings each line as its container writes it, and ends when this container ends", claim.Proves("CLI-LOGS-02"), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("followed",
			ns.Sidecar("beside", witness.Serve(witness.HTTP(besidePort))),
			ns.Witness("quiet", witness.Run()),
			ns.Witness("talker", witness.Serve(witness.HTTP(talkPort))))))
		running := spec.Must(story.Await(ctx, pod.All(pod.AllRunning(), pod.ContainerRunning("beside"))))
		talker, beside := follow(ctx, ns, story, "talker"), follow(ctx, ns, story, "beside")
		for range 2 {
			talker.expectLine(ctx, say(ctx, ns, story, talkPort, 1))
			beside.expectLine(ctx, say(ctx, ns, story, besidePort, 1))
		}

		By("ending one of the containers, which is then restarted")
		spec.Must(ns.Get(ctx, story, talkPort, "/exit", map[string]string{"code": "3"}))
		spec.Must(story.AwaitAfter(ctx, running, pod.All(pod.Restarted("talker", 1), pod.ContainerRunning("talker"))))
		talker.expectEnd(ctx)
		expectExit(talker.lines(), 3, "a log that is followed must bring the last line of the container", story)
		talker.expectWhole()

		beside.expectLine(ctx, say(ctx, ns, story, besidePort, 1))
		beside.expectWhole()
		again := follow(ctx, ns, story, "talker")
		again.expectLine(ctx, say(ctx, ns, story, talkPort, 1))
		again.expectWhole()
	})

	It("prints with kubectl what a container writes until it ends", claim.ProvesPart("CLI-LOGS-02", withKubectl), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("beats", pod.Restart(corev1.RestartPolicyNever),
			ns.Witness("quiet", witness.Run()),
			ns.Witness("w", witness.Run(witness.For(3*time.Second), witness.Beat(500*time.Millisecond))))))
		spec.Must(story.Await(ctx, pod.ContainerRunning("w")))
		got := spec.Must(ns.RunKubectl(ctx, "", "logs", "--follow", story.Name(), "-c", "w"))
		Expect(got.Code).To(BeZero(), "%s", got)
		lines := spec.Must(witness.ReadLog(strings.NewReader(got.Stdout)))
		expectExit(lines, 0, "kubectl logs --follow must print until the container has ended", story)
		Expect(outOfOrder(lines, 1)).To(BeEmpty(), "kubectl logs --follow must print every line, in order\n%s\n%s", got, story)
	})

	It("goes on without a gap when the kubelet rotates the log", claim.Proves("CLI-LOGS-03"), func(ctx SpecContext) {
		expectFollowedOver(ctx, ns, 1)
	})

	It("goes on without a gap each time that the kubelet rotates the log", claim.ProvesPart("CLI-LOGS-03", "again"), func(ctx SpecContext) {
		expectFollowedOver(ctx, ns, 2)
	})
})

// expectFollowedOver follows a log over so many rotations.
func expectFollowedOver(ctx SpecContext, ns *spec.Space, rotations int) {
	GinkgoHelper()
	story := spec.Must(ns.Create(ctx, pod.New("rotated", ns.Witness("first", witness.Run()), ns.Witness("talker", witness.Serve(witness.HTTP(talkPort))))))
	spec.Must(story.Await(ctx, pod.ContainerRunning("talker")))
	f := follow(ctx, ns, story, "talker")
	// The kubelet looks for the rotated file only once it has come to the end of the log,
	// and a line that comes after another one was read there shows that it has.
	for range 3 {
		f.expectLine(ctx, say(ctx, ns, story, talkPort, 1))
	}
	for range rotations {
		atRest := false
		for range spec.Attempts(3, rotationTime) {
			if atRest = rotate(ctx, ns, story, f); atRest {
				break
			}
			f.forget()
		}
		if !atRest {
			spec.TooBusy("the log was rotated each time while it was written to, and what is written at that moment can be lost")
		}
		for range 3 {
			f.expectLine(ctx, say(ctx, ns, story, talkPort, 1))
		}
	}
	f.expectWhole()
}

const (
	// fillSize makes a log that the kubelet rotates: containerLogMaxSize is 10Mi by default.
	// https://kubernetes.io/docs/concepts/cluster-administration/logging/#log-rotation
	fillSize = 10<<20 + 256<<10
	// fillLine is more than the 16 KiB of a line that the runtime writes in one piece.
	fillLine = 20_000
	// fillStep is how many lines are written before the follower has to have them.
	fillStep = 32
	// rotationTime is how long the kubelet may take to rotate the log. By default it looks
	// each 10 s (containerLogMonitorInterval).
	rotationTime = 45 * time.Second
	// lookAgain is the time between two looks at whether it has.
	lookAgain = 500 * time.Millisecond
)

// rotate fills the log until the kubelet rotates it, and says whether it did so while
// nothing was written. What is written at the moment in which the runtime changes the files
// can be in the old one only, after the kubelet has left that: then the lines are counted
// from there on.
func rotate(ctx SpecContext, ns *spec.Space, story *journal.Story, f *follower) (atRest bool) {
	GinkgoHelper()
	old, _ := head(ctx, ns, story)
	for written := 0; written < fillSize; written += fillStep * fillLine {
		f.expectLine(ctx, say(ctx, ns, story, talkPort, fillStep))
	}
	deadline := time.Now().Add(rotationTime)
	for seen := 0; time.Now().Before(deadline) && ctx.Err() == nil; {
		// Only a look shows that a log was rotated. The second look is for the runtime, which
		// takes a moment from the new file to writing there.
		if now, known := head(ctx, ns, story); known && now != old {
			if seen++; seen == 2 {
				return now == ""
			}
		}
		time.Sleep(lookAgain)
	}
	const not = "the kubelet did not rotate a log of %d bytes in %s"
	if ns.Cluster.Own {
		spec.TooBusy(not, fillSize, rotationTime)
	}
	Skip(fmt.Sprintf(not+": its containerLogMaxSize is larger than the default, or the container runtime has its own logs", fillSize, rotationTime))
	return false
}

// head is the beginning of the log's present file, "" when that is empty. While the files
// are changed there is none for a moment.
func head(ctx SpecContext, ns *spec.Space, story *journal.Story) (text string, known bool) {
	// Enough for the times and the number of the first line.
	options := &corev1.PodLogOptions{Container: "talker", LimitBytes: new(int64(100))}
	raw, err := ns.API.Client.CoreV1().Pods(ns.Name()).GetLogs(story.Name(), options).DoRaw(ctx)
	text = string(raw)
	return text, err == nil && (text == "" || strings.HasPrefix(text, "{"))
}

// say makes the witness on the port write lines, several of them long ones, and returns the
// number of the last.
func say(ctx SpecContext, ns *spec.Space, story *journal.Story, port, times int) int64 {
	GinkgoHelper()
	query := map[string]string{"times": strconv.Itoa(times)}
	if times > 1 {
		query["size"] = strconv.Itoa(fillLine)
	}
	answer := spec.Must(ns.Get(ctx, story, port, "/say", query))
	return spec.Must(strconv.ParseInt(strings.TrimSpace(string(answer)), 10, 64))
}

// follower is somebody who follows the log of a container.
type follower struct {
	ns        *spec.Space
	story     *journal.Story
	container string

	mu      sync.Mutex
	got     []record.Line // without their long texts
	from    int64         // the number of the first line that counts
	err     error         // why the log ended, io.EOF when it just did
	changed chan struct{} // closed and replaced with each line
}

// follow starts to follow the log of a container from its beginning.
func follow(ctx SpecContext, ns *spec.Space, story *journal.Story, container string) *follower {
	GinkgoHelper()
	stream := spec.Must(ns.API.Client.CoreV1().Pods(ns.Name()).GetLogs(story.Name(), &corev1.PodLogOptions{Container: container, Follow: true}).Stream(ctx))
	DeferCleanup(stream.Close)
	f := &follower{ns: ns, story: story, container: container, from: 1, changed: make(chan struct{})}
	go func() {
		err := witness.Follow(stream, func(l record.Line) bool {
			l.Text = ""
			f.note(func() { f.got = append(f.got, l) })
			return false
		})
		f.note(func() { f.err = err })
	}()
	return f
}

func (f *follower) note(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	close(f.changed)
	f.changed = make(chan struct{})
}

// forget makes the lines count only from the last one on that has come.
func (f *follower) forget() {
	f.note(func() {
		f.got = f.got[len(f.got)-1:]
		f.from = f.got[0].Seq
	})
}

// lines are those that have come.
func (f *follower) lines() []record.Line {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]record.Line(nil), f.got...)
}

// expectWhole expects every line of one process that counts, each once and in order.
func (f *follower) expectWhole() {
	GinkgoHelper()
	Expect(outOfOrder(f.lines(), f.from)).To(BeEmpty(), "a log that is followed must bring every line of container %s, in order\n%s", f.container, f.story)
}

// await waits for a moment and returns false when it has not come in time.
func (f *follower) await(ctx context.Context, come func() bool) bool {
	deadline := time.After(lineTime)
	for {
		f.mu.Lock()
		done, changed := come(), f.changed
		f.mu.Unlock()
		if done {
			return true
		}
		select {
		case <-changed:
		case <-deadline:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// expectLine waits for the line with the number, which the container has just written.
func (f *follower) expectLine(ctx context.Context, number int64) {
	GinkgoHelper()
	last := func() int64 {
		if len(f.got) == 0 {
			return 0
		}
		return f.got[len(f.got)-1].Seq
	}
	come := f.await(ctx, func() bool { return last() >= number || f.err != nil })
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case last() >= number:
	case come:
		f.excuseNode()
		Fail(fmt.Sprintf("the log of container %s must be followed for as long as the container runs, but after line %d the API server ended it (%v) before line %d\n%s", f.container, last(), f.err, number, f.story))
	default:
		spec.Late(fmt.Sprintf("the log of container %s is followed, but after line %d nothing came for %s, although the container runs and has written line %d\n%s", f.container, last(), lineTime, number, f.story))
	}
}

// expectEnd waits until the log ends by itself.
func (f *follower) expectEnd(ctx context.Context) {
	GinkgoHelper()
	if !f.await(ctx, func() bool { return f.err != nil }) {
		spec.Late(fmt.Sprintf("the log of container %s must end when the container has ended, but %s after the restart it has not\n%s", f.container, lineTime, f.story))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.excuseNode()
	Expect(errors.Is(f.err, io.EOF)).To(BeTrue(), "the log of container %s must end when the container has ended, but it broke off: %v\n%s", f.container, f.err, f.story)
}

// excuseNode makes the spec inconclusive on a node that is out of inotify instances,
// without which the kubelet follows no log.
func (f *follower) excuseNode() {
	GinkgoHelper()
	if f.err != nil && strings.Contains(f.err.Error(), "too many open files") {
		spec.Inconclusive("the node of pod %s is out of inotify instances: %v", f.story.Name(), f.err)
	}
}

// outOfOrder says what is wrong with lines that must be those of one process from a number
// on, "" when nothing is.
func outOfOrder(lines []record.Line, from int64) string {
	if len(lines) == 0 {
		return "no line came"
	}
	for i, l := range lines {
		switch want := from + int64(i); {
		case l.Instance != lines[0].Instance:
			return fmt.Sprintf("after line %d one of another process came", want-1)
		case l.Seq != want:
			return fmt.Sprintf("line %d came instead of line %d", l.Seq, want)
		}
	}
	return ""
}
