package spec

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/cluster"
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
	f := claim.Facts{Server: server, Sources: map[string]string{}}
	found := func(capability string, is bool, how, whyNot string) {
		f.Sources[capability] = whyNot
		if is {
			f.Capabilities = append(f.Capabilities, capability)
			f.Sources[capability] = how
		}
	}
	found(claims.NeedNodeAccess, g.Cluster.Provider != "", "the nodes are containers of "+g.Cluster.Provider, "the nodes are not containers of an engine on this machine")
	spare := slices.IndexFunc(g.Cluster.Nodes, func(n cluster.Node) bool { return n.Ready && n.Reserved })
	if spare >= 0 {
		found(claims.NeedSpareNode, true, "podproof made node "+g.Cluster.Nodes[spare].Name+" to be taken away", "")
	} else {
		found(claims.NeedSpareNode, false, "", "podproof has made no node that it may take away")
	}
	if two := twoNodes(g.Cluster.Nodes); two != nil {
		found(claims.NeedSecondNode, true, fmt.Sprintf("nodes %s and %s can run pods", two[0].Name, two[1].Name), "")
	} else {
		found(claims.NeedSecondNode, false, "", "no two of the nodes can run pods")
	}
	found(claims.NeedCgroupV2, g.Cluster.Cgroup == "v2", "the nodes use cgroup v2", "the nodes use cgroup "+cmp.Or(g.Cluster.Cgroup, "of a version that cannot be seen from here"))
	// A cluster can be tested without a kubectl; what is lost are the parts of
	// claims that need one.
	if g.Kubectl, err = kubectl.Find(ctx, g.Cluster, server); err == nil {
		found(claims.NeedKubectl, true, fmt.Sprintf("kubectl %s of %s", g.Kubectl.Version, g.Kubectl.Where), "")
	} else {
		found(claims.NeedKubectl, false, "", err.Error())
	}
	return f, nil
}
