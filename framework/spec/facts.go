package spec

import (
	"context"
	"fmt"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/kubectl"
	"github.com/podproof/podproof/framework/namespace"
	"k8s.io/apimachinery/pkg/util/version"
)

// detect finds out once what gates ask about.
func detect(ctx context.Context, g *namespace.Ground) (claim.Facts, error) {
	server, err := version.ParseGeneric(g.API.Server.GitVersion)
	if err != nil {
		return claim.Facts{}, fmt.Errorf("the server's version %q: %w", g.API.Server.GitVersion, err)
	}
	f := claim.Facts{Server: server}
	if g.Cluster.Provider != "" {
		f.Capabilities = append(f.Capabilities, claims.NeedNodeAccess)
	}
	for _, n := range g.Cluster.Nodes {
		if n.Ready && n.Reserved {
			f.Capabilities = append(f.Capabilities, claims.NeedSpareNode)
		}
	}
	if twoNodes(g.Cluster.Nodes) != nil {
		f.Capabilities = append(f.Capabilities, claims.NeedSecondNode)
	}
	if g.Cluster.Cgroup == "v2" {
		f.Capabilities = append(f.Capabilities, claims.NeedCgroupV2)
	}
	// A cluster can be tested without a kubectl; what is lost are the parts of
	// claims that need one.
	if g.Kubectl, err = kubectl.Find(ctx, g.Cluster, server); err == nil {
		f.Capabilities = append(f.Capabilities, claims.NeedKubectl)
	} else {
		f.Missing = map[string]string{claims.NeedKubectl: err.Error()}
	}
	return f, nil
}
