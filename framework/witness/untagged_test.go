package witness

import (
	"testing"

	. "github.com/onsi/gomega"
)

func TestUntagged(t *testing.T) {
	g := NewWithT(t)
	for reference, want := range map[string]string{
		"podproof.test/witness:0a":       "podproof.test/witness",
		"r.test:5000/w:1":                "r.test:5000/w",
		"r.test:5000/w":                  "r.test:5000/w",
		"r.test:5000/w:1@sha256:0a0a0a0": "r.test:5000/w",
		"r.test/w@sha256:0a0a0a0":        "r.test/w",
	} {
		g.Expect(Untagged(reference)).To(Equal(want))
	}
}
