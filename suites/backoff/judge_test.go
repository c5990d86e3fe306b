package backoff

import (
	"errors"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/reports"
)

const (
	ticking  = "v1.34.4" // looks each 10 to 15 s
	sleeping = "v1.35.0" // looks when the delay ends, or up to half of it later
)

func seconds(values ...float64) []time.Duration {
	var all []time.Duration
	for _, v := range values {
		all = append(all, time.Duration(v*float64(time.Second)))
	}
	return all
}

// beside makes the courses of containers that crash side by side.
func beside(gaps ...[]time.Duration) []course {
	var all []course
	for _, g := range gaps {
		all = append(all, course{gaps: g})
	}
	return all
}

func TestDocumentedLadder(t *testing.T) {
	g := NewWithT(t)
	for i, want := range seconds(0, 10, 20, 40, 80, 160, 300, 300, 300) {
		g.Expect(documented(i + 1)).To(Equal(want))
	}
}

func TestStepForTheRecord(t *testing.T) {
	g := NewWithT(t)
	third := rungs(1, 3, sleeping)[2]
	g.Expect(third.step(beside(seconds(1, 10.5, 21), seconds(1, 11), seconds(1, 10.2, 25)))).To(Equal(reports.Step{
		Number: 3, Documented: 20, Low: 19.9, High: 39.9, Measured: []float64{21, 25}}), "of those that got so far")
}

func TestBoundsByVersion(t *testing.T) {
	g := NewWithT(t)
	upper := func(kubelet string) []time.Duration {
		var all []time.Duration
		for _, r := range rungs(1, 8, kubelet) {
			all = append(all, r.upper)
		}
		return all
	}
	g.Expect(upper(ticking)).To(Equal(seconds(9.9, 40, 50, 70, 110, 191, 345, 345)))
	g.Expect(upper(sleeping)).To(Equal(seconds(9.9, 30, 39.9, 75, 125, 206, 360, 360)))
	g.Expect(upper("")).To(Equal(seconds(9.9, 40, 50, 75, 125, 206, 360, 360)), "the greater of both")
	for i, r := range rungs(2, 8, sleeping) {
		g.Expect(r.lower).To(Equal(documented(i+2)-100*time.Millisecond), "strict")
	}
}

func TestJudgeTakesConformantKubelets(t *testing.T) {
	for name, c := range map[string]struct {
		kubelet string
		gaps    []time.Duration
	}{
		"at once":                   {sleeping, seconds(0.6, 10.1, 20.2, 40.1, 80.1, 160.2, 300.1, 300.2)},
		"up to 1.34, at the latest": {ticking, seconds(1.9, 17.0, 31.9, 55.0, 95, 175, 315, 315)},
		"from 1.35, at the latest":  {sleeping, seconds(1.9, 15.9, 30.9, 60.9, 91.8, 181.4, 330.5, 330.5)},
		"a slow start each time":    {sleeping, seconds(3.5, 19, 34, 63, 95, 185, 335, 335)},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			for come := range len(c.gaps) + 1 {
				one := course{gaps: c.gaps[:come]}
				g.Expect(judge(rungs(1, 8, c.kubelet), []course{one, one, one})).To(Succeed())
			}
		})
	}
}

func TestJudgeFindsWrongLadders(t *testing.T) {
	for name, c := range map[string]struct {
		kubelet string
		gaps    []time.Duration
		want    string
	}{
		"no back-off":                     {sleeping, seconds(0.5, 0.6, 0.5, 0.6), "restart 2 came 0.6 s"},
		"the article: 10, 20, 40":         {sleeping, seconds(10.2, 20.1, 40.3, 80.1), "restart 1 did not come within 10.2 s"},
		"constant":                        {sleeping, seconds(0.5, 10.2, 10.2, 10.2), "restart 3 came 10.2 s"},
		"linear":                          {sleeping, seconds(0.5, 10.2, 20.2, 30.2), "restart 4 came 30.2 s"},
		"factor 1.5":                      {sleeping, seconds(0.5, 10.2, 15.2, 22.7), "restart 3 came 15.2 s"},
		"factor 3":                        {sleeping, seconds(0.5, 10.2, 30.2, 90.2), "restart 4 did not come within 90.2 s"},
		"factor 3 with ticks":             {ticking, seconds(0.5, 10.2, 30.2, 90.2), "restart 4 did not come within 90.2 s"},
		"base 20":                         {sleeping, seconds(0.5, 20.2, 40.2, 80.2), "restart 3 did not come within 40.2 s"},
		"base 20 with ticks":              {ticking, seconds(0.5, 20.2, 40.2, 80.2), "restart 4 did not come within 80.2 s"},
		"base 9":                          {sleeping, seconds(0.5, 9.2, 18.2, 36.2), "restart 2 came 9.2 s"},
		"one step skipped":                {sleeping, seconds(0.5, 10.2, 40.2), "restart 3 did not come within 40.2 s"},
		"one step twice":                  {sleeping, seconds(0.5, 10.2, 20.2, 20.2), "restart 4 came 20.2 s"},
		"reset on the way":                {sleeping, seconds(0.5, 10.2, 20.2, 40.2, 0.5), "restart 5 came 0.5 s"},
		"a little early in the last step": {sleeping, seconds(0.5, 10.2, 20.2, 39.8), "restart 4 came 39.8 s"},
		"capped at 160 s":                 {sleeping, seconds(0.5, 10.2, 20.2, 40.2, 80.2, 160.2, 160.2), "restart 7 came 160.2 s"},
		"capped at 240 s":                 {sleeping, seconds(0.5, 10.2, 20.2, 40.2, 80.2, 160.2, 240.2), "restart 7 came 240.2 s"},
		"capped at 600 s":                 {sleeping, seconds(0.5, 10.2, 20.2, 40.2, 80.2, 160.2, 320.2, 600.2), "restart 8 did not come within 600.2 s"},
		"not capped":                      {ticking, seconds(0.5, 10.2, 20.2, 40.2, 80.2, 160.2, 320.2, 640.2), "restart 8 did not come within 640.2 s"},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(judge(rungs(1, 8, c.kubelet), beside(c.gaps, c.gaps, c.gaps))).To(MatchError(ContainSubstring(c.want)))
		})
	}
}

func TestJudgeTellsALateStepBeforeItHasCome(t *testing.T) {
	g := NewWithT(t)
	want := rungs(1, 8, sleeping)
	waiting := func(gaps []time.Duration, waited float64) course {
		return course{gaps: gaps, waited: seconds(waited)[0]}
	}
	capped := seconds(0.5, 10.2, 20.2, 40.2, 80.2, 160.2, 300.2)
	g.Expect(judge(want, []course{waiting(capped, 374), waiting(capped, 380)})).To(Succeed(), "one of them may have been restarted without having been reported")
	g.Expect(judge(want, []course{waiting(capped, 376), waiting(capped, 380)})).To(MatchError(ContainSubstring("restart 8 did not come within 376.0 s")))
	g.Expect(judge(want, []course{waiting(nil, 25), waiting(nil, 25)})).To(MatchError(ContainSubstring("restart 1 did not come within 25.0 s")))
	slow := course{gaps: seconds(12), began: seconds(2)}
	g.Expect(judge(want[:1], []course{slow})).To(Succeed(), "only the node was late with the first restart, and not the kubelet")
	slow.began[0] = -1
	g.Expect(judge(want[:1], []course{slow})).To(MatchError(ContainSubstring("restart 1 did not come within 12.0 s")))
	g.Expect(judge(want, []course{waiting(nil, 25), {}})).To(Succeed(), "the other one has not ended yet")
	g.Expect(judge(want, []course{waiting(capped, 380), waiting(append(capped, 300*time.Second), 0)})).To(Succeed(), "the other one was in time")
	g.Expect(judge(want, []course{waiting(capped, 380), waiting(append(capped, 400*time.Second), 0)})).To(MatchError(ContainSubstring("restart 8 did not come within 380.0 s")))
	g.Expect(judge(want, []course{waiting(append(capped, 300*time.Second), 9999)})).To(Succeed(), "restart 9 is nobody's business")
}

func TestTheClockOfTheNodeWasMoved(t *testing.T) {
	g := NewWithT(t)
	moved := &climber{instances: ran(30)}
	g.Expect(clockMoved([]*climber{moved})).To(ContainSubstring("the clock of the node was moved by 30.0 s"))
	moved.instances = ran(0)
	g.Expect(clockMoved([]*climber{moved})).To(BeEmpty())
}

func TestOnlyAnUpperBoundIsALateStep(t *testing.T) {
	g := NewWithT(t)
	g.Expect(errors.As(judge(rungs(1, 1, sleeping), beside(seconds(12))), &tooLate{})).To(BeTrue())
	g.Expect(errors.As(judge(rungs(1, 2, sleeping), beside(seconds(1, 2))), &tooLate{})).To(BeFalse(), "a busy node does not shorten a delay")
}

func TestJudgeHoldsEveryContainerToTheLowerBound(t *testing.T) {
	g := NewWithT(t)
	good := seconds(0.5, 10.2, 20.2)
	g.Expect(judge(rungs(1, 3, sleeping), beside(good, seconds(0.5, 10.2, 19.0), good))).To(MatchError(ContainSubstring("restart 3 came 19.0 s")))
	g.Expect(judge(rungs(1, 3, sleeping), beside(good[:1], seconds(0.5, 9.0)))).To(MatchError(ContainSubstring("restart 2 came 9.0 s")), "at once, and not when all have come so far")
	g.Expect(judge(rungs(1, 3, sleeping), beside(good, seconds(0.5, 10.2, 90), good))).To(Succeed(), "one container that a busy machine held up says nothing")
}

func TestJudgeLeavesOtherRestartsToOtherClaims(t *testing.T) {
	g := NewWithT(t)
	constant := beside(seconds(0.5, 10.2, 10.2))
	g.Expect(judge(rungs(1, 2, sleeping), constant)).To(Succeed(), "the first restart is as documented, and the second waits for 10 s")
	g.Expect(judge(rungs(2, 3, sleeping), constant)).To(MatchError(ContainSubstring("restart 3")))
}

func TestJudgeTellsAResetFromNone(t *testing.T) {
	reset := func(kubelet string) []rung { return []rung{after(0, 4, kubelet), after(base, 5, kubelet)} }
	kept := func(kubelet string) []rung { return rungs(4, 4, kubelet) }
	for _, kubelet := range []string{ticking, sleeping} {
		t.Run(kubelet, func(t *testing.T) {
			g := NewWithT(t)
			before := seconds(0.5, 10.2, 20.2)
			with := func(more ...float64) []course { return beside(append(before[:3:3], seconds(more...)...)) }
			g.Expect(judge(reset(kubelet), with(0.6, 10.3))).To(Succeed())
			g.Expect(judge(reset(kubelet), with(40.2, 80.3))).To(MatchError(ContainSubstring("restart 4")), "never reset")
			g.Expect(judge(reset(kubelet), with(0.6, 40.3))).To(MatchError(ContainSubstring("restart 5")), "one delay let go, and no reset")
			g.Expect(judge(reset(kubelet), with(0.6, 0.6))).To(MatchError(ContainSubstring("restart 5")), "no back-off at all any more")
			g.Expect(judge(kept(kubelet), with(40.3))).To(Succeed())
			g.Expect(judge(kept(kubelet), with(0.6))).To(MatchError(ContainSubstring("restart 4")), "reset too early")
			g.Expect(judge(kept(kubelet), with(10.2))).To(MatchError(ContainSubstring("restart 4")), "begun anew at 10 s")
			g.Expect(judge(kept(kubelet), with(20.2))).To(MatchError(ContainSubstring("restart 4")), "shortened")
		})
	}
}

func TestShortestOfSteps(t *testing.T) {
	g := NewWithT(t)
	all := beside(seconds(0.9, 12), seconds(0.5, 10.5), seconds(0.7, 11))
	gap, container, ok := shortest(2, all)
	g.Expect(ok).To(BeTrue())
	g.Expect(gap).To(Equal(seconds(10.5)[0]))
	g.Expect(container).To(Equal(1))
	_, _, ok = shortest(3, all)
	g.Expect(ok).To(BeFalse())
	_, _, ok = shortest(1, nil)
	g.Expect(ok).To(BeFalse(), "nothing measured proves nothing")
}
