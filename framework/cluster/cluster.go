// Package cluster makes the cluster that a run works on, with kind's library, or
// looks at one that is there already. A cluster of podproof's own has a
// kubeconfig file of its own; the user's is never written to.
package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/podproof/podproof/framework/ground/engine"
	"github.com/podproof/podproof/framework/ground/lockfile"
	"github.com/podproof/podproof/framework/progress"
)

// Info is what a test process has to know about the cluster. It travels between
// processes as JSON; only the process whose Up made it holds the lock on its
// name.
type Info struct {
	Name          string `json:"name"`               // of the kind cluster, "" where it is none
	Kubeconfig    string `json:"kubeconfig"`         // file, or a list of files as in KUBECONFIG
	Context       string `json:"context"`            // in Kubeconfig
	ServerVersion string `json:"serverVersion"`      // v1.37.2
	Kind          bool   `json:"kind"`               // its nodes are containers of Provider
	Own           bool   `json:"own"`                // podproof made it
	Keep          bool   `json:"keep"`               // Down leaves it for the next run
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

	// made says that podproof made the cluster, maybe for another run.
	made bool
	// takenAway are the nodes that another run has taken away at the moment.
	takenAway map[string]bool

	lock *lockfile.Lock
	down bool // already: by now the name may be another run's
	// undisturbed is what Disturb found written down about the cluster.
	undisturbed *state
	log         progress.Log
}

// Node is a node as it was when the cluster was made or looked at.
type Node struct {
	Name        string   `json:"name"`
	Hostname    string   `json:"hostname,omitempty"` // its label kubernetes.io/hostname
	Role        string   `json:"role"`               // control-plane or worker
	InternalIPs []string `json:"internalIPs"`
	Kubelet     string   `json:"kubelet"` // v1.37.2
	Runtime     string   `json:"runtime"` // containerd://2.4.0
	OS          string   `json:"os"`      // linux
	Ready       bool     `json:"ready"`
	Schedulable bool     `json:"schedulable"` // takes pods that tolerate nothing
	// Taints are the keys of those that keep pods off or drive them away.
	Taints   []string `json:"taints,omitempty"`
	Cordoned bool     `json:"cordoned,omitempty"`
	// Unchosen says that the node has not the labels of Info.NodeSelector.
	Unchosen bool `json:"unchosen,omitempty"`
	// Reserved says that podproof made this node to be taken away, see Lose. No
	// pod comes to it that does not tolerate the taint of ReservedKey.
	Reserved bool `json:"reserved,omitempty"`
}

// Confined tells whether the run has only given namespaces, and no rights outside them.
func (i *Info) Confined() bool { return len(i.Namespaces) > 0 }

// RESTConfig is how to reach the cluster, with the rate limit of the client
// raised so far that it does not slow a run down.
func (i *Info) RESTConfig(userAgent string) (*rest.Config, error) {
	config, err := clientConfig(i.Kubeconfig, i.Context).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("kubeconfig %s, context %s: %w", i.Kubeconfig, i.Context, err)
	}
	config.UserAgent = userAgent
	config.QPS, config.Burst = 200, 400
	return config, nil
}

func (i *Info) client() (kubernetes.Interface, error) {
	config, err := i.RESTConfig("podproof-setup")
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(config)
}

// NodeCommand runs a command on a node as root and returns what it printed. It
// works only where nodes are containers of an engine that is there (Provider).
func (i *Info) NodeCommand(ctx context.Context, node string, args ...string) (string, error) {
	if i.Provider == "" {
		return "", fmt.Errorf("no access to node %s: its machine is not a container of an engine here", node)
	}
	e := &engine.Engine{Name: i.Provider}
	return e.Output(ctx, append([]string{"exec", "--privileged", node}, args...)...)
}

// Down deletes a cluster that podproof made, with all that belongs to it, unless
// it is to be kept. It does nothing to any other cluster, and nothing the second
// time.
func (i *Info) Down(ctx context.Context) error {
	if !i.Own || i.down {
		return nil
	}
	if i.lock != nil {
		defer i.lock.Release()
	}
	if i.Keep {
		i.down = true
		return nil
	}
	k := newKind(&engine.Engine{Name: i.Provider}, i.Name, i.dir(), nil)
	if err := k.remove(ctx); err != nil {
		return fmt.Errorf("deleting cluster %s: %w", i.Name, err)
	}
	i.down = true
	return os.RemoveAll(i.dir())
}

// dir is the directory of a cluster of our own.
func (i *Info) dir() string { return filepath.Dir(i.Kubeconfig) }

func (i *Info) logger() progress.Log {
	if i.log == nil {
		return progress.Discard()
	}
	return i.log
}

// describe fills in what only the running cluster can tell.
func (i *Info) describe(ctx context.Context) error {
	client, err := i.client()
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
		return nil // whose nodes cannot be asked for
	}
	nodes, err := listNodes(ctx, client)
	if err != nil {
		return err
	}
	for _, node := range nodes {
		described := describeNode(&node)
		described.Unchosen = !labels.SelectorFromSet(i.NodeSelector).Matches(labels.Set(node.Labels))
		// Of somebody else's cluster no node is ours to take away, whatever its labels.
		described.Reserved = isReserved(&node) && (i.Own || i.made)
		if i.takenAway[node.Name] {
			// The API may say Ready for almost a minute more.
			described.Ready = false
		}
		i.Nodes = append(i.Nodes, described)
	}
	if i.Provider != "" && len(i.Nodes) > 0 {
		filesystem, err := i.NodeCommand(ctx, i.Nodes[0].Name, "stat", "--file-system", "--format", "%T", "/sys/fs/cgroup")
		if err != nil {
			return fmt.Errorf("looking at the cgroups of node %s: %w", i.Nodes[0].Name, err)
		}
		i.Cgroup = cgroupVersion(filesystem)
	}
	return nil
}

// cgroupVersion reads the type of the file system at /sys/fs/cgroup.
// https://kubernetes.io/docs/concepts/architecture/cgroups/#check-cgroup-version
func cgroupVersion(filesystem string) string {
	if strings.TrimSpace(filesystem) == "cgroup2fs" {
		return "v2"
	}
	return "v1"
}
