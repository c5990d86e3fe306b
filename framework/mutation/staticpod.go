package mutation

import (
	"context"
	"fmt"
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/podproof/podproof/fixtures/mutants"
	"github.com/podproof/podproof/framework/ground/kind"
)

// staticPod is a component of the control plane that its node's kubelet runs from a
// manifest. The wrong program lies on the node and is mounted over the image's own,
// so that no image has to be made.
type staticPod struct {
	name string
	pid  string // of the program, since install
}

func (p *staticPod) manifest() string { return "/etc/kubernetes/manifests/" + p.name + ".yaml" }

func (p *staticPod) install(ctx context.Context, c *kind.Cluster, dir string) error {
	node, err := controlPlane(c)
	if err != nil {
		return err
	}
	before, err := findProcess(ctx, c, node, p.name)
	if err != nil {
		return err
	}
	file := path.Join(brought, p.name)
	if err := c.CopyToNode(ctx, node, program(dir, p.name), file); err != nil {
		return err
	}
	text, err := c.Run(ctx, node, "cat", p.manifest())
	if err != nil {
		return err
	}
	var pod corev1.Pod
	if err := yaml.UnmarshalStrict([]byte(text), &pod); err != nil {
		return fmt.Errorf("%s: %w", p.manifest(), err)
	}
	if len(pod.Spec.Containers) != 1 {
		return fmt.Errorf("%s has %d containers and not one", p.manifest(), len(pod.Spec.Containers))
	}
	mountOver(&pod.Spec, file, before.path)
	changed, err := yaml.Marshal(pod)
	if err != nil {
		return err
	}
	kept := path.Join(originals, p.name+".yaml")
	script := fmt.Sprintf("set -e\nmkdir -p %s\n", originals) + keepOriginal(p.manifest(), kept) + replaceFile(p.manifest(), string(changed))
	if _, err := c.Run(ctx, node, "sh", "-c", script); err != nil {
		return err
	}
	if p.pid, err = awaitProcess(ctx, c, node, p.name, file); err != nil {
		return err
	}
	return p.works(ctx, c)
}

// works waits until the cluster works with the program that has just started.
func (p *staticPod) works(ctx context.Context, c *kind.Cluster) error {
	if p.name == mutants.APIServer {
		if err := reconnect(ctx, c); err != nil {
			return err
		}
	}
	return works(ctx, c)
}

// reconnect has all that watch the API server, which has just been exchanged, do so
// again at once. By themselves they try less and less often while it is away, and the
// scheduler and the controllers have lost their leases and end, to be started again
// after a back-off that grows with each exchange; a kubelet that starts knows of none.
func reconnect(ctx context.Context, c *kind.Cluster) error {
	if err := c.AwaitNodes(ctx, nil); err != nil { // which the API server has to answer first
		return err
	}
	end := ""
	for _, client := range []string{mutants.Proxy, mutants.Scheduler, mutants.ControllerManager} {
		end += fmt.Sprintf("%s | while read pid exe; do kill $pid || true; done\n", findScript(client))
	}
	kubelets := &onNodes{service: "kubelet"}
	since, err := kubelets.everywhere(ctx, c, func(context.Context, string) (string, error) {
		return kubelets.exchange(end, originals), nil
	})
	if err != nil {
		return err
	}
	return c.AwaitNodes(ctx, since)
}

func (p *staticPod) restore(ctx context.Context, c *kind.Cluster) error {
	node, err := controlPlane(c)
	if err != nil {
		return err
	}
	// The kubelet looks at every file whose name does not begin with a dot.
	script := fmt.Sprintf(`set -e
if test -e %[1]s; then
  cp -p %[1]s %[3]s/.podproof
  mv -f %[3]s/.podproof %[2]s
fi
`, path.Join(originals, p.name+".yaml"), p.manifest(), path.Dir(p.manifest()))
	if _, err := c.Run(ctx, node, "sh", "-c", script); err != nil {
		return err
	}
	if _, err := awaitProcess(ctx, c, node, p.name, ""); err != nil {
		return err
	}
	if err := p.works(ctx, c); err != nil {
		return err
	}
	_, err = c.Run(ctx, node, "rm", "-rf", path.Join(originals, p.name+".yaml"), path.Join(brought, p.name))
	return err
}

func (p *staticPod) intact(ctx context.Context, c *kind.Cluster) error {
	node, err := controlPlane(c)
	if err != nil {
		return err
	}
	now, err := findProcess(ctx, c, node, p.name)
	if err != nil {
		return err
	}
	if now.pid != p.pid {
		return fmt.Errorf("%s ended and was started again", p.name)
	}
	return nil
}

func controlPlane(c *kind.Cluster) (string, error) {
	nodes := nodesOf(c, "control-plane")
	if len(nodes) != 1 {
		return "", fmt.Errorf("the cluster has %d nodes of the control plane; components are exchanged where there is one", len(nodes))
	}
	return nodes[0], nil
}

// mountOver has the only container of the pod find a file of its node at the path.
func mountOver(pod *corev1.PodSpec, file, at string) {
	const name = "podproof-program"
	isFile := corev1.HostPathFile
	pod.Volumes = append(pod.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
		HostPath: &corev1.HostPathVolumeSource{Path: file, Type: &isFile},
	}})
	mounts := &pod.Containers[0].VolumeMounts
	*mounts = append(*mounts, corev1.VolumeMount{Name: name, MountPath: at, ReadOnly: true})
}

// replaceFile is a script that replaces a file by another text at one go.
func replaceFile(file, text string) string {
	return fmt.Sprintf("cat > %[1]s/.podproof <<'PODPROOF'\n%[2]s\nPODPROOF\nmv -f %[1]s/.podproof %[3]s\n",
		path.Dir(file), strings.TrimRight(text, "\n"), file)
}
