package onmutants

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/fixtures/mutants"
	"github.com/podproof/podproof/fixtures/versions"
	"github.com/podproof/podproof/framework/options"
)

func TestASampleOfMutantsIsTakenFromAllThatAreSelected(t *testing.T) {
	g := NewWithT(t)
	ids := func(f Filter, profile string) []string {
		chosen, err := f.Choose(profile)
		g.Expect(err).NotTo(HaveOccurred())
		var ids []string
		for _, m := range chosen {
			ids = append(ids, m.ID)
		}
		return ids
	}
	all := ids(Filter{Component: mutants.Kubelet, Every: 1}, options.Full)
	quick := ids(Filter{Component: mutants.Kubelet, Every: 1}, options.Quick)
	g.Expect(len(quick)).To(BeNumerically("<", len(all)))
	for _, id := range quick {
		m, err := mutants.Match([]string{id})
		g.Expect(err).NotTo(HaveOccurred())
		_, profile := focusOf(m[0], false)
		g.Expect(profile).To(Equal(options.Quick), id)
	}

	sample := ids(Filter{Component: mutants.Kubelet, Every: 8}, options.Quick)
	g.Expect(sample).To(HaveLen(len(quick) / 8))
	g.Expect(sample[:2]).To(Equal([]string{quick[7], quick[15]}))
}

func TestTheRestoredClusterIsTriedWithQuickClaims(t *testing.T) {
	g := NewWithT(t)
	g.Expect(quickOf([]string{"PHASE-UNK-01", "RESTART-03", "RESTART-03"})).To(Equal([]string{"RESTART-03"}))
	g.Expect(quickOf([]string{"PHASE-UNK-01", "PHASE-UNK-02"})).To(BeEmpty(), "which are all quick ones")
}

func TestFlagsThatSelectNoMutantAreBadUsage(t *testing.T) {
	for name, c := range map[string]struct {
		flags Filter
		want  string
	}{
		"unknown component":      {Filter{Component: "cubelet", Every: 1}, `component "cubelet" is unknown`},
		"unknown mutant":         {Filter{Mutants: "probe-nonsense", Every: 1}, "probe-nonsense"},
		"of another component":   {Filter{Mutants: "probe-*", Component: mutants.Kubectl, Every: 1}, "no mutant is selected"},
		"a sample of nothing":    {Filter{Every: 0}, "--every=0"},
		"a sample that is empty": {Filter{Component: mutants.Kubelet, Every: 10000}, "no mutant is selected"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.flags.Choose(options.Full)
			g := NewWithT(t)
			g.Expect(err).To(MatchError(ContainSubstring(c.want)))
			var usage *options.UsageError
			g.Expect(err).To(BeAssignableToTypeOf(usage))
		})
	}
}

func TestMutantsRunOnTheNodeImageThatIsBuilt(t *testing.T) {
	g := NewWithT(t)
	v, err := versions.Find("1.36")
	g.Expect(err).NotTo(HaveOccurred())
	for _, asked := range []string{"1.36", v.Build, strings.TrimPrefix(v.Build, "v")} {
		g.Expect(Version(options.Options{Kubernetes: asked})).To(Equal(v.Build))
	}
	g.Expect(Version(options.Options{Kubernetes: "1.36", NodeImage: "r.test/node:1"})).To(Equal("1.36"), "whoever names one knows what is in it")
	_, err = Version(options.Options{Kubernetes: v.PublishedVersion()})
	g.Expect(err).To(MatchError(ContainSubstring("of Kubernetes 1.36 those of " + v.Build)))
}
