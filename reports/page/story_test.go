package page

import (
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/internal/sample"
)

var pictureStart = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestStoryPicture(t *testing.T) {
	g := NewWithT(t)
	late := sample.Pod("deletion", "second", pictureStart.Add(10*time.Second))
	svg := string(storyPicture([]reports.Timeline{sample.Pod("backoff", "first", pictureStart), late}, true))
	// 75 s from the start of the first pod are the whole axis.
	g.Expect(svg).To(And(
		ContainSubstring(`aria-label="Pod first, phase: Running 2.1 s; container w: running 2.1 s, exit 1 2.6 s`),
		ContainSubstring(`<path class=phr d=M28,`), // 2.113 s of 75 s
		ContainSubstring(">first on podproof-7f3a-worker</text>"),
		ContainSubstring(">exit 137</text>"),
		ContainSubstring(">SIGTERM</text>"),
		ContainSubstring(">requested, grace 30 s</text>"),
		ContainSubstring("<text x=80%>60 s</text>"),
	))
	g.Expect(svg).To(MatchRegexp(`<path class=si d=M200,`), "the second pod begins 10 s later: its request is at 15 s")
	g.Expect(string(storyPicture([]reports.Timeline{late}, false))).NotTo(ContainSubstring("podproof-7f3a-worker"), "short where nothing failed")
}

func TestPictureOfTheEnd(t *testing.T) {
	g := NewWithT(t)
	pods := []reports.Timeline{sample.Pod("network", "alive", pictureStart), sample.Pod("deletion", "victim", pictureStart)}
	deleted := deletedPods(pods)
	g.Expect(deleted).To(HaveExactElements(HaveField("Pod", "victim")))
	svg := string(endPicture(deleted))
	g.Expect(svg).To(And(
		ContainSubstring("victim: requested, grace 30 s after 0.0 s; victim: grace changed, grace 0 s after 30.7 s; victim: gone after 31.4 s"),
		ContainSubstring(">SIGTERM</text>"), ContainSubstring(">SIGKILL</text>"), ContainSubstring(">last sign</text>"), ContainSubstring(">gone</text>"),
		ContainSubstring(">0 s</text>"), Not(ContainSubstring("-0 s")),
		MatchRegexp(`class=due d=M914,`), // (30 s + a twentieth of 31.4 s) of eleven tenths of 31.4 s
		Not(ContainSubstring(">phase</text>")),
	))
}

func TestStaircase(t *testing.T) {
	g := NewWithT(t)
	measured := append(sample.Rungs("BACKOFF-02", 3), sample.Rungs("BACKOFF-04", 4)...)
	measured = append(measured, reports.Measurement{Claim: "BACKOFF-02", What: "no step"})
	all := ladder(measured)
	g.Expect(all).To(HaveLen(4), "a spec that proves two claims by them measured its steps once")
	svg := string(staircase(all))
	g.Expect(strings.Count(svg, "<circle class=dot")).To(Equal(12))
	g.Expect(svg).To(ContainSubstring("restart 2: documented 10 s, counts from 9.9 s to 30.0 s, measured 13.2 s, 14.2 s, 15.7 s"))

	all[1].Measured = []float64{9.8, 35} // too soon; and late, but not all are
	svg = string(staircase(all))
	g.Expect(strings.Count(svg, "<circle class=out")).To(Equal(1))
	all[1].Measured = []float64{33, 35} // the shortest is late
	g.Expect(strings.Count(string(staircase(all)), "<circle class=out")).To(Equal(1))
}

func TestTextsOfAPictureLeaveEachOtherRoom(t *testing.T) {
	g := NewWithT(t)
	p := newPicture()
	g.Expect(p.text(0.1, 10, "exit 1")).To(BeTrue())
	g.Expect(p.text(0.15, 10, "exit 1")).To(BeFalse(), "over the first one")
	g.Expect(p.text(0.15, 30, "exit 1")).To(BeTrue(), "in another row")
	g.Expect(p.text(0.98, 10, "exit 1")).To(BeTrue(), "to the left of its point at the right edge")
	g.Expect(p.text(0.5, 50, strings.Repeat("x", 60))).To(BeFalse(), "wider than the picture")
	p.bar("run", 0.5, 0.5, 10)
	g.Expect(string(p.svg("d"))).To(ContainSubstring("M500,10H503"), "the shortest state can be seen")
}

func TestStoryInWords(t *testing.T) {
	g := NewWithT(t)
	pod := sample.Pod("deletion", "victim", pictureStart)
	pod.Outside[4].LeftOut = 7
	told := tell(pod)
	g.Expect(told[0]).To(Equal(Told{"0.000 s", "outside", "phase", "Pending"}))
	g.Expect(told).To(ContainElements(
		Told{"5.000 s", "outside", "deletion", "requested, grace 30 s"},
		Told{"5.040 s", "inside", "process w", "signal: SIGTERM"},
		Told{"35.600 s", "outside", "container w", "terminated, exit code 137: Error"},
		Told{"1.310 s", "outside", "events", "(7 left out before) Created"},
	))
	g.Expect(told[len(told)-1].What).To(Equal("gone"), "in the order of time")
}

func TestTicksOfAnAxis(t *testing.T) {
	g := NewWithT(t)
	g.Expect(stepFor(0.3)).To(Equal(0.1))
	g.Expect(stepFor(75)).To(Equal(20.0))
	g.Expect(stepFor(1000)).To(Equal(300.0))
	g.Expect(stepFor(100_000)).To(Equal(7 * 3600.0))
	g.Expect(tickText(0.30000000000000004, 0.1)).To(Equal("0.3 s"))
	g.Expect(tickText(300, 300)).To(Equal("5 min"))
}
