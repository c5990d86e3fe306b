package backoff

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/witness"
)

var began = time.Unix(1_700_000_000, 0)

// line is at seconds after the beginning; moved is what was added to the wall
// clock by then.
func line(at, moved float64) *record.Line {
	bt := seconds(at)[0]
	return &record.Line{BT: int64(bt), RT: began.Add(bt + seconds(moved)[0]).UnixNano()}
}

// ran are two instances with 10.4 s in between.
func ran(moved float64) []witness.Instance {
	return []witness.Instance{
		{Start: line(0.6, 0), Exit: line(0.9, 0)},
		{Start: line(11.3, moved), Exit: line(11.6, moved)},
	}
}

// instance is what the API says of an instance: whole seconds after the beginning.
func instance(restarts int32, started, finished int, code int32) pod.Instance {
	return pod.Instance{
		RestartCount: restarts, Exited: true, ExitCode: code,
		StartedAt: began.Add(time.Duration(started) * time.Second), FinishedAt: began.Add(time.Duration(finished) * time.Second),
	}
}

func TestKubeletsTimesMustFit(t *testing.T) {
	right := []pod.Instance{instance(0, 0, 0, 1), instance(1, 11, 11, 1)}
	for name, c := range map[string]struct {
		reported []pod.Instance
		want     string
	}{
		"right":                       {right, ""},
		"on a busy machine":           {[]pod.Instance{instance(0, 0, 7, 1), instance(1, 8, 12, 1)}, ""},
		"noted late":                  {[]pod.Instance{instance(0, 1, 2, 1)}, ""},
		"noted later than that":       {[]pod.Instance{instance(0, 3, 3, 1)}, "instance 1 is reported as started"},
		"one more that is not read":   {append(right[:2:2], instance(2, 99, 99, 7)), ""},
		"still running":               {[]pod.Instance{right[0], {RestartCount: 1, StartedAt: began.Add(11 * time.Second)}}, ""},
		"a restart that is not told":  {[]pod.Instance{instance(0, 0, 0, 1), instance(1, 33, 33, 1)}, "instance 2 is reported as started"},
		"ended before it could":       {[]pod.Instance{instance(0, 0, -1, 1)}, "instance 1 is reported as ended"},
		"ended much later":            {[]pod.Instance{instance(0, 0, 10, 1)}, "instance 1 is reported as ended"},
		"another code than its own":   {[]pod.Instance{instance(0, 0, 0, 137)}, "exit code 137, but it ended with 1"},
		"times of the instance later": {[]pod.Instance{instance(0, 11, 11, 1)}, "instance 1 is reported as started"},
	} {
		t.Run(name, func(t *testing.T) {
			err := compare(ran(0), c.reported, crashing(1).code)
			if c.want == "" {
				NewWithT(t).Expect(err).NotTo(HaveOccurred())
				return
			}
			NewWithT(t).Expect(err).To(MatchError(ContainSubstring(c.want)))
		})
	}
}

func TestAnInstanceThatWasNotStarted(t *testing.T) {
	g := NewWithT(t)
	failed := instance(1, 11, 11, 128)
	g.Expect(notStarted([]pod.Instance{instance(0, 0, 0, 1), failed})).To(BeEmpty(), "its own exit code")
	failed.Reason = "StartError"
	g.Expect(notStarted([]pod.Instance{instance(0, 0, 0, 1), failed})).To(ContainSubstring("could not start instance 2"))
	failed.Reason, failed.ExitCode = "Error", 1
	g.Expect(notStarted([]pod.Instance{failed})).To(BeEmpty())
}

func TestReportedGap(t *testing.T) {
	g := NewWithT(t)
	all := []pod.Instance{instance(0, 0, 0, 1), instance(1, 11, 11, 1), instance(3, 60, 60, 1)}
	gap, ok := reportedGap(all, 1)
	g.Expect(ok).To(BeTrue())
	g.Expect(gap).To(Equal(11 * time.Second))
	_, ok = reportedGap(all, 2)
	g.Expect(ok).To(BeFalse(), "the third instance was never seen")
	_, ok = reportedGap(all[:1], 1)
	g.Expect(ok).To(BeFalse())
}

func TestClockStepIsNotTheKubeletsFault(t *testing.T) {
	g := NewWithT(t)
	g.Expect(clockStep(ran(0))).To(BeZero())
	g.Expect(clockStep(ran(30))).To(BeNumerically("~", 30*time.Second, time.Millisecond))
	g.Expect(clockStep(ran(-3600))).To(BeNumerically("~", -time.Hour, time.Millisecond))
	g.Expect(clockStep(ran(0)[:1])).To(BeZero())
}
