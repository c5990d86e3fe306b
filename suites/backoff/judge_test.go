package backoff

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func seconds(values ...float64) []time.Duration {
	var all []time.Duration
	for _, v := range values {
		all = append(all, time.Duration(v*float64(time.Second)))
	}
	return all
}

func TestDocumentedLadder(t *testing.T) {
	g := NewWithT(t)
	for i, want := range seconds(0, 10, 20, 40, 80, 160, 300, 300, 300) {
		g.Expect(documented(i + 1)).To(Equal(want))
	}
}

func TestJudgeTakesConformantKubelets(t *testing.T) {
	for name, gaps := range map[string][]time.Duration{
		"at once":                   seconds(0.6, 10.1, 20.2, 40.1),
		"up to 1.34, at the latest": seconds(1.9, 17.0, 31.9, 55.0),
		"from 1.35, at the latest":  seconds(1.9, 15.9, 30.9, 60.9),
		"a slow start each time":    seconds(3.5, 19, 34, 63),
	} {
		t.Run(name, func(t *testing.T) {
			steps, err := judge([][]time.Duration{gaps, gaps, gaps}, 1, 4)
			NewWithT(t).Expect(err).NotTo(HaveOccurred())
			NewWithT(t).Expect(steps).To(HaveLen(4))
		})
	}
}

func TestJudgeFindsWrongLadders(t *testing.T) {
	for name, c := range map[string]struct {
		gaps []time.Duration
		want string
	}{
		"no back-off":                     {seconds(0.5, 0.6, 0.5, 0.6), "restart 2 came 0.6 s"},
		"first restart delayed":           {seconds(10.2, 20.1, 40.3, 80.1), "restart 1 came 10.2 s"},
		"constant":                        {seconds(0.5, 10.2, 10.2, 10.2), "restart 3 came 10.2 s"},
		"linear":                          {seconds(0.5, 10.2, 20.2, 30.2), "restart 4 came 30.2 s"},
		"factor 1.5":                      {seconds(0.5, 10.2, 15.2, 22.7), "restart 3 came 15.2 s"},
		"factor 3":                        {seconds(0.5, 10.2, 30.2, 90.2), "restart 4 came 90.2 s"},
		"base 20":                         {seconds(0.5, 20.2, 40.2, 80.2), "restart 4 came 80.2 s"},
		"base 9":                          {seconds(0.5, 9.2, 18.2, 36.2), "restart 2 came 9.2 s"},
		"a little early in the last step": {seconds(0.5, 10.2, 20.2, 39.8), "restart 4 came 39.8 s"},
		"never again":                     {seconds(0.5, 10.2, 20.2), "restarted 3 times, not 4"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := judge([][]time.Duration{c.gaps, c.gaps, c.gaps}, 1, 4)
			NewWithT(t).Expect(err).To(MatchError(ContainSubstring(c.want)))
		})
	}
}

func TestJudgeHoldsEveryContainerToTheLowerBound(t *testing.T) {
	g := NewWithT(t)
	good := seconds(0.5, 10.2, 20.2)
	_, err := judge([][]time.Duration{good, seconds(0.5, 10.2, 19.0), good}, 1, 3)
	g.Expect(err).To(MatchError(ContainSubstring("restart 3 came 19.0 s")))

	// One container that a busy machine held up says nothing.
	_, err = judge([][]time.Duration{good, seconds(0.5, 10.2, 90), good}, 1, 3)
	g.Expect(err).NotTo(HaveOccurred())
}

func TestJudgeLeavesOtherRestartsToOtherClaims(t *testing.T) {
	g := NewWithT(t)
	constant := [][]time.Duration{seconds(0.5, 10.2, 10.2)}
	_, err := judge(constant, 1, 2)
	g.Expect(err).NotTo(HaveOccurred(), "the first restart is as documented, and the second waits for 10 s")
	_, err = judge(constant, 2, 3)
	g.Expect(err).To(MatchError(ContainSubstring("restart 3")))
}

func TestJudgeWithoutMeasurementsProvesNothing(t *testing.T) {
	_, err := judge(nil, 1, 3)
	NewWithT(t).Expect(err).To(HaveOccurred())
}
