package reports

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/fixtures/claims"
)

func TestWhatIsWorse(t *testing.T) {
	const none = Verdict("")
	for _, c := range []struct {
		before, after Verdict
		want          Change
	}{
		{Conformant, Conformant, Same},
		{Conformant, Nonconformant, Worse},
		{Conformant, KnownDeviation, Worse},
		{Conformant, Inconclusive, Worse},
		{Conformant, NotRun, Worse},
		{Conformant, NotApplicable, Changed},
		{Conformant, none, Apart},
		{KnownDeviation, Conformant, Better},
		{KnownDeviation, Nonconformant, Worse},
		{Inconclusive, NotRun, Changed},
		{Inconclusive, Conformant, Better},
		{Inconclusive, Nonconformant, Worse},
		{Nonconformant, Nonconformant, Same},
		{Nonconformant, Conformant, Better},
		{Nonconformant, Inconclusive, Changed},
		{Nonconformant, NotApplicable, Changed},
		{Nonconformant, none, Apart},
		{NotApplicable, Nonconformant, Worse},
		{NotApplicable, Conformant, Changed},
		{none, Nonconformant, Worse},
		{none, Conformant, Apart},
		{none, none, Same},
	} {
		NewWithT(t).Expect(changeOf(Cell{Verdict: c.before}, Cell{Verdict: c.after})).To(Equal(c.want), "%q, then %q", c.before, c.after)
	}
}

// timed has ten specs of A-01, of which the first takes other seconds.
func timed(usual, first float64) Record {
	var specs []Spec
	for n := range 10 {
		s := pass("A-01")
		s.Text, s.WaitSeconds, s.Seconds = fmt.Sprintf("spec %d", n), 10, 10+usual
		if n == 0 {
			s.Seconds = 10 + first
		}
		specs = append(specs, s)
	}
	return New(catalogue(), Run{ID: "r", Profile: "full"}, specs, lawHolds)
}

func TestWhatIsSlower(t *testing.T) {
	for name, c := range map[string]struct {
		other  Record
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
			got := Compare([]Record{timed(5, 5), c.other})
			g.Expect(got.Columns[1].Pace).To(BeNumerically("~", c.pace, 1e-9))
			g.Expect(got.Slower).To(HaveLen(c.slower))
			if c.slower > 0 {
				g.Expect(got.Slower[0].Spec).To(Equal("spec 0"))
			}
		})
	}
	failed := timed(5, 500)
	failed.Specs[0].State = Failed
	NewWithT(t).Expect(Compare([]Record{timed(5, 5), failed}).Slower).To(BeEmpty(), "how long a failure took says nothing")
}

func sampleComparison() Comparison {
	before := sample()
	specs := sampleSpecs()
	specs[0].State, specs[0].Message = Passed, ""            // DELETE-06: better
	specs[0].Measured = nil                                  //
	specs[5] = fail("VOL-01", ClusterFailure)                // worse
	specs[6] = pass("CLI-STATUS-01")                         // changed
	specs[3].State = Filtered                                // BACKOFF-03: not in both
	specs[5].Message = "<b>bold</b> | \x1b[31mred\x1b[0m\n2" //
	specs[5].Measured = []Measurement{{Claim: "VOL-01", What: "reads", Documented: "1", Measured: "<2>"}}
	after := New(claims.All(), Run{ID: "after", Profile: "quick"}, specs, sampleLaws())
	after.Cluster = &Cluster{Name: "other", ServerVersion: "v1.36.3"}
	return Compare([]Record{before, after, before})
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
	g.Expect(c.Conclusion()).To(Equal(fmt.Sprintf("1 claim became worse, 1 better, 1 changed otherwise; 1 selected in one only, %d the same; 0 specs became slower", known-4)))

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
	old := New(catalogue()[:2], Run{}, []Spec{pass("A-01")}, nil)
	c := Compare([]Record{old, New(catalogue(), Run{}, []Spec{pass("A-01"), fail("C-01", ClusterFailure)}, nil)})
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

func TestRead(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	g.Expect(Write(dir, sample())).To(Succeed())
	for _, path := range []string{dir, filepath.Join(dir, RecordFile)} {
		r, err := Read(path)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(r).To(Equal(sample()))
	}
	for content, want := range map[string]string{
		"schema: x":                              "is not JSON",
		`{"schema":"other/v1"}`:                  `has the schema "other/v1" where podproof.record/v1 is needed`,
		`{"schema":"` + Schema + `"}`:            "has no claims",
		`{"schema":"` + Schema + `","claims":3}`: "is not a record as its schema says",
	} {
		file := filepath.Join(t.TempDir(), "r.json")
		g.Expect(os.WriteFile(file, []byte(content), 0o600)).To(Succeed())
		_, err := Read(file)
		g.Expect(err).To(MatchError(And(ContainSubstring(want), ContainSubstring(file))))
	}
	_, err := Read(filepath.Join(dir, "absent"))
	g.Expect(err).To(MatchError(ContainSubstring("absent does not exist")))
}
