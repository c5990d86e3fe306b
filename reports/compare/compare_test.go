package compare

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/internal/sample"
)

func TestWhatIsWorse(t *testing.T) {
	const none = reports.Verdict("")
	for _, c := range []struct {
		before, after reports.Verdict
		want          Change
	}{
		{reports.Conformant, reports.Conformant, Same},
		{reports.Conformant, reports.Nonconformant, Worse},
		{reports.Conformant, reports.KnownDeviation, Worse},
		{reports.Conformant, reports.Inconclusive, Worse},
		{reports.Conformant, reports.NotRun, Worse},
		{reports.Conformant, reports.NotApplicable, Changed},
		{reports.Conformant, none, Apart},
		{reports.KnownDeviation, reports.Conformant, Better},
		{reports.KnownDeviation, reports.Nonconformant, Worse},
		{reports.Inconclusive, reports.NotRun, Changed},
		{reports.Inconclusive, reports.Conformant, Better},
		{reports.Inconclusive, reports.Nonconformant, Worse},
		{reports.Nonconformant, reports.Nonconformant, Same},
		{reports.Nonconformant, reports.Conformant, Better},
		{reports.Nonconformant, reports.Inconclusive, Changed},
		{reports.Nonconformant, reports.NotApplicable, Changed},
		{reports.Nonconformant, none, Apart},
		{reports.NotApplicable, reports.Nonconformant, Worse},
		{reports.NotApplicable, reports.Conformant, Changed},
		{none, reports.Nonconformant, Worse},
		{none, reports.Conformant, Apart},
		{none, none, Same},
	} {
		NewWithT(t).Expect(changeOf(Cell{Verdict: c.before}, Cell{Verdict: c.after})).To(Equal(c.want), "%q, then %q", c.before, c.after)
	}
}

// timed has ten specs of A-01, of which the first takes other seconds.
func timed(usual, first float64) reports.Record {
	var specs []reports.Spec
	for n := range 10 {
		s := sample.Pass("A-01")
		s.Text, s.WaitSeconds, s.Seconds = fmt.Sprintf("spec %d", n), 10, 10+usual
		if n == 0 {
			s.Seconds = 10 + first
		}
		specs = append(specs, s)
	}
	return reports.New(sample.Catalogue(), reports.Run{ID: "r", Profile: "full"}, specs, sample.LawHolds)
}

func TestWhatIsSlower(t *testing.T) {
	for name, c := range map[string]struct {
		other  reports.Record
		pace   float64
		slower int
	}{
		"the same":                        {timed(5, 5), 1, 0},
		"one spec":                        {timed(5, 27), 1, 1},
		"one spec, by less than noise":    {timed(5, 24), 1, 0},
		"the whole machine":               {timed(60, 60), 12, 0},
		"one spec on a slow machine":      {timed(15, 40), 3, 1},
		"one spec as slow as the machine": {timed(15, 30), 3, 0},
		"a fast machine":                  {timed(1, 24), 0.2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			got := Records([]reports.Record{timed(5, 5), c.other})
			g.Expect(got.Columns[1].Pace).To(BeNumerically("~", c.pace, 1e-9))
			g.Expect(got.Slower).To(HaveLen(c.slower))
			if c.slower > 0 {
				g.Expect(got.Slower[0].Spec).To(Equal("spec 0"))
			}
		})
	}
	failed := timed(5, 500)
	failed.Specs[0].State = reports.Failed
	NewWithT(t).Expect(Records([]reports.Record{timed(5, 5), failed}).Slower).To(BeEmpty(), "how long a failure took says nothing")
}

func sampleComparison() Comparison {
	before := sample.Record()
	specs := sample.Specs()
	specs[0].State, specs[0].Message = reports.Passed, ""    // DELETE-06: better
	specs[0].Measured = nil                                  //
	specs[5] = sample.Fail("VOL-01", reports.ClusterFailure) // worse
	specs[6] = sample.Pass("CLI-STATUS-01")                  // changed
	specs[3].State = reports.Filtered                        // BACKOFF-03: not in both
	specs[5].Message = "<b>bold</b> | \x1b[31mred\x1b[0m\n2" //
	specs[5].Measured = []reports.Measurement{{Claim: "VOL-01", What: "reads", Documented: "1", Measured: "<2>"}}
	after := reports.New(claims.All(), reports.Run{ID: "after", Profile: "quick"}, specs, sample.Laws())
	after.Cluster = &reports.Cluster{Name: "other", ServerVersion: "v1.36.3"}
	return Records([]reports.Record{before, after, before})
}

func TestCompare(t *testing.T) {
	g := NewWithT(t)
	c := sampleComparison()
	changes := map[string]Change{}
	known := 0 // in any of the records
	for _, row := range c.Rows {
		if slices.ContainsFunc(row.Cells, func(cell Cell) bool { return cell.Verdict != "" }) {
			known++
		}
		g.Expect(row.Cells[2].Change).To(Equal(Same), "a record is like itself")
		if row.Cells[1].Change != Same {
			changes[row.ID] = row.Cells[1].Change
		}
	}
	g.Expect(changes).To(Equal(map[string]Change{"DELETE-06": Better, "VOL-01": Worse, "CLI-STATUS-01": Changed, "BACKOFF-03": Apart}))
	g.Expect(c.Conclusion()).To(Equal(fmt.Sprintf("1 claim became worse, 1 better, 1 changed otherwise; 1 selected in only one record, %d the same; 0 specs became slower", known-4)))

	var text strings.Builder
	g.Expect(c.Text(&text)).To(Succeed())
	g.Expect(text.String()).To(And(
		ContainSubstring("2  v1.36.3 on other\n   profile quick, run after, nonconformant\n"),
		ContainSubstring("\nworse\n  VOL-01  conformant in 1, nonconformant in 2\n"),
		ContainSubstring("    <b>bold</b> | red\n    reads: documented 1, measured <2>\n"),
		ContainSubstring("\nbetter\n  DELETE-06  nonconformant in 1, conformant in 2\n")))
	g.Expect(text.String()).NotTo(ContainSubstring("\x1b"))

	markdown := string(c.Markdown())
	g.Expect(markdown).To(And(
		ContainSubstring("| 2 | v1.36.3 on other |"),
		ContainSubstring(`| conformant | nonconformant<br>&lt;b&gt;bold&lt;/b&gt; \| red | conformant |`)))
}

func TestCompareTakesClaimsOfEitherRecord(t *testing.T) {
	g := NewWithT(t)
	old := reports.New(sample.Catalogue()[:2], reports.Run{}, []reports.Spec{sample.Pass("A-01")}, nil)
	c := Records([]reports.Record{old, reports.New(sample.Catalogue(), reports.Run{}, []reports.Spec{sample.Pass("A-01"), sample.Fail("C-01", reports.ClusterFailure)}, nil)})
	g.Expect(c.Rows).To(HaveLen(5))
	g.Expect(c.Rows[2].ID).To(Equal("C-01"))
	g.Expect(c.Rows[2].Cells[0].Text()).To(Equal("not selected"))
	g.Expect(c.Rows[2].Cells[1].Change).To(Equal(Worse))
}

func TestCompareAsHTML(t *testing.T) {
	g := NewWithT(t)
	page, err := sampleComparison().HTML()
	g.Expect(err).NotTo(HaveOccurred())
	text := string(page)
	g.Expect(text).To(ContainSubstring(`<td class="worse"><span class="nonconformant">nonconformant</span><small>worse</small><small>&lt;b&gt;bold&lt;/b&gt; | red`))
	g.Expect(text).To(ContainSubstring(`<li>worse: <a href="#VOL-01">VOL-01</a> is conformant in 1 and <span class="nonconformant">nonconformant</span> in 2<small>`))
	g.Expect(text).To(ContainSubstring(`<td class="changed"><span class="conformant">`))
	g.Expect(strings.Count(text, "<tr><th scope=\"row\" class=\"claim\"><strong id=")).To(Equal(len(claims.All())))
	g.Expect(regexp.MustCompile(`(?i)<script|<link|<img|\bsrc=|@import|url\(`).FindString(text)).To(BeEmpty(), "the page needs nothing but itself")
	g.Expect(text).NotTo(ContainSubstring("ZgotmplZ"))
	g.Expect(len(page)).To(BeNumerically("<", 300_000))
	again, err := sampleComparison().HTML()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(again)).To(Equal(text))
}
