// Package existing looks at a cluster that is there already.
package existing

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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/podproof/podproof/framework/cluster"
	"github.com/podproof/podproof/framework/elsewhere/rights"
	"github.com/podproof/podproof/framework/ground/kind"
	"github.com/podproof/podproof/framework/progress"
)

// apiTimeout bounds the first answer of the API of a cluster that is there.
const apiTimeout = 10 * time.Second

// rightsTimeout bounds the questions about the user's rights.
const rightsTimeout = time.Minute

// Request says which cluster to look at, and how much of it is to be used.
type Request struct {
	// Kubeconfig is a file, or a list of files as in the environment variable
	// KUBECONFIG; "" is what kubectl would take. The Context "" is the
	// kubeconfig's current one.
	Kubeconfig, Context string
	// Namespaces and NodeSelector are those of cluster.Info.
	Namespaces   []string
	NodeSelector map[string]string
	Log          progress.Log
}

// NoSuchNodeError says that no node has the labels by which nodes are to be chosen.
type NoSuchNodeError struct{ Problem string }

func (e *NoSuchNodeError) Error() string { return e.Problem }

// Look looks at a cluster that is there already. Errors say what is wrong: the
// file, the context, the address that does not answer, the credentials, the rights that
// the user does not have (rights.MissingError), the labels that no node has
// (NoSuchNodeError).
func Look(ctx context.Context, r Request) (*cluster.Info, error) {
	if r.Log == nil {
		r.Log = progress.Discard()
	}
	kubeconfig, kubeContext, err := choose(r.Kubeconfig, r.Context)
	if err != nil {
		return nil, err
	}
	info := &cluster.Info{Kubeconfig: kubeconfig, Context: kubeContext, Namespaces: r.Namespaces, NodeSelector: r.NodeSelector}
	step := r.Log.Step("cluster of context "+kubeContext, time.Second)
	if err := look(ctx, info, r.Log); err != nil {
		step.Fail(err)
		return nil, err
	}
	if info.Confined() {
		step.Done(fmt.Sprintf("Kubernetes %s, namespaces: %d", info.ServerVersion, len(info.Namespaces)))
		return info, nil
	}
	step.Done(fmt.Sprintf("Kubernetes %s, nodes: %d", info.ServerVersion, len(info.Nodes)))
	if unused := info.UnusedNodes(); unused != "" {
		r.Log.Info("not used: %s", unused)
	}
	return info, nil
}

// CheckKubeconfig tells what is wrong with a kubeconfig and a context, as given to
// Look, without asking any cluster.
func CheckKubeconfig(kubeconfig, kubeContext string) error {
	_, _, err := choose(kubeconfig, kubeContext)
	return err
}

// choose finds the kubeconfig's files and the context in them.
func choose(kubeconfig, kubeContext string) (files, name string, err error) {
	found, err := kubeconfigFiles(kubeconfig)
	if err != nil {
		return "", "", err
	}
	files = strings.Join(found, string(filepath.ListSeparator))
	config, err := (&clientcmd.ClientConfigLoadingRules{Precedence: found}).Load()
	if err != nil {
		return "", "", fmt.Errorf("kubeconfig %s cannot be used: %w", files, err)
	}
	if name, err = pickContext(*config, kubeContext); err != nil {
		return "", "", fmt.Errorf("kubeconfig %s: %w", files, err)
	}
	return files, name, nil
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
			return nil, fmt.Errorf("%s is not a kubeconfig: %w", path, err)
		}
		found = append(found, path)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no kubeconfig: none of %s exists; name one, or let podproof make a cluster", strings.Join(files, ", "))
	}
	return found, nil
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
		return "", fmt.Errorf("no context is given, and the kubeconfig has no current one: %s", have)
	}
	if _, ok := config.Contexts[name]; !ok {
		return "", fmt.Errorf("no context %q: %s", name, have)
	}
	return name, nil
}

// look asks the cluster for what Info tells of it, once the user has the rights to.
func look(ctx context.Context, info *cluster.Info, log progress.Log) error {
	config, err := info.RESTConfig("podproof-setup")
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("context %s: %w", info.Context, err)
	}
	if err := answers(ctx, client, info.Context, config.Host); err != nil {
		return err
	}
	judging, cancel := context.WithTimeout(ctx, rightsTimeout)
	defer cancel()
	if err := rights.Check(judging, client, info.Namespaces); err != nil {
		return fmt.Errorf("context %s: %w", info.Context, err)
	}
	if info.Confined() {
		return info.Ask(ctx, false)
	}
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("listing the nodes: %w", err)
	}
	if err := checkSelector(nodes.Items, info.NodeSelector); err != nil {
		return err
	}
	here, err := kind.Recognise(ctx, info, nodes.Items, log)
	if err != nil {
		return err
	}
	if here != nil {
		return here.Describe(ctx)
	}
	return info.Ask(ctx, false)
}

// answers asks the API server for anything, and says who or what is in the way.
func answers(ctx context.Context, client kubernetes.Interface, kubeContext, host string) error {
	asking, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	err := client.Discovery().RESTClient().Get().AbsPath("/version").Do(asking).Error()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case apierrors.IsUnauthorized(err), apierrors.IsForbidden(err):
		return fmt.Errorf("the API at %s refuses the user of context %s: %w", host, kubeContext, err)
	case err != nil:
		return fmt.Errorf("the API of context %s at %s does not answer (waited at most %s): %w", kubeContext, host, apiTimeout, err)
	}
	return nil
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
