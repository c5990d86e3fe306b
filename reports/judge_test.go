package reports_test

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/internal/sample"
)

func verdictOf(j reports.Judgement, id string) reports.ClaimResult {
	for _, c := range j.Claims {
		if c.ID == id {
			return c
		}
	}
	panic("no claim " + id)
}

func TestVerdictOfAClaim(t *testing.T) {
	contradiction := sample.Pass("A-01")
	contradiction.Measured = []reports.Measurement{{Claim: "A-01", What: "delay", Documented: "10 s", Measured: "3 s"}}
	foreign := sample.Pass("A-01")
	foreign.Measured = []reports.Measurement{{Claim: "B-01", What: "delay", Documented: "10 s", Measured: "3 s"}}
	part := sample.InState("A-01", reports.Filtered)
	part.Part = "40 s step"

	otherDeviates := sample.Deviate("B-01")
	otherDeviates.Claims = []string{"A-01", "B-01"}

	for name, c := range map[string]struct {
		specs   []reports.Spec
		verdict reports.Verdict
		reason  string
	}{
		"known deviation":                 {[]reports.Spec{sample.Pass("A-01"), sample.Deviate("A-01")}, reports.KnownDeviation, "kubernetes/kubernetes#1 of kubelet v1.36.3"},
		"known deviation and a failure":   {[]reports.Spec{sample.Fail("A-01", reports.ClusterFailure), sample.Deviate("A-01")}, reports.Nonconformant, "because"},
		"known deviation and no test":     {[]reports.Spec{sample.Fail("A-01", reports.SuiteFailure), sample.Deviate("A-01")}, reports.Inconclusive, "because"},
		"known deviation of another":      {[]reports.Spec{otherDeviates}, reports.Inconclusive, "also proves B-01"},
		"known deviation without a name":  {[]reports.Spec{sample.InState("A-01", reports.Deviated)}, reports.Inconclusive, "does not name it"},
		"one passed":                      {[]reports.Spec{sample.Pass("A-01")}, reports.Conformant, ""},
		"all passed":                      {[]reports.Spec{sample.Pass("A-01"), sample.Pass("A-01")}, reports.Conformant, ""},
		"failed by the cluster":           {[]reports.Spec{sample.Fail("A-01", reports.ClusterFailure)}, reports.Nonconformant, "because"},
		"one of two failed":               {[]reports.Spec{sample.Pass("A-01"), sample.Fail("A-01", reports.ClusterFailure)}, reports.Nonconformant, "because"},
		"failed by the suite":             {[]reports.Spec{sample.Fail("A-01", reports.SuiteFailure)}, reports.Inconclusive, "could not be tested: because"},
		"failed, nobody says by whom":     {[]reports.Spec{sample.Fail("A-01", "")}, reports.Inconclusive, "could not be tested"},
		"passed and failed by the suite":  {[]reports.Spec{sample.Pass("A-01"), sample.Fail("A-01", reports.SuiteFailure)}, reports.Inconclusive, "because"},
		"cluster beats suite":             {[]reports.Spec{sample.Fail("A-01", reports.SuiteFailure), sample.Fail("A-01", reports.ClusterFailure)}, reports.Nonconformant, "because"},
		"cluster beats interrupt":         {[]reports.Spec{sample.InState("A-01", reports.Interrupted), sample.Fail("A-01", reports.ClusterFailure)}, reports.Nonconformant, "because"},
		"skipped with a reason":           {[]reports.Spec{sample.Skip("A-01", "needs 1.35")}, reports.NotApplicable, "needs 1.35"},
		"skipped without one":             {[]reports.Spec{sample.Skip("A-01", "")}, reports.Inconclusive, "skipped without a reason"},
		"passed and skipped":              {[]reports.Spec{sample.Pass("A-01"), sample.Skip("A-01", "needs 1.35")}, reports.Conformant, "in part; does not apply here: needs 1.35"},
		"suite failure and skipped":       {[]reports.Spec{sample.Fail("A-01", reports.SuiteFailure), sample.Skip("A-01", "needs 1.35")}, reports.Inconclusive, "because"},
		"interrupted":                     {[]reports.Spec{sample.InState("A-01", reports.Interrupted)}, reports.NotRun, "stopped before"},
		"not started":                     {[]reports.Spec{sample.InState("A-01", reports.Unstarted)}, reports.NotRun, "before the spec started"},
		"not started and skipped":         {[]reports.Spec{sample.InState("A-01", reports.Unstarted), sample.Skip("A-01", "x")}, reports.NotRun, "before the spec"},
		"passed and not started":          {[]reports.Spec{sample.Pass("A-01"), sample.InState("A-01", reports.Unstarted)}, reports.Inconclusive, "only some of its specs"},
		"unknown state":                   {[]reports.Spec{sample.InState("A-01", "odd")}, reports.Inconclusive, `"odd"`},
		"filtered out":                    {[]reports.Spec{sample.InState("A-01", reports.Filtered)}, reports.NotRun, "left out by"},
		"passed, a part filtered out":     {[]reports.Spec{sample.Pass("A-01"), part}, reports.Conformant, "in part; this run left out: 40 s step"},
		"no spec":                         {nil, reports.NotRun, "no spec of this run"},
		"passed against its measurement":  {[]reports.Spec{contradiction}, reports.Inconclusive, "measured 3 s (delay); the documented value is 10 s"},
		"measurement of another claim":    {[]reports.Spec{foreign}, reports.Conformant, ""},
		"two reasons, each said once":     {[]reports.Spec{sample.Skip("A-01", "x"), sample.Skip("A-01", "y"), sample.Skip("A-01", "x")}, reports.NotApplicable, "x; y"},
		"another claim's spec is nothing": {[]reports.Spec{sample.Fail("B-01", reports.ClusterFailure), sample.Pass("A-01")}, reports.Conformant, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			got := verdictOf(reports.Judge(sample.Catalogue(), c.specs, nil, reports.Run{}), "A-01")
			g.Expect(got.Verdict).To(Equal(c.verdict), got.Reason)
			if c.reason == "" {
				g.Expect(got.Reason).To(BeEmpty())
			}
			g.Expect(got.Reason).To(ContainSubstring(c.reason))
		})
	}
}

func TestSelected(t *testing.T) {
	g := NewWithT(t)
	j := reports.Judge(sample.Catalogue(), []reports.Spec{sample.Pass("A-01"), sample.InState("B-01", reports.Filtered)}, sample.LawHolds, reports.Run{})
	g.Expect(verdictOf(j, "A-01").Selected).To(BeTrue())
	g.Expect(verdictOf(j, "B-01").Selected).To(BeFalse())
	g.Expect(verdictOf(j, "LAW-C").Selected).To(BeTrue())
	g.Expect(verdictOf(j, "U-01").Selected).To(BeTrue())
	g.Expect(verdictOf(j, "U-01").Verdict).To(Equal(reports.NotApplicable))
	g.Expect(verdictOf(j, "U-01").Reason).To(Equal("nothing writes it"))
	j = reports.Judge(sample.Catalogue(), []reports.Spec{sample.Pass("A-01")}, nil, reports.Run{Filters: []string{"A-01"}})
	g.Expect(verdictOf(j, "U-01").Selected).To(BeFalse())
}

func TestLaws(t *testing.T) {
	broken := []reports.Law{{ID: "LAW-C", Pods: 3, Versions: 20, Broken: []reports.BrokenLaw{
		{Pod: "ns/p", Message: "phase went back\nfrom Running"}, {Pod: "ns/q", Message: "x"}, {Pod: "ns/r", Message: "x"}}}}
	noPods := []reports.Law{{ID: "LAW-C"}}

	for name, c := range map[string]struct {
		laws              []reports.Law
		specs             []reports.Spec
		law, alone, other reports.Verdict
	}{
		"held":                       {sample.LawHolds, nil, reports.Conformant, reports.Conformant, reports.Conformant},
		"broken by a known bug":      {[]reports.Law{{ID: "LAW-C", Pods: 3, Deviated: []reports.DeviatedLaw{{Pod: "ns/p", Deviation: reports.Deviation{Short: "kubernetes/kubernetes#1"}}}}}, []reports.Spec{sample.Pass("B-01")}, reports.KnownDeviation, reports.KnownDeviation, reports.Conformant},
		"by a bug that may be there": {[]reports.Law{{ID: "LAW-C", Pods: 3, Unsure: []reports.BrokenLaw{{Pod: "ns/p", Message: "m"}}}}, []reports.Spec{sample.Pass("B-01")}, reports.Inconclusive, reports.Inconclusive, reports.Conformant},
		"held, but specs are judges": {sample.LawHolds, []reports.Spec{sample.InState("B-01", reports.Filtered)}, reports.Conformant, reports.Conformant, reports.NotRun},
		"held, spec failed":          {sample.LawHolds, []reports.Spec{sample.Fail("B-01", reports.ClusterFailure)}, reports.Conformant, reports.Conformant, reports.Nonconformant},
		"held, spec could not run":   {sample.LawHolds, []reports.Spec{sample.Fail("B-01", reports.SuiteFailure)}, reports.Conformant, reports.Conformant, reports.Inconclusive},
		"broken":                     {broken, nil, reports.Nonconformant, reports.Nonconformant, reports.Nonconformant},
		"broken, spec passed":        {broken, []reports.Spec{sample.Pass("B-01")}, reports.Nonconformant, reports.Nonconformant, reports.Nonconformant},
		"broken, spec filtered":      {broken, []reports.Spec{sample.InState("B-01", reports.Filtered)}, reports.Nonconformant, reports.Nonconformant, reports.Nonconformant},
		"no pods":                    {noPods, nil, reports.NotRun, reports.NotRun, reports.NotRun},
		"no pods, spec passed":       {noPods, []reports.Spec{sample.Pass("B-01")}, reports.NotRun, reports.NotRun, reports.Conformant},
		"not checked":                {nil, nil, reports.NotRun, reports.NotRun, reports.NotRun},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			j := reports.Judge(sample.Catalogue(), c.specs, c.laws, reports.Run{})
			g.Expect(verdictOf(j, "LAW-C").Verdict).To(Equal(c.law), "the law")
			g.Expect(verdictOf(j, "C-01").Verdict).To(Equal(c.alone), "the claim without specs")
			g.Expect(verdictOf(j, "B-01").Verdict).To(Equal(c.other), "the claim with specs")
		})
	}

	g := NewWithT(t)
	j := reports.Judge(sample.Catalogue(), nil, broken, reports.Run{})
	g.Expect(verdictOf(j, "C-01").Reason).To(Equal("LAW-C is broken on pod ns/p: phase went back (and on 2 more pods)"))
	g.Expect(verdictOf(j, "C-01").Measured).To(ConsistOf(reports.Measurement{Claim: "C-01", What: "LAW-C held on",
		Documented: "every version of every pod that the law applies to", Measured: "20 versions of 3 pods"}))
	g.Expect(j.Summary.LawsBroken).To(Equal(1))
	j = reports.Judge(sample.Catalogue(), nil, noPods, reports.Run{})
	g.Expect(verdictOf(j, "LAW-C").Selected).To(BeFalse(), "a law that no pod came to is no claim of the run")
}

func TestVerdictOfARun(t *testing.T) {
	full := []reports.Spec{sample.Pass("A-01"), sample.Pass("B-01")}
	for name, c := range map[string]struct {
		specs   []reports.Spec
		laws    []reports.Law
		run     reports.Run
		verdict reports.Verdict
		exit    int
		reason  string
	}{
		"all well":            {full, sample.LawHolds, reports.Run{}, reports.Conformant, 0, "4 claims as documented"},
		"one claim not so":    {append(full, sample.Fail("B-01", reports.ClusterFailure)), sample.LawHolds, reports.Run{}, reports.Nonconformant, 1, "1 claim not"},
		"could not test":      {append(full, sample.Fail("B-01", reports.SuiteFailure)), sample.LawHolds, reports.Run{}, reports.Inconclusive, 3, "could not be tested"},
		"both":                {[]reports.Spec{sample.Fail("A-01", reports.SuiteFailure), sample.Fail("B-01", reports.ClusterFailure)}, sample.LawHolds, reports.Run{}, reports.Nonconformant, 1, "1 claim not"},
		"one deviates":        {append(full, sample.Deviate("A-01")), sample.LawHolds, reports.Run{}, reports.Conformant, 0, "3 claims as documented, 1 known deviation of this version"},
		"all deviate":         {[]reports.Spec{sample.Deviate("A-01"), sample.Deviate("B-01")}, sample.LawHolds, reports.Run{}, reports.Conformant, 0, "2 known deviations"},
		"not applicable too":  {append(full, sample.Skip("B-01", "needs 1.35")), sample.LawHolds, reports.Run{}, reports.Conformant, 0, ""},
		"only a law broken":   {full, []reports.Law{{ID: "LAW-C", Pods: 1, Broken: []reports.BrokenLaw{{Pod: "p", Message: "m"}}}}, reports.Run{}, reports.Nonconformant, 1, ""},
		"no specs":            {nil, sample.LawHolds, reports.Run{}, reports.NotRun, 3, "there were no specs"},
		"filter took all":     {[]reports.Spec{sample.InState("A-01", reports.Filtered)}, nil, reports.Run{}, reports.NotRun, 2, "left out all 1"},
		"nothing applies":     {[]reports.Spec{sample.Skip("A-01", "x")}, nil, reports.Run{}, reports.NotRun, 3, "none of the selected specs"},
		"set-up failed":       {[]reports.Spec{sample.InState("A-01", reports.Unstarted)}, nil, reports.Run{SetupError: "no engine\nmore"}, reports.Inconclusive, 3, "set-up failed: no engine"},
		"interrupted":         {append(full, sample.InState("A-01", reports.Interrupted)), sample.LawHolds, reports.Run{Interrupted: true}, reports.Inconclusive, 4, "1 spec left without"},
		"interrupted, broken": {[]reports.Spec{sample.Fail("A-01", reports.ClusterFailure)}, sample.LawHolds, reports.Run{Interrupted: true}, reports.Nonconformant, 4, ""},
		"interrupted early":   {nil, nil, reports.Run{Interrupted: true}, reports.Inconclusive, 4, "interrupted"},
		"ended early":         {append(full, sample.InState("A-01", reports.Unstarted)), sample.LawHolds, reports.Run{}, reports.Inconclusive, 3, ""},
		"none started":        {[]reports.Spec{sample.InState("A-01", reports.Unstarted)}, sample.LawHolds, reports.Run{}, reports.Inconclusive, 3, "1 spec left without a result"},
		"spec of no claim":    {append(full, reports.Spec{Text: "x", State: reports.Passed}), sample.LawHolds, reports.Run{}, reports.Inconclusive, 3, `"x" names no claim`},
		"spec of an unknown":  {append(full, sample.Pass("Z-01")), sample.LawHolds, reports.Run{}, reports.Inconclusive, 3, "Z-01"},
		"spec of a law":       {append(full, sample.Pass("LAW-C")), sample.LawHolds, reports.Run{}, reports.Inconclusive, 3, "LAW-C"},
		"unknown, and failed": {append(full, sample.Fail("Z-01", reports.ClusterFailure)), sample.LawHolds, reports.Run{}, reports.Nonconformant, 1, ""},
		"unknown law":         {full, append(sample.LawHolds, reports.Law{ID: "LAW-Z", Pods: 1}), reports.Run{}, reports.Inconclusive, 3, "LAW-Z"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			r := reports.New(sample.Catalogue(), c.run, c.specs, c.laws)
			g.Expect(r.Verdict).To(Equal(c.verdict), r.Reason)
			g.Expect(r.ExitCode).To(Equal(c.exit))
			g.Expect(r.Reason).To(ContainSubstring(c.reason))
			g.Expect(r.Reason).NotTo(BeEmpty())
		})
	}
}

func TestCounts(t *testing.T) {
	g := NewWithT(t)
	r := sample.Record()
	laws := len(sample.Laws())
	g.Expect(r.Summary).To(Equal(reports.Counts{
		Claims: len(claims.All()), Conformant: 5 + 2 + laws, Nonconformant: 1, Inconclusive: 1, NotApplicable: 1,
		NotSelected: len(claims.All()) - 5 - 2 - laws - 3,
		Specs:       7, SpecsPassed: 4, SpecsFailed: 2, SpecsSkipped: 1, SpecsFiltered: 1,
		LawPods: 41, LawVersions: 612,
	}))
}

func TestRecordOrder(t *testing.T) {
	g := NewWithT(t)
	specs := []reports.Spec{sample.Pass("B-01"), sample.Skip("A-01", "x"), sample.InState("A-01", reports.Filtered), sample.Pass("A-01"), {Text: "lost", State: reports.Passed}}
	r := reports.New(sample.Catalogue(), reports.Run{}, specs, sample.LawHolds)
	var texts []string
	for _, s := range r.Specs {
		texts = append(texts, s.Text)
	}
	g.Expect(texts).To(Equal([]string{"good A-01", "skipped A-01", "good B-01", "lost"}), "in the order of the catalogue, without filtered ones")
	g.Expect(specs[0].Text).To(Equal("good B-01"), "the caller's list is left alone")
	g.Expect(r.Schema).To(Equal("podproof.record/v1"))
}

func TestClaimsCarryTheirArticle(t *testing.T) {
	g := NewWithT(t)
	var result reports.ClaimResult
	for _, c := range sample.Record().Claims {
		if c.ID == "BACKOFF-02" {
			result = c
		}
	}
	c, err := claims.Find("BACKOFF-02")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(result.Article).To(Equal(c.Article))
	g.Expect(result.ArticleVerdict).To(Equal(c.ArticleVerdict))
	g.Expect(result.Sources).To(Equal(c.Sources))
}
