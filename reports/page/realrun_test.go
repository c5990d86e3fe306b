package page

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/reports/internal/sample"
)

func TestPageOfARealRun(t *testing.T) {
	g := NewWithT(t)
	page := htmlOf(t, sample.Real())
	for _, want := range []string{
		"a Pod whose process ends on SIGTERM must be gone long before its grace period is over\nExpected\n    &lt;time.Duration&gt;: 10651013447\nto be &lt;\n",
		"<td>50.407 s</td><td>outside</td><td>events</td><td>Unhealthy (4 times): Liveness probe failed: HTTP probe failed with statuscode: 500</td>",
		`href="evidence/does-not-wait-for-the-grace-period-when-the-process-ends-on--72"`,
		"Pod sick, phase: Running 18.5 s; container crasher: running 18.5 s, exit 143 36.6 s",
	} {
		g.Expect(page).To(ContainSubstring(want))
	}
}
