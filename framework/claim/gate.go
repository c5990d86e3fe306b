package claim

import (
	"fmt"
	"slices"

	"github.com/podproof/podproof/fixtures/claims"
	"k8s.io/apimachinery/pkg/util/version"
)

// Facts are what gates ask about the cluster under test.
type Facts struct {
	// Server is the API server's version.
	Server *version.Version
	// Oldest is the lowest version of the API server and of the kubelets that can run
	// the pods: what is new in Kubernetes takes both.
	Oldest *version.Version
	// Capabilities are those of claims.Need… that this cluster and this
	// machine offer.
	Capabilities []string
	// Sources says, by capability, how it was found, or why it is not there.
	Sources map[string]string
	// Gates are the feature gates that claims name, on or off. One of which that is not
	// known is not among them.
	Gates map[string]bool
}

// NotApplicable returns why a claim, or one of the named parts of it, cannot be
// judged on a cluster with these facts, or "" when it can. Names that are no
// parts of the claim are those of a spec's other claims.
func (f Facts) NotApplicable(c claims.Claim, parts ...string) string {
	minor := fmt.Sprintf("%d.%d", f.Server.Major(), f.Server.Minor())
	if c.Since != "" && f.Oldest.LessThan(version.MustParseGeneric(c.Since)) {
		return fmt.Sprintf("%s holds since Kubernetes %s; the cluster is %s%s", c.ID, c.Since, minor, f.oldestNode())
	}
	if c.Until != "" && version.MustParseGeneric(minor).GreaterThan(version.MustParseGeneric(c.Until)) {
		return fmt.Sprintf("%s holds up to Kubernetes %s; the cluster is %s", c.ID, c.Until, minor)
	}
	if on, known := f.Gates[c.Gate]; known && !on {
		return fmt.Sprintf("%s needs the feature gate %s, which is off", c.ID, c.Gate)
	}
	if reason := f.lacking(c.ID, c.Needs); reason != "" {
		return reason
	}
	for _, p := range c.Parts {
		if slices.Contains(parts, p.Name) {
			if reason := f.lacking(c.ID+" "+p.Name, p.Needs); reason != "" {
				return reason
			}
		}
	}
	return ""
}

// oldestNode says of a cluster with kubelets that are older than its API server how old.
func (f Facts) oldestNode() string {
	if !f.Oldest.LessThan(f.Server) {
		return ""
	}
	return fmt.Sprintf(", with nodes of %d.%d", f.Oldest.Major(), f.Oldest.Minor())
}

func (f Facts) lacking(what string, needs []string) string {
	for _, need := range needs {
		if slices.Contains(f.Capabilities, need) {
			continue
		}
		reason := fmt.Sprintf("%s needs %s, which this cluster does not provide", what, need)
		if why := f.Sources[need]; why != "" {
			reason += ": " + why
		}
		return reason
	}
	return ""
}
