package witness_test

import (
	"io"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/witness"
)

const twoInstances = `{"bt":1000,"instance":"a","ev":"start"}
{"bt":2000,"instance":"a","ev":"exit","code":1}
{"bt":5000,"instance":"b","ev":"start"}
{"bt":6000,"instance":"b","ev":"probe","request":{"path":"/ready","header":{"User-Agent":["kube-probe/1.37"]}}}
{"bt":7000,"instance":"b","ev":"request","request":{"path":"/ready","header":{"User-Agent":["curl"]}}}
`

func TestReadLogLeavesOutACutLastLine(t *testing.T) {
	g := NewWithT(t)
	for _, tail := range []string{"", `{"bt":8`, "{", "\n\n"} {
		lines, err := witness.ReadLog(strings.NewReader(twoInstances + tail))
		g.Expect(err).NotTo(HaveOccurred(), "%q", tail)
		g.Expect(lines).To(HaveLen(5), "%q", tail)
	}
	lines, err := witness.ReadLog(strings.NewReader(twoInstances + `{"ev":"beat"}`))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(lines).To(HaveLen(6), "a whole line needs no line end")
}

func TestReadLogShowsWhatIsNoLine(t *testing.T) {
	g := NewWithT(t)
	lines, err := witness.ReadLog(strings.NewReader(twoInstances + "witness run: unexpected argument\n" + twoInstances))
	g.Expect(err).To(MatchError(And(ContainSubstring("line 6"), ContainSubstring("unexpected argument"))))
	g.Expect(lines).To(HaveLen(5))
}

func TestFollowStopsWhenItHasEnough(t *testing.T) {
	g := NewWithT(t)
	in := strings.NewReader(twoInstances)
	g.Expect(witness.Follow(in, func(l record.Line) bool { return l.Event == record.Exit })).To(Succeed())
	g.Expect(witness.Follow(strings.NewReader(twoInstances), func(record.Line) bool { return false })).To(MatchError(io.EOF))
}

func TestInstancesGapsAndProbes(t *testing.T) {
	g := NewWithT(t)
	lines, err := witness.ReadLog(strings.NewReader(twoInstances))
	g.Expect(err).NotTo(HaveOccurred())
	instances := witness.Instances(lines)
	g.Expect(instances).To(HaveLen(2))
	g.Expect(*instances[0].Exit.Code).To(Equal(1))
	g.Expect(instances[1].Exit).To(BeNil())
	g.Expect(witness.Gaps(instances)).To(Equal([]time.Duration{3000}))
	g.Expect(witness.Probes(lines, "/ready")).To(HaveLen(1))
	g.Expect(witness.Probes(lines, "/live")).To(BeEmpty())
	g.Expect(witness.Probes(lines, "")).To(HaveLen(1))
	g.Expect(witness.Count(lines, record.Start)).To(Equal(2))
}

func TestGapsRefuseWhatCannotBeMeasured(t *testing.T) {
	for text, why := range map[string]string{
		`{"bt":1,"instance":"a","ev":"start"}
{"bt":2,"instance":"b","ev":"start"}`: "no exit line",
		`{"bt":1,"instance":"a","ev":"exit"}
{"bt":2,"instance":"b","ev":"exit"}`: "no start line",
		`{"bt":1,"instance":"a","ev":"start"}
{"bt":2,"instance":"b","ev":"start"}
{"bt":3,"instance":"a","ev":"exit"}`: "was alive",
	} {
		g := NewWithT(t)
		lines, err := witness.ReadLog(strings.NewReader(text))
		g.Expect(err).NotTo(HaveOccurred())
		_, err = witness.Gaps(witness.Instances(lines))
		g.Expect(err).To(MatchError(ContainSubstring(why)))
	}
}
