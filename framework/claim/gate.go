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
	// Capabilities are those of claims.Need… that this cluster and this
	// machine offer.
	Capabilities []string
}

// NotApplicable returns why a claim cannot be judged on a cluster with these
// facts, or "" when it can.
func (f Facts) NotApplicable(c claims.Claim) string {
	minor := fmt.Sprintf("%d.%d", f.Server.Major(), f.Server.Minor())
	if c.Since != "" && f.Server.LessThan(version.MustParseGeneric(c.Since)) {
		return fmt.Sprintf("%s holds since Kubernetes %s; the cluster is %s", c.ID, c.Since, minor)
	}
	if c.Until != "" && version.MustParseGeneric(minor).GreaterThan(version.MustParseGeneric(c.Until)) {
		return fmt.Sprintf("%s holds up to Kubernetes %s; the cluster is %s", c.ID, c.Until, minor)
	}
	for _, need := range c.Needs {
		if !slices.Contains(f.Capabilities, need) {
			return fmt.Sprintf("%s needs %s, which is not to be had here", c.ID, need)
		}
	}
	return ""
}
