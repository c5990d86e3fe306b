package nodeimage

import (
	"github.com/podproof/podproof/fixtures/versions"
	"github.com/podproof/podproof/framework/ground/nodeimage/build"
)

import ()

// Candidate is a node image that a run on a kind cluster can use.
type Candidate struct {
	Image  string
	Source Source // Pulled or Built
}

// Candidates lists the node images for a Kubernetes version, which versions.Find reads,
// in the order in which Resolve tries them on a machine that has none of them.
func Candidates(version string) ([]Candidate, error) {
	t, err := versions.FindTarget(version)
	if err != nil {
		return nil, err
	}
	var all []Candidate
	if t.Published != "" && t.Allows(t.PublishedVersion()) {
		all = append(all, Candidate{t.Published, Pulled})
	}
	if t.Allows(t.Build) {
		all = append(all, Candidate{build.Reference(t.Version), Built})
	}
	return all, nil
}
