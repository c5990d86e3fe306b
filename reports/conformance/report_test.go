package conformance

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/internal/sample"
)

// wholeRun is a run of a profile in which every claim has a passed spec; spoil may
// change the specs.
func wholeRun(profile string, run reports.Run, spoil func([]reports.Spec)) reports.Record {
	var specs []reports.Spec
	for _, c := range claims.All() {
		if c.Law || c.Unreachable != "" {
			continue
		}
		s := sample.Pass(c.ID)
		s.Seconds = 1.26
		if !claims.Profile(profile).Includes(c.Profile) {
			s.State = reports.Filtered
		}
		specs = append(specs, s)
	}
	if spoil != nil {
		spoil(specs)
	}
	run.Profile, run.Version, run.Started = profile, "0.1.0", time.Date(2026, 11, 23, 12, 0, 0, 5, time.UTC)
	r := reports.New(claims.All(), run, specs, sample.Laws())
	r.Cluster = &reports.Cluster{Name: "c", ServerVersion: "v1.37.2", Kind: true, Cgroup: "v2", Nodes: []reports.Node{
		{Name: "secret-host", Role: "control-plane", Kubelet: "v1.37.2", Runtime: "containerd://2.1.4", OS: "linux"},
		{Name: "b", Kubelet: "v1.37.2", Runtime: "containerd://2.1.4", OS: "linux"}, {Name: "d", Kubelet: "v1.36.3"}}}
	return r
}

func published(t *testing.T, r reports.Record) Report {
	t.Helper()
	report, err := Of(r, Implementation{})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return report
}

func TestConformanceReport(t *testing.T) {
	g := NewWithT(t)
	r := wholeRun("full", reports.Run{}, func(specs []reports.Spec) { specs[1] = sample.Skip(specs[1].Claims[0], "needs a node\nmore") })
	report, err := Of(r, Implementation{Organization: "Acme", Project: "acme-kube", Version: "v7", Contact: []string{"@acme"}})
	g.Expect(err).NotTo(HaveOccurred())
	data, err := report.YAML()
	g.Expect(err).NotTo(HaveOccurred())
	text := string(data)
	for _, want := range []string{
		"schema: podproof.conformance/v1\n", "  project: acme-kube\n", "date: \"2026-11-23T12:00:00Z\"\n", "wholeProfile: true\n",
		"  kubelets:\n  - v1.37.2\n  - v1.36.3\n", "  runtimes:\n  - containerd://2.1.4\n", "  conformant:\n  - id: DEF-01\n    seconds: 1.3\n",
		"  notApplicable:\n  - id: DEF-02\n    reason: needs a node\n", "  nonconformant: []\n",
	} {
		g.Expect(text).To(ContainSubstring(want))
	}
	g.Expect(text).NotTo(ContainSubstring("secret-host"), "names of machines are nobody's business")
	back, err := Parse(data)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(back).To(Equal(report))
	g.Expect(back.Check()).To(BeEmpty())

	asJSON, err := yaml.YAMLToJSON(data)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(sample.Validate("../conformance.schema.json", asJSON)).To(Succeed())
	var loose map[string]any
	g.Expect(json.Unmarshal(asJSON, &loose)).To(Succeed())
	loose["result"] = "fine"
	asJSON, err = json.Marshal(loose)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(sample.Validate("../conformance.schema.json", asJSON)).NotTo(Succeed())
}

func TestScopeOfAConformanceReport(t *testing.T) {
	for name, c := range map[string]struct {
		record reports.Record
		whole  bool
		result reports.Verdict
	}{
		"full":            {wholeRun("full", reports.Run{}, nil), true, reports.Conformant},
		"quick":           {wholeRun("quick", reports.Run{}, nil), true, reports.Conformant},
		"a failure":       {wholeRun("full", reports.Run{}, func(s []reports.Spec) { s[0] = sample.Fail(s[0].Claims[0], reports.ClusterFailure) }), true, reports.Nonconformant},
		"could not test":  {wholeRun("full", reports.Run{}, func(s []reports.Spec) { s[0] = sample.Fail(s[0].Claims[0], reports.SuiteFailure) }), true, reports.Inconclusive},
		"filters":         {wholeRun("full", reports.Run{Filters: []string{"NET-*"}}, func(s []reports.Spec) { s[0].State = reports.Filtered }), false, reports.Conformant},
		"another filter":  {wholeRun("quick", reports.Run{}, func(s []reports.Spec) { s[0].State = reports.Filtered }), false, reports.Conformant},
		"interrupted":     {wholeRun("full", reports.Run{Interrupted: true}, nil), false, reports.Inconclusive},
		"ended too early": {wholeRun("full", reports.Run{}, func(s []reports.Spec) { s[0].State = reports.Unstarted }), false, reports.Inconclusive},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			report := published(t, c.record)
			g.Expect(report.WholeProfile).To(Equal(c.whole))
			g.Expect(report.Result).To(Equal(c.result))
		})
	}
}

func TestUnpublishable(t *testing.T) {
	g := NewWithT(t)
	_, err := Of(reports.New(claims.All(), reports.Run{SetupError: "x"}, nil, nil), Implementation{})
	g.Expect(err).To(MatchError(ErrUnpublishable))
	g.Expect(err).To(MatchError(ContainSubstring("set-up failed")))
	r := wholeRun("full", reports.Run{}, nil)
	r.Cluster.Kind = false
	_, err = Of(r, Implementation{})
	g.Expect(err).To(MatchError(ContainSubstring("--project")))
	r = wholeRun("full", reports.Run{}, nil)
	r.Claims[0].Verdict = reports.Nonconformant
	_, err = Of(r, Implementation{})
	g.Expect(err).To(MatchError(ContainSubstring("result is conformant, but verdicts.nonconformant names 1")), "a record that somebody has changed")
	r.Claims[0].Verdict = "fine"
	_, err = Of(r, Implementation{})
	g.Expect(err).To(MatchError(ContainSubstring(`"fine"`)))
}

func TestCheckRefuses(t *testing.T) {
	move := func(from, to *[]Claim) {
		*to = append(*to, (*from)[0])
		*from = (*from)[1:]
	}
	for name, c := range map[string]struct {
		spoil func(*Report)
		want  string
	}{
		"one number":        {func(r *Report) { r.Summary.Conformant++ }, "summary.conformant is"},
		"the sum":           {func(r *Report) { r.Summary.Claims++ }, "but the verdicts add up to"},
		"a name taken out":  {func(r *Report) { r.Verdicts.Conformant = r.Verdicts.Conformant[1:] }, "claim DEF-01 has no verdict"},
		"a name put in":     {func(r *Report) { r.Verdicts.Conformant[0].ID = "DEF-99" }, "names DEF-99, which this podproof does not know"},
		"a name twice":      {func(r *Report) { r.Verdicts.Conformant[0] = r.Verdicts.Conformant[1] }, "claim DEF-02 is named twice, under verdicts.conformant and verdicts.conformant"},
		"a failure":         {func(r *Report) { move(&r.Verdicts.Conformant, &r.Verdicts.Nonconformant) }, "result is conformant, but verdicts.nonconformant names 1"},
		"a doubt":           {func(r *Report) { move(&r.Verdicts.Conformant, &r.Verdicts.Inconclusive) }, "result is conformant, but 1 claim is inconclusive or not run"},
		"a claim left out":  {func(r *Report) { move(&r.Verdicts.Conformant, &r.Verdicts.NotSelected) }, "wholeProfile is true, but it leaves out claims of the profile full: DEF-01"},
		"a claim not run":   {func(r *Report) { r.Result = reports.Inconclusive; move(&r.Verdicts.Conformant, &r.Verdicts.NotRun) }, "wholeProfile is true, but 1 claim is not run"},
		"filters":           {func(r *Report) { r.Filters = []string{"NET-*"} }, "wholeProfile is true, but the run was made with filters: NET-*"},
		"an unknown result": {func(r *Report) { r.Result = "fine" }, `result is "fine"`},
		"a result too mild": {func(r *Report) {
			r.Result = reports.Inconclusive
			move(&r.Verdicts.Conformant, &r.Verdicts.Nonconformant)
		}, "result is inconclusive, but"},
		"an unknown profile": {func(r *Report) { r.Profile = "fast" }, `profile is "fast"`},
		"a time before zero": {func(r *Report) { r.Verdicts.Conformant[0].Seconds = -1 }, "claim DEF-01 took -1 seconds"},
		"no project":         {func(r *Report) { r.Implementation.Project = "" }, "implementation.project is empty"},
		"no version":         {func(r *Report) { r.Versions.Kubernetes = "" }, "versions.kubernetes is empty"},
		"nothing holds": {func(r *Report) {
			r.Verdicts.NotApplicable, r.Verdicts.Conformant = r.Verdicts.Conformant, nil
		}, "result is conformant, but no claim is"},
		"a quick run as full": {func(r *Report) { *r = published(t, wholeRun("quick", reports.Run{}, nil)); r.Profile = "full" }, "leaves out claims of the profile full: "},
	} {
		t.Run(name, func(t *testing.T) {
			r := published(t, wholeRun("full", reports.Run{}, nil))
			c.spoil(&r)
			var all []string
			for _, err := range r.Check() {
				all = append(all, err.Error())
			}
			NewWithT(t).Expect(strings.Join(all, "\n")).To(ContainSubstring(c.want))
		})
	}
}

func TestParseConformance(t *testing.T) {
	for text, want := range map[string]string{
		"{":            "it is not YAML",
		"schema: x/v1": `it has the schema "x/v1"; this podproof reads`,
		"schema: podproof.conformance/v1\nprofil: full": "profil",
	} {
		_, err := Parse([]byte(text))
		NewWithT(t).Expect(err).To(MatchError(ContainSubstring(want)))
	}
}
