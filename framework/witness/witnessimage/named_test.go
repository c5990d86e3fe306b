package witnessimage

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

func TestNamed(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("0a", 32)
	for name, c := range map[string]struct {
		reference, twin string
		want, wantTwin  string
		problem         string
	}{
		"none":                    {},
		"a tag":                   {reference: "r.test:5000/w:1", want: "r.test:5000/w:1", wantTwin: "r.test:5000/w:1-b"},
		"a twin of its own":       {reference: "r.test/w:1", twin: "r.test/twin:1", want: "r.test/w:1", wantTwin: "r.test/twin:1"},
		"digests":                 {reference: "r.test/w" + digest, twin: "r.test/w:b", want: "r.test/w" + digest, wantTwin: "r.test/w:b"},
		"a digest only":           {reference: "r.test/w" + digest, problem: "give it with --witness-twin"},
		"no tag":                  {reference: "r.test/w", problem: "has the tag latest"},
		"latest":                  {reference: "r.test/w:latest", problem: "has the tag latest"},
		"no reference":            {reference: "r.test/W W", problem: "is no image reference"},
		"a twin that is latest":   {reference: "r.test/w:1", twin: "r.test/w", problem: "witness-twin: \"r.test/w\" has the tag latest"},
		"a twin that is the same": {reference: "r.test/w:1", twin: "r.test/w:1", problem: "it is the witness itself"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			got, gotTwin, err := Named(c.reference, c.twin)
			if c.problem != "" {
				g.Expect(err).To(MatchError(ContainSubstring(c.problem)))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect([]string{got, gotTwin}).To(Equal([]string{c.want, c.wantTwin}))
		})
	}
}
