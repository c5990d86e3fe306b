package nodeimage

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/fixtures/versions"
	"github.com/podproof/podproof/framework/ground/nodeimage/build"
)

func TestCandidates(t *testing.T) {
	g := NewWithT(t)
	for _, v := range versions.Supported() {
		want := []Candidate{{build.Reference(v), Built}}
		if v.Published != "" {
			want = append([]Candidate{{v.Published, Pulled}}, want...)
		}
		g.Expect(Candidates(v.Minor)).To(Equal(want), v.Minor)
		if v.Published != "" && v.PublishedVersion() != v.Build {
			g.Expect(Candidates(v.Build)).To(Equal(want[1:]), "a patch that is only built")
			g.Expect(Candidates(v.PublishedVersion())).To(Equal(want[:1]), "a patch that is only published")
		}
	}
	_, err := Candidates("1.2")
	g.Expect(err).To(MatchError(versions.ErrUnsupported))
}
