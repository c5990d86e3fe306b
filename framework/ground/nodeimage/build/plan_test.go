package build

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// clockedPlan is a plan whose time stands still until it is moved.
func clockedPlan() (*plan, *time.Time) {
	now := time.Unix(1000, 0)
	return &plan{now: func() time.Time { return now }}, &now
}

func TestWhatIsLeftIsTheLongestLaneAndTheAssembly(t *testing.T) {
	g := NewWithT(t)
	p, now := clockedPlan()
	big := p.add(laneCompile, "big", "big", effort{Seconds: 400})
	small := p.add(laneCompile, "small", "small", effort{Seconds: 50})
	system := p.add(laneSystem, "system", "system", effort{Seconds: 100})
	p.add(laneAssemble, "load", "load", effort{Seconds: 30})
	g.Expect(p.left()).To(Equal(480 * time.Second))

	big.start()
	system.start()
	*now = now.Add(100 * time.Second)
	g.Expect(p.left()).To(Equal(380 * time.Second))
	system.finish()
	*now = now.Add(290 * time.Second)
	big.finish()
	g.Expect(p.left()).To(Equal(80*time.Second), "what went faster than thought is not counted on")
	small.start()
	small.finish()
	g.Expect(p.left()).To(Equal(30 * time.Second))
}

func TestAStepThatTakesLongerIsNeverOver(t *testing.T) {
	g := NewWithT(t)
	p, now := clockedPlan()
	s := p.add(laneSystem, "s", "s", effort{Seconds: 100})
	s.start()
	*now = now.Add(time.Hour)
	g.Expect(p.left()).To(Equal(5 * time.Second))
}

func TestPackagesCorrectTheEstimate(t *testing.T) {
	g := NewWithT(t)
	p, now := clockedPlan()
	s := p.add(laneCompile, "s", "s", effort{Seconds: 100, Packages: 1000})
	s.start()
	s.progress(0, 100)
	g.Expect(p.left()).To(Equal(10*time.Second), "a tenth of the packages is to be compiled")
	s.progress(1, 1000)
	*now = now.Add(10 * time.Second)
	g.Expect(p.left()).To(Equal(90*time.Second), "one package says nothing yet")
	s.progress(500, 1000)
	g.Expect(p.left()).To(Equal(20*time.Second), "at twice the pace that is usual, and 10 s for linking")
	*now = now.Add(90 * time.Second)
	s.progress(250, 1000)
	g.Expect(p.left()).To(Equal(310*time.Second), "at a quarter of it")
	s.progress(1000, 1000)
	g.Expect(p.left()).To(Equal(10*time.Second), "only linking is left")
}

func TestRoughly(t *testing.T) {
	g := NewWithT(t)
	for seconds, want := range map[int]string{0: "10s", 14: "10s", 16: "20s", 88: "1m30s", 200: "3m30s", 241: "4m", 719: "12m"} {
		g.Expect(roughly(time.Duration(seconds)*time.Second)).To(Equal(want), "%d", seconds)
	}
}

func TestTimingsOutliveTheBuild(t *testing.T) {
	g, dir := NewWithT(t), t.TempDir()
	usual := effort{Seconds: 400, Packages: 2000}
	first := loadTimings(dir)
	g.Expect(first.estimate("compile", usual)).To(Equal(usual))
	g.Expect(first.record("compile", effort{300, 1900}, usual)).To(Succeed())
	g.Expect(loadTimings(dir).estimate("compile", usual)).To(Equal(effort{300, 1900}))

	g.Expect(first.record("compile", effort{30, 7}, usual)).To(Succeed())
	g.Expect(loadTimings(dir).estimate("compile", usual)).To(Equal(effort{300, 1900}), "a build of seven packages says nothing about one of 1,900")
	g.Expect(first.record("compile", effort{350, 1950}, usual)).To(Succeed())
	g.Expect(loadTimings(dir).estimate("compile", usual)).To(Equal(effort{350, 1950}))
}

func TestBrokenTimingsAreNoHindrance(t *testing.T) {
	g, dir := NewWithT(t), t.TempDir()
	g.Expect(os.WriteFile(filepath.Join(dir, "timings.json"), []byte(`{"compile": 3`), 0o644)).To(Succeed())
	broken := loadTimings(dir)
	g.Expect(broken.estimate("compile", effort{Seconds: 5})).To(Equal(effort{Seconds: 5}))
	g.Expect(broken.record("compile", effort{Seconds: 7}, effort{})).To(Succeed())
	g.Expect(loadTimings(dir).estimate("compile", effort{})).To(Equal(effort{Seconds: 7}))
}
