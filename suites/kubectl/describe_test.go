package kubectl

import (
	"testing"

	. "github.com/onsi/gomega"
)

func TestWhatIsSaidAboutAContainerEndsAtTheNext(t *testing.T) {
	g := NewWithT(t)
	described := "Name:  told\n" +
		"Containers:\n" +
		"  again:\n" +
		"    State:          Running\n" +
		"      Started:      Thu, 26 Nov 2026 16:02:00 +0000\n" +
		"    Restart Count:  1\n" +
		"  once:\n" +
		"    State:          Running\n" +
		"    Restart Count:  0\n" +
		"Conditions:\n" +
		"  Ready   True \n"
	g.Expect(about(described, "again")).To(And(HavePrefix("    State:"), ContainSubstring("Started:"), HaveSuffix("    Restart Count:  1\n")))
	g.Expect(about(described, "once")).To(Equal("    State:          Running\n    Restart Count:  0\n"))
	g.Expect(about(described, "agai")).To(BeEmpty(), "part of a name is none")
	g.Expect(about(described, "gain")).To(BeEmpty(), "part of a name is none")
	g.Expect(about("", "once")).To(BeEmpty())
}
