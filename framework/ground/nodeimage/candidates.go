package nodeimage

// Candidate is a node image that a run on a kind cluster can use.
type Candidate struct {
	Image  string
	Source Source // Pulled or Built
}

// Candidates lists the node images for a Kubernetes version, as Find reads it, in the
// order in which Resolve tries them when the machine has none of them.
func Candidates(version string) ([]Candidate, error) {
	t, err := findTarget(version)
	if err != nil {
		return nil, err
	}
	var all []Candidate
	if t.Published != "" && t.allows(t.PublishedVersion()) {
		all = append(all, Candidate{t.Published, Pulled})
	}
	if t.allows(t.Build) {
		all = append(all, Candidate{reference(t.Version), Built})
	}
	return all, nil
}
