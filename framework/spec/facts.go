package spec

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/cluster"
	"github.com/podproof/podproof/framework/kubectl"
	"github.com/podproof/podproof/framework/namespace"
	"github.com/podproof/podproof/framework/pod"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"
)

// detect finds out once what gates ask about.
func detect(ctx context.Context, g *namespace.Ground) (claim.Facts, error) {
	server, err := version.ParseGeneric(g.API.Server.GitVersion)
	if err != nil {
		return claim.Facts{}, fmt.Errorf("the server's version %q: %w", g.API.Server.GitVersion, err)
	}
	f := claim.Facts{Server: server, Oldest: server, Sources: map[string]string{}}
	for _, n := range g.Cluster.Nodes {
		if kubelet, err := version.ParseGeneric(n.Kubelet); err == nil && g.Cluster.Uses(n) && kubelet.LessThan(f.Oldest) {
			f.Oldest = kubelet
		}
	}
	found := func(capability string, is bool, how, whyNot string) {
		f.Sources[capability] = whyNot
		if is {
			f.Capabilities = append(f.Capabilities, capability)
			f.Sources[capability] = how
		}
	}
	notOurs := "the run is confined to given namespaces, and does not look at the cluster's nodes"
	found(claims.NeedNodes, !g.Cluster.Confined(), "the API lists them", notOurs)
	if g.Cluster.Confined() {
		admitted, whyNot := admitsUnrestricted(ctx, g)
		found(claims.NeedUnrestricted, admitted, "all given namespaces admit such a pod", whyNot)
	} else {
		found(claims.NeedUnrestricted, true, "podproof makes the namespaces", "")
	}
	found(claims.NeedNodeAccess, g.Cluster.Control != nil, "the nodes are containers of "+g.Cluster.Provider, "the nodes are not containers of an engine on this machine")
	spare := slices.IndexFunc(g.Cluster.Nodes, func(n cluster.Node) bool { return n.Ready && n.Reserved })
	if spare >= 0 {
		found(claims.NeedSpareNode, true, "podproof made node "+g.Cluster.Nodes[spare].Name+" to be taken away", "")
	} else if g.Cluster.Only != "" {
		found(claims.NeedSpareNode, false, "", "a run on one node takes no node away")
	} else {
		found(claims.NeedSpareNode, false, "", "podproof made no node here that it may take away")
	}
	if two := twoNodes(g.Cluster.Nodes); two != nil {
		found(claims.NeedSecondNode, true, fmt.Sprintf("nodes %s and %s can run pods", two[0].Name, two[1].Name), "")
	} else if g.Cluster.Confined() {
		found(claims.NeedSecondNode, false, "", notOurs)
	} else {
		found(claims.NeedSecondNode, false, "", "no two of the nodes can run pods")
	}
	found(claims.NeedCgroupV2, g.Cluster.Cgroup == "v2", "the nodes use cgroup v2", "the cgroup version of the nodes is "+cmp.Or(g.Cluster.Cgroup, "unknown"))
	// A cluster can be tested without a kubectl; what is lost are the parts of
	// claims that need one.
	if g.Kubectl, err = kubectl.Find(ctx, g.Cluster, server); err == nil {
		found(claims.NeedKubectl, true, fmt.Sprintf("kubectl %s of %s", g.Kubectl.Version, g.Kubectl.Where), "")
	} else {
		found(claims.NeedKubectl, false, "", err.Error())
	}
	return f, nil
}

// admitsUnrestricted finds out, by dry runs, whether all given namespaces admit a pod that
// Pod Security "restricted" and "baseline" forbid, as podproof's own namespaces do for the
// specs that ask for it, and why not.
func admitsUnrestricted(ctx context.Context, g *namespace.Ground) (bool, string) {
	for _, name := range g.Cluster.Namespaces {
		p := pod.New("podproof-unrestricted", pod.HostNetwork(), pod.Container("w", g.Cluster.WitnessImage, nil))
		if _, err := g.API.Client.CoreV1().Pods(name).Create(ctx, p, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}); err != nil {
			return false, fmt.Sprintf("namespace %s: %v", name, err)
		}
	}
	return true, ""
}

// errConfined is why something of the whole cluster is not known.
var errConfined = errors.New("the run is confined to given namespaces")

// oldestKubelet is how many minors a kubelet may be older than its API server.
// https://kubernetes.io/releases/version-skew-policy/#kubelet
const oldestKubelet = 3

// maybeTooOld tells whether a kubelet that goes with the server can be older than the
// claim is.
func maybeTooOld(c claims.Claim, server *version.Version) bool {
	if c.Since == "" {
		return false
	}
	since := version.MustParseGeneric(c.Since)
	return since.Major() == server.Major() && since.Minor()+oldestKubelet > server.Minor()
}

// gateTime bounds how long the API server may take to tell of its feature gates.
const gateTime = 5 * time.Second

// learnGates asks the API server once for the feature gates that claims name. That is for
// the specs of these claims and for the record: most test processes need not ask.
func learnGates(ctx context.Context) {
	gatesOnce.Do(func() {
		gatesUnknown = errConfined
		if ground.Cluster.Confined() {
			return
		}
		ctx, cancel := context.WithTimeout(ctx, gateTime)
		defer cancel()
		facts.Gates, gatesUnknown = ground.API.Gates(ctx, gateNames())
	})
}

func gateNames() []string {
	var names []string
	for _, c := range claims.All() {
		if c.Gate != "" && !slices.Contains(names, c.Gate) {
			names = append(names, c.Gate)
		}
	}
	return names
}

// Gates says of the feature gates that claims name whether they are on, or why that is
// not known. It is for the record; claims whose gate is off are not judged.
func Gates(ctx context.Context) map[string]string {
	if ground == nil {
		return nil // set-up did not get that far
	}
	learnGates(ctx)
	said := map[string]string{}
	for _, name := range gateNames() {
		on, known := facts.Gates[name]
		switch {
		case gatesUnknown != nil:
			said[name] = "not known: " + gatesUnknown.Error()
		case !known:
			said[name] = "not known to the API server"
		case on:
			said[name] = "on"
		default:
			said[name] = "off"
		}
	}
	return said
}

// WithoutGate ends a spec whose cluster does not do what a feature gate of its claim
// switches on, such as keep a field of the Pod: a failure when the gate is known to be on.
func WithoutGate(found string) {
	GinkgoHelper()
	for _, c := range claim.Of(CurrentSpecReport().Labels()) {
		on := facts.Gates[c.Gate]
		switch {
		case c.Gate == "":
		case on:
			Fail(fmt.Sprintf("%s, although the feature gate %s is on", found, c.Gate))
		case ground.Cluster.Confined():
			Skip(fmt.Sprintf("%s, as it must while the feature gate %s is off; a run in given namespaces cannot see whether it is off", found, c.Gate))
		default:
			Inconclusive("%s, and its metrics do not show whether its feature gate %s is off", found, c.Gate)
		}
	}
	Fail(found)
}
