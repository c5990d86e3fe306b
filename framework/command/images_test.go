package command

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/ground/nodeimage"
	"github.com/podproof/podproof/framework/witness/witnessimage"
)

func TestNeededImages(t *testing.T) {
	g := NewWithT(t)
	needed := neededImages(
		[]nodeimage.Candidate{{Image: "kindest/node:v9", Source: nodeimage.Pulled}, {Image: "podproof/node:v9", Source: nodeimage.Built}},
		&witnessimage.Image{Reference: "w:1", Twin: "w:1-b", Archive: "/a.tar"})
	var table, asJSON strings.Builder
	g.Expect(writeImages(&table, "table", needed)).To(Succeed())
	g.Expect(table.String()).To(And(
		MatchRegexp(`kindest/node:v9 +nodes of a kind cluster +kind's registry`),
		MatchRegexp(`podproof/node:v9 +nodes of a kind cluster +built here, where the one above cannot be had`),
		MatchRegexp(`w:1-b +specs that change the image of a container +built here +/a.tar`)))
	g.Expect(writeImages(&asJSON, "json", needed[2:3])).To(Succeed())
	g.Expect(asJSON.String()).To(MatchJSON(`{"images":[{"image":"w:1","for":"containers of all specs","from":"built here","archive":"/a.tar"}]}`))
	g.Expect(neededImages([]nodeimage.Candidate{{Image: "x", Source: nodeimage.Built}}, &witnessimage.Image{})[0].From).To(Equal("built here"))
}

func TestImagesOptions(t *testing.T) {
	for name, args := range map[string][]string{
		"a version that is none": {"--k8s=latest"}, "an unknown format": {"--format=yaml"}, "an argument": {"x"}, "an unknown flag": {"--y"},
	} {
		NewWithT(t).Expect(podproof(append([]string{"images"}, args...)...)).To(Equal(2), name)
	}
}
