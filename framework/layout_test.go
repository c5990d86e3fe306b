package framework_test

import (
	"os/exec"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

const module = "github.com/podproof/podproof/"

// The rooms of the house, and what none of their packages may link, directly or through
// others. Arrows go from suites to framework to reports and fixtures.
func TestWhatPackagesLink(t *testing.T) {
	for name, rule := range map[string]struct {
		packages []string
		never    []string // beginnings of import paths
	}{
		"framework knows no suites": {
			[]string{"./framework/..."}, []string{module + "suites"},
		},
		"observing pods does not depend on making clusters": {
			[]string{"./framework/spec", "./framework/pod", "./framework/journal", "./framework/law", "./framework/namespace", "./framework/kubectl", "./framework/witness"},
			[]string{"sigs.k8s.io/kind", "github.com/google/go-containerregistry", module + "framework/ground", module + "framework/setup", module + "framework/options"},
		},
		"the journal records and does not judge": {
			[]string{"./framework/journal"}, []string{module + "fixtures", module + "reports", module + "framework/law", module + "framework/claim"},
		},
		"fixtures import no framework": {
			[]string{"./fixtures/..."}, []string{module + "framework", module + "suites"},
		},
		"claims and reports need neither a test runner nor a cluster": {
			[]string{"./fixtures/claims", "./reports/..."}, []string{"github.com/onsi/ginkgo", "k8s.io/client-go", module + "framework", module + "suites"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			for _, path := range linked(g, rule.packages) {
				for _, never := range rule.never {
					g.Expect(path == never || strings.HasPrefix(path, never+"/")).To(BeFalse(),
						"%s links %s; `go list -deps` says how", strings.Join(rule.packages, " "), path)
				}
			}
		})
	}
}

// linked are the packages and all that they link, tests left out.
func linked(g Gomega, packages []string) []string {
	list := exec.Command("go", append([]string{"list", "-deps"}, packages...)...)
	list.Dir = ".." // the root of the module
	out, err := list.Output()
	g.Expect(err).NotTo(HaveOccurred())
	return strings.Fields(string(out))
}
