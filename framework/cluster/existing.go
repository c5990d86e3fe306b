package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/podproof/podproof/framework/ground/engine"
	"github.com/podproof/podproof/framework/progress"
	"github.com/podproof/podproof/framework/rights"
)

// apiTimeout bounds the first answer of the API of a cluster that is there.
const apiTimeout = 10 * time.Second

// rightsTimeout bounds the questions about the user's rights.
const rightsTimeout = time.Minute

// ExistingRequest says which cluster to look at, and how much of it is to be used.
type ExistingRequest struct {
	// Kubeconfig is a file, or a list of files as in the environment variable
	// KUBECONFIG; "" is what kubectl would take. The Context "" is the
	// kubeconfig's current one.
	Kubeconfig, Context string
	// Namespaces and NodeSelector are those of Info.
	Namespaces   []string
	NodeSelector map[string]string
	Log          progress.Log
}

// NoSuchNodeError says that no node has the labels by which nodes are to be chosen.
type NoSuchNodeError struct{ Problem string }

func (e *NoSuchNodeError) Error() string { return e.Problem }

// Existing looks at a cluster that is there already. Errors say what is wrong: the
// file, the context, the address that does not answer, the credentials, the rights that
// the user does not have (rights.MissingError), the labels that no node has
// (NoSuchNodeError).
func Existing(ctx context.Context, r ExistingRequest) (*Info, error) {
	if r.Log == nil {
		r.Log = progress.Discard()
	}
	kubeconfig, kubeContext, err := choose(r.Kubeconfig, r.Context)
	if err != nil {
		return nil, err
	}
	info := &Info{Kubeconfig: kubeconfig, Context: kubeContext, Namespaces: r.Namespaces, NodeSelector: r.NodeSelector, log: r.Log}
	step := r.Log.Step("cluster of context "+kubeContext, time.Second)
	if err := info.look(ctx); err != nil {
		step.Fail(err)
		return nil, err
	}
	if info.Confined() {
		step.Done(fmt.Sprintf("Kubernetes %s, namespaces: %d", info.ServerVersion, len(info.Namespaces)))
		return info, nil
	}
	step.Done(fmt.Sprintf("Kubernetes %s, nodes: %d", info.ServerVersion, len(info.Nodes)))
	if unused := info.unusedNodes(); unused != "" {
		r.Log.Info("no pods are put on %s", unused)
	}
	return info, nil
}

// unusedNodes names the nodes to which no plain pod of the run comes, and why.
func (i *Info) unusedNodes() string {
	var words []string
	for _, n := range i.Nodes {
		if why := n.Unused(); why != "" && !n.Reserved {
			words = append(words, fmt.Sprintf("node %s (%s)", n.Name, why))
		}
	}
	return strings.Join(words, ", ")
}

// CheckKubeconfig tells what is wrong with a kubeconfig and a context, as given to
// Existing, without asking any cluster.
func CheckKubeconfig(kubeconfig, kubeContext string) error {
	_, _, err := choose(kubeconfig, kubeContext)
	return err
}

// choose finds the kubeconfig's files and the context in them.
func choose(kubeconfig, kubeContext string) (files, context string, err error) {
	found, err := kubeconfigFiles(kubeconfig)
	if err != nil {
		return "", "", err
	}
	files = strings.Join(found, string(filepath.ListSeparator))
	raw, err := clientConfig(files, "").RawConfig()
	if err != nil {
		return "", "", fmt.Errorf("kubeconfig %s cannot be used: %w", files, err)
	}
	if context, err = pickContext(raw, kubeContext); err != nil {
		return "", "", fmt.Errorf("kubeconfig %s: %w", files, err)
	}
	return files, context, nil
}

// kubeconfigFiles are the files that make up a kubeconfig, as absolute paths.
// With "" those that are not there are left out, as kubectl does.
func kubeconfigFiles(kubeconfig string) ([]string, error) {
	given := kubeconfig != ""
	files := filepath.SplitList(kubeconfig)
	if !given {
		files = clientcmd.NewDefaultClientConfigLoadingRules().GetLoadingPrecedence()
	}
	var found []string
	for _, file := range files {
		if file == "" {
			continue
		}
		path, err := filepath.Abs(file)
		if err != nil {
			return nil, fmt.Errorf("kubeconfig %s: %w", file, err)
		}
		content, err := os.ReadFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist) && !given:
			continue
		case errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("kubeconfig %s does not exist: %w", path, err)
		case err != nil:
			return nil, fmt.Errorf("kubeconfig %s cannot be read: %w", path, err)
		}
		if _, err := clientcmd.Load(content); err != nil {
			return nil, fmt.Errorf("%s is no kubeconfig: %w", path, err)
		}
		found = append(found, path)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no kubeconfig: none of %s exists; name one, or let podproof make a cluster", strings.Join(files, ", "))
	}
	return found, nil
}

func clientConfig(kubeconfig, kubeContext string) clientcmd.ClientConfig {
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		&clientcmd.ClientConfigLoadingRules{Precedence: filepath.SplitList(kubeconfig)},
		&clientcmd.ConfigOverrides{CurrentContext: kubeContext})
}

func pickContext(config clientcmdapi.Config, name string) (string, error) {
	var names []string
	for name := range config.Contexts {
		names = append(names, name)
	}
	slices.Sort(names)
	have := "it has no contexts"
	if len(names) > 0 {
		have = "it has " + strings.Join(names, ", ")
	}
	if name == "" {
		name = config.CurrentContext
	}
	if name == "" {
		return "", fmt.Errorf("no context is chosen and none is current: %s", have)
	}
	if _, ok := config.Contexts[name]; !ok {
		return "", fmt.Errorf("no context %q: %s", name, have)
	}
	return name, nil
}

// look asks the cluster for what Info tells of it, once the user has the rights to.
func (i *Info) look(ctx context.Context) error {
	config, err := i.RESTConfig("podproof-setup")
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("context %s: %w", i.Context, err)
	}
	asking, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	err = client.Discovery().RESTClient().Get().AbsPath("/version").Do(asking).Error()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case apierrors.IsUnauthorized(err), apierrors.IsForbidden(err):
		return fmt.Errorf("the API at %s does not let the user of context %s in: %w", config.Host, i.Context, err)
	case err != nil:
		return fmt.Errorf("the API of context %s at %s does not answer (waited at most %s): %w", i.Context, config.Host, apiTimeout, err)
	}
	judging, cancel := context.WithTimeout(ctx, rightsTimeout)
	defer cancel()
	if err := rights.Check(judging, client, i.Namespaces); err != nil {
		return fmt.Errorf("context %s: %w", i.Context, err)
	}
	if i.Confined() {
		return i.describe(ctx)
	}
	nodes, err := listNodes(ctx, client)
	if err != nil {
		return err
	}
	if err := checkSelector(nodes, i.NodeSelector); err != nil {
		return err
	}
	i.findProvider(ctx, nodes)
	if i.made {
		if err := i.recoverAbandoned(ctx); err != nil {
			return err
		}
	}
	return i.describe(ctx)
}

// mostLabels is how many labels are named when none of them is the one asked for.
const mostLabels = 30

// checkSelector says which labels could be meant when no node has those given.
func checkSelector(nodes []corev1.Node, selector map[string]string) error {
	wanted := labels.SelectorFromSet(selector)
	var same, all []string
	for _, node := range nodes {
		if wanted.Matches(labels.Set(node.Labels)) {
			return nil
		}
		for key, value := range node.Labels {
			all = append(all, key+"="+value)
			if _, asked := selector[key]; asked {
				same = append(same, key+"="+value)
			}
		}
	}
	meant := same
	if len(meant) == 0 {
		meant = all
	}
	slices.Sort(meant)
	meant = slices.Compact(meant)
	more := ""
	if len(meant) > mostLabels {
		meant, more = meant[:mostLabels], " …"
	}
	return &NoSuchNodeError{fmt.Sprintf("node-selector: none of the %d nodes has %s; there are %s%s", len(nodes), wanted, strings.Join(meant, ", "), more)}
}

// findProvider recognises a kind cluster whose nodes are containers here, by the
// provider ID that kind gives its nodes: kind://<engine>/<cluster>/<node>.
// Of those it tells which ones podproof has made.
func (i *Info) findProvider(ctx context.Context, nodes []corev1.Node) {
	name, cluster := kindProvider(nodes)
	if name == "" {
		return
	}
	e, err := engine.Find(ctx, name)
	if err != nil {
		return
	}
	here, err := containers(ctx, e, cluster)
	if err != nil || len(here) < len(nodes) || !isHere(ctx, e, nodes[0]) {
		return
	}
	i.Kind, i.Name, i.Provider = true, cluster, e.Name
	i.made = !slices.ContainsFunc(here, func(c container) bool { return c.dir == "" })
}

// isHere says whether the container of the node's name is the node: that of a cluster on
// another machine, or of another engine, may have the same one.
func isHere(ctx context.Context, e *engine.Engine, node corev1.Node) bool {
	id, err := e.Output(ctx, "exec", node.Name, "cat", "/etc/machine-id")
	return err == nil && id != "" && id == node.Status.NodeInfo.MachineID
}

// kindProvider returns the engine and the cluster that all nodes name, or "".
func kindProvider(nodes []corev1.Node) (provider, cluster string) {
	for _, node := range nodes {
		parts := strings.Split(strings.TrimPrefix(node.Spec.ProviderID, "kind://"), "/")
		if !strings.HasPrefix(node.Spec.ProviderID, "kind://") || len(parts) != 3 || parts[2] != node.Name {
			return "", ""
		}
		if cluster != "" && (parts[0] != provider || parts[1] != cluster) {
			return "", ""
		}
		provider, cluster = parts[0], parts[1]
	}
	return provider, cluster
}
