package claim

import (
	"testing"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/claims"
	"k8s.io/apimachinery/pkg/util/version"
)

func TestSpecGetsItsLabelsAndTimesFromItsClaims(t *testing.T) {
	g := NewWithT(t)
	_, args, errs := decorate(types.NodeTypeIt, 0, "climbs", []any{Proves("BACKOFF-03"), Proves("BACKOFF-02"), func() {}})
	g.Expect(errs).To(BeEmpty())
	g.Expect(args).To(ContainElement(ginkgo.SpecTimeout(30*time.Second + patience)))
	g.Expect(args).To(ContainElement(ginkgo.SpecPriority(30)))
	g.Expect(args).To(ContainElement(ContainElements("id:BACKOFF-02", "id:BACKOFF-03", "profile:quick", "wait:30s")))

	_, args, errs = decorate(types.NodeTypeIt, 0, "climbs on", []any{ProvesPart("BACKOFF-04", "fourth restart"), func() {}})
	g.Expect(errs).To(BeEmpty())
	g.Expect(args).To(ContainElement(ContainElements("profile:full", "wait:1m10s", "part:fourth restart")))

	_, args, errs = decorate(types.NodeTypeIt, 0, "takes its time", []any{Proves("BACKOFF-03").Jitter(time.Minute), func() {}})
	g.Expect(errs).To(BeEmpty())
	g.Expect(args).To(ContainElement(ginkgo.SpecTimeout(10*time.Second + time.Minute + patience)))
	g.Expect(args).To(ContainElement(ContainElement("wait:10s")), "a jitter is not inherent")
}

func TestTimeLeftIsWhatGinkgoGivesTheSpecAtLeast(t *testing.T) {
	g := NewWithT(t)
	start := time.Now()
	spec := types.SpecReport{LeafNodeLabels: []string{"wait:30s"}, StartTime: start}
	g.Expect(timeLeft(spec, start)).To(Equal(30*time.Second + patience))
	g.Expect(timeLeft(spec, start.Add(time.Minute))).To(Equal(patience - 30*time.Second))
}

func TestSpecWithoutAKnownClaimIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		args []any
		want string
	}{
		"no claim":      {[]any{func() {}}, "names no claim"},
		"unknown claim": {[]any{Proves("BACKOFF-99")}, "BACKOFF-99"},
		"unknown part":  {[]any{ProvesPart("BACKOFF-02", "80 s")}, `no part "80 s"`},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			_, _, errs := decorate(types.NodeTypeIt, 0, "a spec", c.args)
			g.Expect(errs).To(ContainElement(MatchError(And(ContainSubstring(`"a spec"`), ContainSubstring(c.want)))))
		})
	}
}

func TestFilterSelectsByProfileAndClaim(t *testing.T) {
	quick := []string{"id:BACKOFF-02", "profile:quick"}
	full := []string{"id:BACKOFF-02", "profile:full"}
	other := []string{"id:BACKOFF-03", "profile:quick"}
	two := []string{"id:BACKOFF-02", "id:BACKOFF-03", "profile:quick"}
	chosen, err := claims.Match([]string{"BACKOFF-02"})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())

	for name, c := range map[string]struct {
		filter string
		takes  [][]string
		leaves [][]string
	}{
		"all":                {Filter(claims.Full, nil), [][]string{quick, full, other, two}, nil},
		"quick":              {Filter(claims.Quick, nil), [][]string{quick, other, two}, [][]string{full}},
		"one claim":          {Filter(claims.Full, chosen), [][]string{quick, full, two}, [][]string{other}},
		"one claim in quick": {Filter(claims.Quick, chosen), [][]string{quick, two}, [][]string{full, other}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			filter, err := types.ParseLabelFilter(c.filter)
			g.Expect(err).NotTo(HaveOccurred())
			for _, labels := range c.takes {
				g.Expect(filter(labels)).To(BeTrue(), "%v", labels)
			}
			for _, labels := range c.leaves {
				g.Expect(filter(labels)).To(BeFalse(), "%v", labels)
			}
		})
	}
}

func TestWhatIsNewTakesNewKubeletsToo(t *testing.T) {
	facts := Facts{Server: version.MustParseGeneric("1.36.3"), Oldest: version.MustParseGeneric("1.34.4")}
	NewWithT(t).Expect(facts.NotApplicable(claims.Claim{ID: "X-01", Since: "1.35"})).To(Equal("X-01 holds since Kubernetes 1.35; the cluster is 1.36, with nodes of 1.34"))
	NewWithT(t).Expect(facts.NotApplicable(claims.Claim{ID: "X-01", Since: "1.34"})).To(BeEmpty())
}

func TestGatesNameTheirReason(t *testing.T) {
	client := claims.Claim{ID: "X-01", Parts: []claims.Part{{Name: "with kubectl", Needs: []string{claims.NeedKubectl}}}}
	otherPart := claims.Claim{ID: "X-01", Parts: []claims.Part{{Name: "by hand", Needs: []string{claims.NeedKubectl}}}}
	for name, c := range map[string]struct {
		claim claims.Claim
		want  string
	}{
		"holds":       {claims.Claim{ID: "X-01", Since: "1.35", Until: "1.36"}, ""},
		"too old":     {claims.Claim{ID: "X-01", Since: "1.36"}, "X-01 holds since Kubernetes 1.36; the cluster is 1.35"},
		"too new":     {claims.Claim{ID: "X-01", Until: "1.34"}, "X-01 holds up to Kubernetes 1.34; the cluster is 1.35"},
		"not to have": {claims.Claim{ID: "X-01", Needs: []string{claims.NeedCgroupV2}}, "X-01 needs cgroup-v2, which this cluster does not provide"},
		"gate off":    {claims.Claim{ID: "X-01", Gate: "Off"}, "X-01 needs the feature gate Off, which is off"},
		"gate on":     {claims.Claim{ID: "X-01", Gate: "On"}, ""},
		"gate hidden": {claims.Claim{ID: "X-01", Gate: "Hidden"}, ""},
		"to have":     {claims.Claim{ID: "X-01", Needs: []string{claims.NeedSecondNode}}, ""},
		"part":        {client, "X-01 with kubectl needs kubectl, which this cluster does not provide: none on PATH"},
		"other part":  {otherPart, ""},
	} {
		t.Run(name, func(t *testing.T) {
			facts := Facts{Server: version.MustParseGeneric("1.35.4"), Oldest: version.MustParseGeneric("1.35.4"), Capabilities: []string{claims.NeedSecondNode}, Sources: map[string]string{claims.NeedKubectl: "none on PATH"},
				Gates: map[string]bool{"Off": false, "On": true}}
			NewWithT(t).Expect(facts.NotApplicable(c.claim, "with kubectl")).To(Equal(c.want))
		})
	}
}
