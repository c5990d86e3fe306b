package spec

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

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

// gateTime bounds how long the API server may take to tell of its feature gates.
const gateTime = 5 * time.Second

// Gates says of the feature gates that claims name whether they are on, or why that is
// not known. It is for the record; a claim whose gate is off is found out by its specs.
func Gates(ctx context.Context) map[string]string {
	if ground == nil {
		return nil // set-up did not get that far
	}
	var names []string
	for _, c := range claims.All() {
		if c.Gate != "" && !slices.Contains(names, c.Gate) {
			names = append(names, c.Gate)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, gateTime)
	defer cancel()
	on, err := ground.API.Gates(ctx, names)
	said := map[string]string{}
	for _, name := range names {
		state, known := on[name]
		switch {
		case err != nil:
			said[name] = "not known: " + err.Error()
		case !known:
			said[name] = "not known to the API server"
		case state:
			said[name] = "on"
		default:
			said[name] = "off"
		}
	}
	return said
}
