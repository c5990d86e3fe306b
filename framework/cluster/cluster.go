// Package cluster is what a spec knows of the cluster under test, and the little that it
// may do to one beyond its API (Control). It makes no clusters: those of podproof come
// from framework/ground/kind, all others from framework/ground/existing.
package cluster

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Info is what a test process has to know about the cluster. It travels between
// processes as JSON, without its Control.
type Info struct {
	Name          string `json:"name"`               // of the kind cluster, "" where it is none
	Kubeconfig    string `json:"kubeconfig"`         // file, or a list of files as in KUBECONFIG
	Context       string `json:"context"`            // in Kubeconfig
	ServerVersion string `json:"serverVersion"`      // v1.37.2
	Kind          bool   `json:"kind"`               // its nodes are containers of Provider
	Own           bool   `json:"own"`                // podproof made it
	Keep          bool   `json:"keep"`               // it stays for the next run
	Reused        bool   `json:"reused"`             // an earlier run had kept it
	Provider      string `json:"provider,omitempty"` // engine through which nodes can be reached, "" for none
	Cgroup        string `json:"cgroup,omitempty"`   // "v1" or "v2" on the nodes, "" where that cannot be seen
	Nodes         []Node `json:"nodes"`
	// Namespaces are those that the run is confined to: then it may ask for
	// nothing outside them, and knows of no nodes. None means that it makes
	// its own.
	Namespaces []string `json:"namespaces,omitempty"`
	// NodeSelector are the labels of the nodes that are used; none means all.
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// Only is the one node that the run is on, see OnNode; "" means that it is on all
	// that it may use.
	Only string `json:"only,omitempty"`
	// The image that specs run, once it is in the cluster, and the one that they
	// change it to. Set by whoever loads them.
	WitnessImage string `json:"witnessImage,omitempty"`
	WitnessTwin  string `json:"witnessTwin,omitempty"`
	WitnessBuild string `json:"witnessBuild,omitempty"`

	// Control is what may be done to the cluster beyond its API; nil where its nodes
	// are out of reach. Each process attaches its own.
	Control Control `json:"-"`
}

// Confined tells whether the run has only given namespaces, and no rights outside them.
func (i *Info) Confined() bool { return len(i.Namespaces) > 0 }

// RESTConfig is how to reach the cluster, with the rate limit of the client
// raised so far that it does not slow a run down.
func (i *Info) RESTConfig(userAgent string) (*rest.Config, error) {
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		&clientcmd.ClientConfigLoadingRules{Precedence: filepath.SplitList(i.Kubeconfig)},
		&clientcmd.ConfigOverrides{CurrentContext: i.Context}).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("kubeconfig %s, context %s: %w", i.Kubeconfig, i.Context, err)
	}
	config.UserAgent = userAgent
	config.QPS, config.Burst = 200, 400
	return config, nil
}

// Client is a client for the work before the specs.
func (i *Info) Client() (kubernetes.Interface, error) {
	config, err := i.RESTConfig("podproof-setup")
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(config)
}

// Ask fills in what the API server tells: its version and, unless the run is confined, the
// nodes. Only in a cluster that podproof made (ours) can a node be reserved: of somebody
// else's none may be taken away, whatever its labels.
func (i *Info) Ask(ctx context.Context, ours bool) error {
	client, err := i.Client()
	if err != nil {
		return err
	}
	version, err := client.Discovery().ServerVersion()
	if err != nil {
		return fmt.Errorf("asking for the server's version: %w", err)
	}
	i.ServerVersion = version.GitVersion
	i.Nodes = nil
	if i.Confined() {
		return nil
	}
	nodes, err := listNodes(ctx, client)
	if err != nil {
		return err
	}
	for _, node := range nodes {
		described := NodeOf(&node)
		described.Unchosen = !labels.SelectorFromSet(i.NodeSelector).Matches(labels.Set(node.Labels))
		described.Reserved = described.Reserved && ours
		i.Nodes = append(i.Nodes, described)
	}
	return nil
}

// UnusedNodes names the nodes to which no plain pod of the run comes, and why.
func (i *Info) UnusedNodes() string {
	var words []string
	for _, n := range i.Nodes {
		if why := n.Unused(); why != "" && !n.Reserved {
			words = append(words, fmt.Sprintf("node %s (%s)", n.Name, why))
		}
	}
	return strings.Join(words, ", ")
}

// ReservedNode is the node that Control may take away, nil where there is none: it is
// a worker of a cluster of podproof's with several.
func (i *Info) ReservedNode() *Node {
	for n := range i.Nodes {
		if i.Nodes[n].Reserved {
			return &i.Nodes[n]
		}
	}
	return nil
}
