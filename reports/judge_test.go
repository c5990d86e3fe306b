package reports

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/fixtures/claims"
)

// A small catalogue: two claims for specs, one that only a law proves, one for both,
// one that nothing can show, and the law.
func catalogue() []claims.Claim {
	return []claims.Claim{
		{ID: "A-01", Subject: "a", Sentence: "A is so."},
		{ID: "B-01", Subject: "b", Sentence: "B is so."},
		{ID: "C-01", Subject: "c", Sentence: "C is so."},
		{ID: "U-01", Subject: "u", Sentence: "U is so.", Unreachable: "nothing writes it"},
		{ID: "LAW-C", Subject: "laws", Sentence: "C always holds.", Law: true, SpeaksFor: []string{"C-01", "B-01"}},
	}
}

func pass(id string) Spec { return Spec{Text: "good " + id, Claims: []string{id}, State: Passed} }

func fail(id string, kind FailureKind) Spec {
	return Spec{Text: "bad " + id, Claims: []string{id}, State: Failed, Failure: kind, Message: "because"}
}

func skip(id, reason string) Spec {
	return Spec{Text: "skipped " + id, Claims: []string{id}, State: Skipped, SkipReason: reason}
}

func deviate(id string) Spec {
	return Spec{Text: "deviating " + id, Claims: []string{id}, State: Deviated, Deviation: &Deviation{
		Claim: id, Short: "kubernetes/kubernetes#1", Component: "kubelet", Version: "v1.36.3", Summary: "It does not."}}
}

func inState(id string, s State) Spec { return Spec{Text: string(s), Claims: []string{id}, State: s} }

var lawHolds = []Law{{ID: "LAW-C", Pods: 3, Versions: 20}}

func verdictOf(j Judgement, id string) ClaimResult {
	for _, c := range j.Claims {
		if c.ID == id {
			return c
		}
	}
	panic("no claim " + id)
}

func TestVerdictOfAClaim(t *testing.T) {
	contradiction := pass("A-01")
	contradiction.Measured = []Measurement{{Claim: "A-01", What: "delay", Documented: "10 s", Measured: "3 s"}}
	foreign := pass("A-01")
	foreign.Measured = []Measurement{{Claim: "B-01", What: "delay", Documented: "10 s", Measured: "3 s"}}
	part := inState("A-01", Filtered)
	part.Part = "40 s step"

	otherDeviates := deviate("B-01")
	otherDeviates.Claims = []string{"A-01", "B-01"}

	for name, c := range map[string]struct {
		specs   []Spec
		verdict Verdict
		reason  string
	}{
		"known deviation":                 {[]Spec{pass("A-01"), deviate("A-01")}, KnownDeviation, "kubernetes/kubernetes#1 of kubelet v1.36.3"},
		"known deviation and a failure":   {[]Spec{fail("A-01", ClusterFailure), deviate("A-01")}, Nonconformant, "because"},
		"known deviation and no test":     {[]Spec{fail("A-01", SuiteFailure), deviate("A-01")}, Inconclusive, "because"},
		"known deviation of another":      {[]Spec{otherDeviates}, Inconclusive, "also proves B-01"},
		"known deviation without a name":  {[]Spec{inState("A-01", Deviated)}, Inconclusive, "which"},
		"one passed":                      {[]Spec{pass("A-01")}, Conformant, ""},
		"all passed":                      {[]Spec{pass("A-01"), pass("A-01")}, Conformant, ""},
		"failed by the cluster":           {[]Spec{fail("A-01", ClusterFailure)}, Nonconformant, "because"},
		"one of two failed":               {[]Spec{pass("A-01"), fail("A-01", ClusterFailure)}, Nonconformant, "because"},
		"failed by the suite":             {[]Spec{fail("A-01", SuiteFailure)}, Inconclusive, "could not be tested: because"},
		"failed, nobody says by whom":     {[]Spec{fail("A-01", "")}, Inconclusive, "could not be tested"},
		"passed and failed by the suite":  {[]Spec{pass("A-01"), fail("A-01", SuiteFailure)}, Inconclusive, "because"},
		"cluster beats suite":             {[]Spec{fail("A-01", SuiteFailure), fail("A-01", ClusterFailure)}, Nonconformant, "because"},
		"cluster beats interrupt":         {[]Spec{inState("A-01", Interrupted), fail("A-01", ClusterFailure)}, Nonconformant, "because"},
		"skipped with a reason":           {[]Spec{skip("A-01", "needs 1.35")}, NotApplicable, "needs 1.35"},
		"skipped without one":             {[]Spec{skip("A-01", "")}, Inconclusive, "without saying why"},
		"passed and skipped":              {[]Spec{pass("A-01"), skip("A-01", "needs 1.35")}, Conformant, "in part; does not apply here: needs 1.35"},
		"suite failure and skipped":       {[]Spec{fail("A-01", SuiteFailure), skip("A-01", "needs 1.35")}, Inconclusive, "because"},
		"interrupted":                     {[]Spec{inState("A-01", Interrupted)}, NotRun, "stopped before"},
		"not started":                     {[]Spec{inState("A-01", Unstarted)}, NotRun, "before the spec was started"},
		"not started and skipped":         {[]Spec{inState("A-01", Unstarted), skip("A-01", "x")}, NotRun, "before the spec"},
		"passed and not started":          {[]Spec{pass("A-01"), inState("A-01", Unstarted)}, Inconclusive, "only some of its specs"},
		"unknown state":                   {[]Spec{inState("A-01", "odd")}, Inconclusive, `"odd"`},
		"filtered out":                    {[]Spec{inState("A-01", Filtered)}, NotRun, "left out by"},
		"passed, a part filtered out":     {[]Spec{pass("A-01"), part}, Conformant, "in part; this run left out: 40 s step"},
		"no spec":                         {nil, NotRun, "no spec of this run"},
		"passed against its measurement":  {[]Spec{contradiction}, Inconclusive, "measured 3 s (delay) where 10 s is documented"},
		"measurement of another claim":    {[]Spec{foreign}, Conformant, ""},
		"two reasons, each said once":     {[]Spec{skip("A-01", "x"), skip("A-01", "y"), skip("A-01", "x")}, NotApplicable, "x; y"},
		"another claim's spec is nothing": {[]Spec{fail("B-01", ClusterFailure), pass("A-01")}, Conformant, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			got := verdictOf(Judge(catalogue(), c.specs, nil, Run{}), "A-01")
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
	j := Judge(catalogue(), []Spec{pass("A-01"), inState("B-01", Filtered)}, lawHolds, Run{})
	g.Expect(verdictOf(j, "A-01").Selected).To(BeTrue())
	g.Expect(verdictOf(j, "B-01").Selected).To(BeFalse())
	g.Expect(verdictOf(j, "LAW-C").Selected).To(BeTrue())
	g.Expect(verdictOf(j, "U-01").Selected).To(BeTrue())
	g.Expect(verdictOf(j, "U-01").Verdict).To(Equal(NotApplicable))
	g.Expect(verdictOf(j, "U-01").Reason).To(Equal("nothing writes it"))
	j = Judge(catalogue(), []Spec{pass("A-01")}, nil, Run{Filters: []string{"A-01"}})
	g.Expect(verdictOf(j, "U-01").Selected).To(BeFalse())
}

func TestLaws(t *testing.T) {
	broken := []Law{{ID: "LAW-C", Pods: 3, Versions: 20, Broken: []BrokenLaw{
		{Pod: "ns/p", Message: "phase went back\nfrom Running"}, {Pod: "ns/q", Message: "x"}, {Pod: "ns/r", Message: "x"}}}}
	noPods := []Law{{ID: "LAW-C"}}

	for name, c := range map[string]struct {
		laws              []Law
		specs             []Spec
		law, alone, other Verdict
	}{
		"held":                       {lawHolds, nil, Conformant, Conformant, Conformant},
		"held, but specs are judges": {lawHolds, []Spec{inState("B-01", Filtered)}, Conformant, Conformant, NotRun},
		"held, spec failed":          {lawHolds, []Spec{fail("B-01", ClusterFailure)}, Conformant, Conformant, Nonconformant},
		"held, spec could not run":   {lawHolds, []Spec{fail("B-01", SuiteFailure)}, Conformant, Conformant, Inconclusive},
		"broken":                     {broken, nil, Nonconformant, Nonconformant, Nonconformant},
		"broken, spec passed":        {broken, []Spec{pass("B-01")}, Nonconformant, Nonconformant, Nonconformant},
		"broken, spec filtered":      {broken, []Spec{inState("B-01", Filtered)}, Nonconformant, Nonconformant, Nonconformant},
		"no pods":                    {noPods, nil, NotRun, NotRun, NotRun},
		"no pods, spec passed":       {noPods, []Spec{pass("B-01")}, NotRun, NotRun, Conformant},
		"not checked":                {nil, nil, NotRun, NotRun, NotRun},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			j := Judge(catalogue(), c.specs, c.laws, Run{})
			g.Expect(verdictOf(j, "LAW-C").Verdict).To(Equal(c.law), "the law")
			g.Expect(verdictOf(j, "C-01").Verdict).To(Equal(c.alone), "the claim without specs")
			g.Expect(verdictOf(j, "B-01").Verdict).To(Equal(c.other), "the claim with specs")
		})
	}

	g := NewWithT(t)
	j := Judge(catalogue(), nil, broken, Run{})
	g.Expect(verdictOf(j, "C-01").Reason).To(Equal("LAW-C is broken on pod ns/p: phase went back (and on 2 more pods)"))
	g.Expect(verdictOf(j, "C-01").Measured).To(ConsistOf(Measurement{Claim: "C-01", What: "LAW-C held on",
		Documented: "every version of every pod that it is about", Measured: "20 versions of 3 pods"}))
	g.Expect(j.Summary.LawsBroken).To(Equal(1))
	j = Judge(catalogue(), nil, noPods, Run{})
	g.Expect(verdictOf(j, "LAW-C").Selected).To(BeFalse(), "a law that no pod came to is no claim of the run")
}

func TestVerdictOfARun(t *testing.T) {
	full := []Spec{pass("A-01"), pass("B-01")}
	for name, c := range map[string]struct {
		specs   []Spec
		laws    []Law
		run     Run
		verdict Verdict
		exit    int
		reason  string
	}{
		"all well":            {full, lawHolds, Run{}, Conformant, 0, "4 claims as documented"},
		"one claim not so":    {append(full, fail("B-01", ClusterFailure)), lawHolds, Run{}, Nonconformant, 1, "1 claim not"},
		"could not test":      {append(full, fail("B-01", SuiteFailure)), lawHolds, Run{}, Inconclusive, 3, "could not be tested"},
		"both":                {[]Spec{fail("A-01", SuiteFailure), fail("B-01", ClusterFailure)}, lawHolds, Run{}, Nonconformant, 1, "1 claim not"},
		"one deviates":        {append(full, deviate("A-01")), lawHolds, Run{}, Conformant, 0, "3 claims as documented, 1 known deviation of this version"},
		"all deviate":         {[]Spec{deviate("A-01"), deviate("B-01")}, lawHolds, Run{}, Conformant, 0, "2 known deviations"},
		"not applicable too":  {append(full, skip("B-01", "needs 1.35")), lawHolds, Run{}, Conformant, 0, ""},
		"only a law broken":   {full, []Law{{ID: "LAW-C", Pods: 1, Broken: []BrokenLaw{{Pod: "p", Message: "m"}}}}, Run{}, Nonconformant, 1, ""},
		"no specs":            {nil, lawHolds, Run{}, NotRun, 3, "there were no specs"},
		"filter took all":     {[]Spec{inState("A-01", Filtered)}, nil, Run{}, NotRun, 2, "left out all 1"},
		"nothing applies":     {[]Spec{skip("A-01", "x")}, nil, Run{}, NotRun, 3, "none of the selected specs"},
		"set-up failed":       {[]Spec{inState("A-01", Unstarted)}, nil, Run{SetupError: "no engine\nmore"}, Inconclusive, 3, "set-up failed: no engine"},
		"interrupted":         {append(full, inState("A-01", Interrupted)), lawHolds, Run{Interrupted: true}, Inconclusive, 4, "1 spec left without"},
		"interrupted, broken": {[]Spec{fail("A-01", ClusterFailure)}, lawHolds, Run{Interrupted: true}, Nonconformant, 4, ""},
		"interrupted early":   {nil, nil, Run{Interrupted: true}, Inconclusive, 4, "interrupted"},
		"ended early":         {append(full, inState("A-01", Unstarted)), lawHolds, Run{}, Inconclusive, 3, ""},
		"none started":        {[]Spec{inState("A-01", Unstarted)}, lawHolds, Run{}, Inconclusive, 3, "1 spec left without a result"},
		"spec of no claim":    {append(full, Spec{Text: "x", State: Passed}), lawHolds, Run{}, Inconclusive, 3, `"x" names no claim`},
		"spec of an unknown":  {append(full, pass("Z-01")), lawHolds, Run{}, Inconclusive, 3, "Z-01"},
		"spec of a law":       {append(full, pass("LAW-C")), lawHolds, Run{}, Inconclusive, 3, "LAW-C"},
		"unknown, and failed": {append(full, fail("Z-01", ClusterFailure)), lawHolds, Run{}, Nonconformant, 1, ""},
		"unknown law":         {full, append(lawHolds, Law{ID: "LAW-Z", Pods: 1}), Run{}, Inconclusive, 3, "LAW-Z"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			r := New(catalogue(), c.run, c.specs, c.laws)
			g.Expect(r.Verdict).To(Equal(c.verdict), r.Reason)
			g.Expect(r.ExitCode).To(Equal(c.exit))
			g.Expect(r.Reason).To(ContainSubstring(c.reason))
			g.Expect(r.Reason).NotTo(BeEmpty())
		})
	}
}

func TestCounts(t *testing.T) {
	g := NewWithT(t)
	r := sample()
	g.Expect(r.Summary).To(Equal(Counts{
		Claims: len(claims.All()), Conformant: 5 + 2 + 9, Nonconformant: 1, Inconclusive: 1, NotApplicable: 1,
		NotSelected: len(claims.All()) - 5 - 2 - 9 - 3,
		Specs:       7, SpecsPassed: 4, SpecsFailed: 2, SpecsSkipped: 1, SpecsFiltered: 1,
		LawPods: 41, LawVersions: 612,
	}))
}

func TestRecordOrder(t *testing.T) {
	g := NewWithT(t)
	specs := []Spec{pass("B-01"), skip("A-01", "x"), inState("A-01", Filtered), pass("A-01"), {Text: "lost", State: Passed}}
	r := New(catalogue(), Run{}, specs, lawHolds)
	var texts []string
	for _, s := range r.Specs {
		texts = append(texts, s.Text)
	}
	g.Expect(texts).To(Equal([]string{"good A-01", "skipped A-01", "good B-01", "lost"}), "in the order of the catalogue, without filtered ones")
	g.Expect(specs[0].Text).To(Equal("good B-01"), "the caller's list is left alone")
	g.Expect(r.Schema).To(Equal("podproof.record/v1"))
}
