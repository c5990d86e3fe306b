package spec

import (
	"errors"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/reports"
)

// AsDocumented makes the assertion at the heart of a claim (or of the named part
// of it), about the pod of the story. It is for claims of which the catalogue
// knows that released versions deviate (claims.Deviations): on such a version
// the assertion has to fail, which becomes the verdict; that it holds is then
// a failure of podproof's table, and not of the cluster. It returns whether the
// assertion holds, and so whether what builds on it can be asserted too.
func AsDocumented(id, part string, story *journal.Story, assertion func()) bool {
	GinkgoHelper()
	known, version, err := deviation(id, part, story)
	if errors.Is(err, errConfined) {
		// Of a node that cannot be looked at, what is documented can still be seen.
		failure := InterceptGomegaFailure(assertion)
		if failure != nil {
			claim.Inconclusive(err.Error())
			Fail(failure.Error())
		}
		return true
	}
	if err != nil {
		claim.Inconclusive(err.Error())
		Fail(err.Error())
	}
	if known == nil {
		assertion()
		return true
	}
	failure := InterceptGomegaFailure(assertion)
	if failure == nil {
		reason := fmt.Sprintf("the %s %s is as documented, although %s is a known deviation of it; when the bug is repaired in this version, correct fixtures/claims/deviations.yaml", known.Component, version, known.Short())
		claim.Inconclusive(reason)
		Fail(reason)
	}
	found := recorded(*known, version)
	found.Found = failure.Error()
	claim.Deviated(*found)
	return false
}

// deviationFromLaw finds the known deviation from a law in the version of the component
// that treats the pod, for the record.
func deviationFromLaw(law string, story *journal.Story) (*reports.Deviation, error) {
	known, version, err := deviation(law, "", story)
	if err != nil || known == nil {
		return nil, err
	}
	return recorded(*known, version), nil
}

// recorded is a deviation as the record has it, but for what was found.
func recorded(known claims.Deviation, version string) *reports.Deviation {
	return &reports.Deviation{
		Claim: known.Claim, Issue: known.Issue, Short: known.Short(), Summary: known.Summary,
		Component: known.Component, Version: version,
	}
}

// deviation finds the known deviation of the component that treats the pod, and
// that component's version.
func deviation(id, part string, story *journal.Story) (*claims.Deviation, string, error) {
	for _, d := range claims.Deviations() {
		if d.Claim != id || d.Part != part {
			continue
		}
		version := ground.API.Server.GitVersion
		if d.Component == claims.Kubelet {
			version = kubeletOf(story)
			if version == "" && ground.Cluster.Confined() {
				return nil, "", fmt.Errorf("%w, so it is unknown whether the kubelet of pod %s has the bug %s", errConfined, story.Name(), d.Short())
			}
			if version == "" {
				return nil, "", fmt.Errorf("the node of pod %s is unknown, so it is unknown whether its kubelet has the bug %s", story.Name(), d.Short())
			}
		}
		has, err := d.Has(version)
		if err != nil {
			return nil, "", err
		}
		if has {
			return &d, version, nil
		}
	}
	return nil, "", nil
}

// kubeletOf is the version of the kubelet on the pod's node, "" when the pod
// has none that the set-up has seen.
func kubeletOf(story *journal.Story) string {
	pod := story.Last()
	if pod == nil {
		return ""
	}
	for _, n := range ground.Cluster.Nodes {
		if n.Name == pod.Spec.NodeName {
			return n.Kubelet
		}
	}
	return ""
}
