package command

import (
	"os"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/suites"
	"github.com/spf13/pflag"
)

// The guide's table of options is written by hand, so that it can say more than --help.
func TestTheGuideHasEveryOption(t *testing.T) {
	g := NewWithT(t)
	guide, err := os.ReadFile("docs/guide/settings.md")
	g.Expect(err).NotTo(HaveOccurred())
	newRun(suites.Pods{}).Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "in-cluster" || f.Name == "sonobuoy" { // set by the manifests that podproof prints
			return
		}
		g.Expect(string(guide)).To(ContainSubstring("| `--"+f.Name+"` |"), "docs/guide/settings.md must have a row for --%s", f.Name)
	})
}
