package mutation

import (
	"context"
	"encoding/json"
	"fmt"
	"path"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/retry"

	"github.com/podproof/podproof/framework/ground/kind"
)

// daemonSet is a component that a DaemonSet of kube-system runs on every node. The
// wrong program lies on the nodes and is mounted over the image's own.
type daemonSet struct {
	name string
	pids map[string]string // of the program by node, since install
}

// original is the annotation in which the DaemonSet itself keeps the template that
// it had.
const original = "podproof.test/original-template"

func (d *daemonSet) install(ctx context.Context, c *kind.Cluster, dir string) error {
	nodes := nodesOf(c, "")
	before, err := findProcess(ctx, c, nodes[0], d.name)
	if err != nil {
		return err
	}
	file := path.Join(brought, d.name)
	for _, node := range nodes {
		if err := c.CopyToNode(ctx, node, program(dir, d.name), file); err != nil {
			return err
		}
	}
	err = d.change(ctx, c, func(template *corev1.PodTemplateSpec, annotations map[string]string) error {
		kept, err := json.Marshal(template)
		if err != nil {
			return err
		}
		annotations[original] = string(kept)
		if len(template.Spec.Containers) != 1 {
			return fmt.Errorf("DaemonSet %s has %d containers and not one", d.name, len(template.Spec.Containers))
		}
		mountOver(&template.Spec, file, before.path)
		return nil
	})
	if err != nil {
		return err
	}
	d.pids = map[string]string{}
	for _, node := range nodes {
		if d.pids[node], err = awaitProcess(ctx, c, node, d.name, file); err != nil {
			return err
		}
	}
	return works(ctx, c)
}

func (d *daemonSet) restore(ctx context.Context, c *kind.Cluster) error {
	changed := false
	err := d.change(ctx, c, func(template *corev1.PodTemplateSpec, annotations map[string]string) error {
		kept, there := annotations[original]
		if !there {
			return nil
		}
		changed = true
		delete(annotations, original)
		*template = corev1.PodTemplateSpec{}
		return json.Unmarshal([]byte(kept), template)
	})
	if err != nil || !changed {
		return err
	}
	for _, node := range nodesOf(c, "") {
		if _, err := awaitProcess(ctx, c, node, d.name, ""); err != nil {
			return err
		}
		if _, err := c.Run(ctx, node, "rm", "-f", path.Join(brought, d.name)); err != nil {
			return err
		}
	}
	return works(ctx, c)
}

// change replaces the template of the DaemonSet, and has all of its pods replaced at
// once.
func (d *daemonSet) change(ctx context.Context, c *kind.Cluster, edit func(*corev1.PodTemplateSpec, map[string]string) error) error {
	client, err := clientOf(c)
	if err != nil {
		return err
	}
	sets := client.AppsV1().DaemonSets(metav1.NamespaceSystem)
	var set *appsv1.DaemonSet
	changed := false
	// Its controller writes its status each time that one of its pods crashes.
	err = retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		if set, err = sets.Get(ctx, d.name, metav1.GetOptions{}); err != nil {
			return err
		}
		if set.Annotations == nil {
			set.Annotations = map[string]string{}
		}
		had := len(set.Annotations)
		if err := edit(&set.Spec.Template, set.Annotations); err != nil {
			return err
		}
		if changed = len(set.Annotations) != had; !changed {
			return nil
		}
		set, err = sets.Update(ctx, set, metav1.UpdateOptions{})
		return err
	})
	if err != nil || !changed {
		return err
	}
	// The DaemonSet's controller would replace one pod after the other.
	return client.CoreV1().Pods(metav1.NamespaceSystem).DeleteCollection(ctx, metav1.DeleteOptions{},
		metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(set.Spec.Selector)})
}

func (d *daemonSet) intact(ctx context.Context, c *kind.Cluster) error {
	for node, pid := range d.pids {
		now, err := findProcess(ctx, c, node, d.name)
		if err != nil {
			return err
		}
		if now.pid != pid {
			return fmt.Errorf("%s ended on node %s and was started again", d.name, node)
		}
	}
	return nil
}

func clientOf(c *kind.Cluster) (kubernetes.Interface, error) {
	config, err := c.RESTConfig("podproof-mutants")
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(config)
}
