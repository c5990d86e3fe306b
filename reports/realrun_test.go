package reports

import (
	"encoding/json"
	"os"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/fixtures/claims"
)

// real is a quick run of November 2026 on a machine that was far too busy, with its
// specs on the back-off and on deletion only. Two of them failed, one by a mistake of
// the suite. The record was made before there were timelines: those of the two were
// put together from the stories and logs in their evidence.
func real(t *testing.T) Record {
	t.Helper()
	g := NewWithT(t)
	data, err := os.ReadFile("testdata/quick.json")
	g.Expect(err).NotTo(HaveOccurred())
	var part Record
	g.Expect(json.Unmarshal(data, &part)).To(Succeed())
	r := New(claims.All(), part.Run, part.Specs, part.Laws)
	r.Cluster, r.Setup = part.Cluster, part.Setup
	return r
}

func TestPageOfARealRun(t *testing.T) {
	g := NewWithT(t)
	page := htmlOf(t, real(t))
	for _, want := range []string{
		"a Pod whose process ends on SIGTERM must be gone long before its grace period is over\nExpected\n    &lt;time.Duration&gt;: 10651013447\nto be &lt;\n",
		"<td>50.407 s</td><td>outside</td><td>events</td><td>Unhealthy (4 times): Liveness probe failed: HTTP probe failed with statuscode: 500</td>",
		`href="evidence/does-not-wait-for-the-grace-period-when-the-process-ends-on--72"`,
		"Pod sick, phase: Running 18.5 s; container crasher: running 18.5 s, exit 143 36.6 s",
	} {
		g.Expect(page).To(ContainSubstring(want))
	}
}
