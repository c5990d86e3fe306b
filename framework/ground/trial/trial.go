// Package trial proves that a cluster takes pods, before specs judge how it treats them.
package trial

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/podproof/podproof/framework/api"
	"github.com/podproof/podproof/framework/cluster"
	"github.com/podproof/podproof/framework/owner"
	"github.com/podproof/podproof/framework/progress"
)

// Times within which a pod has to run to its end on every node.
const (
	// usableTimeout is for an image that is on the nodes; it takes a second or two.
	usableTimeout = 60 * time.Second
	// PullPatience is for one that may have to be pulled by every node.
	PullPatience = 5 * time.Minute
	// logTimeout bounds the answer to a request for a log: of a node that it cannot
	// reach, the API server says so after 30 s.
	logTimeout = 40 * time.Second
	// apiTimeout bounds one answer of the API.
	apiTimeout = 10 * time.Second
)

// Request is what a trial runs.
type Request struct {
	// Images are run in a container each, with the same arguments, which have
	// to end with exit code 0 soon.
	Images []string
	Args   []string
	// Prints, when set, is what each container has to print.
	Prints string
	// Patience is how long that may take; 0 is enough where the image is on
	// the nodes.
	Patience time.Duration
	// RunID marks the pods in given namespaces.
	RunID string
	// Log is told what takes time.
	Log progress.Log
}

// Run runs a pod to its successful end on every node that takes pods, the reserved one
// too, or on the one that Only names, in a namespace of its own, which it then deletes
// without waiting for that. A run that is confined to namespaces has a pod in each of them
// instead, wherever the scheduler puts it, and leaves none. The error says what became of
// each pod. It is a DoubtError where the nodes say that the pods ran, and that cannot be.
func Run(ctx context.Context, c *cluster.Info, t Request) error {
	if t.Log == nil {
		t.Log = progress.Discard()
	}
	step := t.Log.Step("pod has run", 3*time.Second)
	try := t.onNodes
	if c.Confined() {
		try = t.inNamespaces
	}
	ran, err := try(ctx, c)
	if err != nil {
		step.Fail(err)
		return fmt.Errorf("the cluster is not usable: %w", err)
	}
	step.Done(ran)
	return nil
}

func (t Request) onNodes(ctx context.Context, c *cluster.Info) (ran string, err error) {
	client, err := c.Client()
	if err != nil {
		return "", err
	}
	within, cancel := t.within(ctx)
	defer cancel()
	wanted := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "podproof-usable-"}}
	owner.Mark(&wanted.ObjectMeta, "setup", owner.Current())
	namespace, err := client.CoreV1().Namespaces().Create(within, wanted, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("creating a namespace: %w", err)
	}
	defer func() {
		cleaning, cancel := context.WithTimeout(context.WithoutCancel(ctx), apiTimeout)
		defer cancel()
		failed := client.CoreV1().Namespaces().Delete(cleaning, namespace.Name, metav1.DeleteOptions{})
		if err == nil && failed != nil {
			err = fmt.Errorf("deleting namespace %s: %w", namespace.Name, failed)
		}
	}()
	if err := api.AwaitServiceAccount(within, client, namespace.Name); err != nil {
		return "", err
	}
	var pods []string
	for _, node := range c.Nodes {
		if node.Unused() != "" && !(node.Reserved && node.Ready) || c.Only != "" && node.Name != c.Only {
			continue
		}
		pod := usablePod(node.Name, t)
		if _, err := client.CoreV1().Pods(namespace.Name).Create(within, pod, metav1.CreateOptions{}); err != nil {
			return "", fmt.Errorf("creating a pod for node %s: %w", node.Name, err)
		}
		pods = append(pods, pod.Name)
	}
	if len(pods) == 0 {
		return "", errors.New("no node is Ready and takes pods without tolerations" + cutIn(c.UnusedNodes()))
	}
	return fmt.Sprintf("nodes: %d", len(pods)), t.await(ctx, within, client, namespace.Name, pods)
}

// inNamespaces runs a pod in each of the given namespaces, one after the other.
func (t Request) inNamespaces(ctx context.Context, c *cluster.Info) (string, error) {
	client, err := c.Client()
	if err != nil {
		return "", err
	}
	for _, namespace := range c.Namespaces {
		if err := t.inNamespace(ctx, client, namespace, c.NodeSelector); err != nil {
			return "", fmt.Errorf("namespace %s: %w", namespace, err)
		}
	}
	return fmt.Sprintf("namespaces: %d", len(c.Namespaces)), nil
}

func (t Request) inNamespace(ctx context.Context, client kubernetes.Interface, namespace string, nodes map[string]string) (err error) {
	within, cancel := t.within(ctx)
	defer cancel()
	pod := restrictedPod("podproof-usable", t)
	pod.Spec.NodeSelector = nodes
	owner.Mark(&pod.ObjectMeta, t.RunID, owner.Current())
	pods := client.CoreV1().Pods(namespace)
	if _, err := pods.Create(within, pod, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("creating a pod: %w", err)
	}
	defer func() {
		cleaning, cancel := context.WithTimeout(context.WithoutCancel(ctx), apiTimeout)
		defer cancel()
		now := int64(0) // it has ended, or is of no use
		failed := pods.Delete(cleaning, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &now})
		if err == nil && failed != nil {
			err = fmt.Errorf("deleting pod %s: %w", pod.Name, failed)
		}
	}()
	return t.await(ctx, within, client, namespace, []string{pod.Name})
}

func (t Request) within(ctx context.Context) (context.Context, context.CancelFunc) {
	patience := cmp.Or(t.Patience, usableTimeout)
	return context.WithTimeoutCause(ctx, patience, fmt.Errorf("not all pods have succeeded after %s", patience))
}

// await waits within the time of the trial until all pods have succeeded, and then
// looks whether they have run. Where the time is up and the nodes say that all of them
// run, that is looked at as well: their program ends by itself.
func (t Request) await(ctx, within context.Context, client kubernetes.Interface, namespace string, names []string) error {
	pods, err := awaitSucceeded(within, client, namespace, names)
	if err != nil && (ctx.Err() != nil || !saidToRun(pods, names)) {
		return err
	}
	return t.believe(ctx, client, names, pods)
}

// DoubtError says what nodes tell of the trial's pods that cannot be: that they ran,
// though no container runtime knows of it, or that a program runs which ends by itself.
// It is no reason to stop: how a cluster treats pods is what specs judge.
type DoubtError struct{ Problem string }

func (e *DoubtError) Error() string { return e.Problem }

// believe looks, in what containers of pods printed that ran by their nodes' word,
// whether they did. An ImageError is worth more than a DoubtError: with another image
// specs have nothing to judge by.
func (t Request) believe(ctx context.Context, client kubernetes.Interface, names []string, pods map[string]*corev1.Pod) error {
	var doubts []string
	logs := t.Prints != ""
	for _, name := range names {
		pod := pods[name]
		if added := t.added(pod); pod.Status.Phase != corev1.PodSucceeded && added != "" {
			return fmt.Errorf("pod %s is still %s: the cluster added the container %s to it, as admission webhooks do, and that container keeps running; use namespaces without such a webhook", name, pod.Status.Phase, added)
		}
		if why := withoutRuntime(pod); why != "" {
			doubts = append(doubts, why)
			continue
		}
		if logs {
			unread, err := t.checkPrinted(ctx, client, pod)
			if err != nil {
				return err
			}
			if unread != nil {
				doubts = append(doubts, fmt.Sprintf("node %s reports pod %s as %s, but its log cannot be read: %v", pod.Spec.NodeName, name, pod.Status.Phase, unread))
				logs = false // for each node this takes time, and one is enough
				continue
			}
		}
		if pod.Status.Phase != corev1.PodSucceeded {
			doubts = append(doubts, fmt.Sprintf("node %s reports pod %s as %s, but its program ends at once", pod.Spec.NodeName, name, pod.Status.Phase))
		}
	}
	if len(doubts) == 0 {
		return nil
	}
	return &DoubtError{strings.Join(doubts, "; ")}
}

// added names the containers of a pod for which nobody asked.
func (t Request) added(pod *corev1.Pod) string {
	asked := map[string]bool{}
	for n := range t.Images {
		asked[containerName(n)] = true
	}
	var names []string
	for _, c := range pod.Spec.Containers {
		if !asked[c.Name] {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, ", ")
}

// saidToRun holds when all pods run, or have succeeded, by their nodes' word.
func saidToRun(pods map[string]*corev1.Pod, names []string) bool {
	return !slices.ContainsFunc(names, func(name string) bool {
		pod := pods[name]
		return pod == nil || pod.Status.Phase != corev1.PodSucceeded && (pod.Status.Phase != corev1.PodRunning ||
			slices.ContainsFunc(pod.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool {
				return s.State.Waiting != nil || s.State.Terminated != nil && s.State.Terminated.ExitCode != 0
			}))
	})
}

// withoutRuntime says why a pod cannot have run as its node says: every container that
// was started has an ID, by which the container runtime knows it.
// https://kubernetes.io/docs/reference/kubernetes-api/core/pod-v1/#PodStatus
func withoutRuntime(pod *corev1.Pod) string {
	for _, container := range pod.Spec.Containers {
		i := slices.IndexFunc(pod.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool { return s.Name == container.Name })
		if i < 0 || pod.Status.ContainerStatuses[i].ContainerID == "" {
			return fmt.Sprintf("node %s reports pod %s as %s without an ID of its container %s, so no container runtime has started it", pod.Spec.NodeName, pod.Name, pod.Status.Phase, container.Name)
		}
	}
	return ""
}

// checkPrinted reads what the containers of a pod printed. It tells apart why the node
// does not tell, and that it is not what it has to be or that the API server is in the way.
func (t Request) checkPrinted(ctx context.Context, client kubernetes.Interface, pod *corev1.Pod) (unread, err error) {
	for n, image := range t.Images {
		log, err := readLog(ctx, client, pod, containerName(n))
		switch answer := apierrors.APIStatus(nil); {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err == nil:
		case errors.As(err, &answer) && !apierrors.IsForbidden(err) && !apierrors.IsUnauthorized(err):
			return err, nil // by the word of the node, or of it
		default:
			return nil, fmt.Errorf("log of pod %s: %w", pod.Name, err)
		}
		switch printed := strings.TrimSpace(string(log)); printed {
		case t.Prints:
		case "":
			return nil, &ImageError{fmt.Sprintf("pod %s: the image %s is not the witness: it printed nothing, and the witness prints its build %q", pod.Name, image, t.Prints)}
		default:
			return nil, &ImageError{fmt.Sprintf("pod %s: the image %s is the build %.60q, but this podproof needs the build %q", pod.Name, image, printed, t.Prints)}
		}
	}
	return nil, nil
}

func readLog(ctx context.Context, client kubernetes.Interface, pod *corev1.Pod, container string) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, logTimeout, fmt.Errorf("no answer after %s", logTimeout))
	defer cancel()
	stream, err := client.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: container}).Stream(ctx)
	if err == nil {
		defer stream.Close()
		var log []byte
		if log, err = io.ReadAll(stream); err == nil {
			return log, nil
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, err
}

// cutIn puts a text that may be empty behind another.
func cutIn(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

// usablePod is a pod that the scheduler can put on one node only, a reserved one
// too.
func usablePod(node string, t Request) *corev1.Pod {
	pod := restrictedPod("on-"+node, t)
	pod.Spec.Tolerations = []corev1.Toleration{{Key: cluster.ReservedKey, Operator: corev1.TolerationOpExists}}
	pod.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
			NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchFields: []corev1.NodeSelectorRequirement{{
					Key: "metadata.name", Operator: corev1.NodeSelectorOpIn, Values: []string{node},
				}},
			}},
		},
	}}
	return pod
}

// restrictedPod is one that the strictest Pod Security Standard admits.
// https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
func restrictedPod(name string, t Request) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{
			RestartPolicy:                corev1.RestartPolicyNever,
			AutomountServiceAccountToken: ptr.To(false),
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot:   ptr.To(true),
				RunAsUser:      ptr.To(int64(65534)),
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
		},
	}
	for n, image := range t.Images {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{
			Name:  containerName(n),
			Image: image,
			Args:  t.Args,
			SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: ptr.To(false),
				Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			},
		})
	}
	return pod
}

// containerName is the name of the container of the image with that number.
func containerName(n int) string { return fmt.Sprintf("witness-%d", n) }

// awaitSucceeded waits for all pods of the namespace to succeed, and no longer
// than until one of them cannot. It returns the pods as they are then, but for those
// that are gone.
func awaitSucceeded(ctx context.Context, client kubernetes.Interface, namespace string, names []string) (map[string]*corev1.Pod, error) {
	pods := map[string]*corev1.Pod{}
	err := api.Follow(ctx,
		func(ctx context.Context) (watch.Interface, error) {
			return client.CoreV1().Pods(namespace).Watch(ctx, metav1.ListOptions{})
		},
		func() { clear(pods) },
		func(event watch.Event) (bool, error) {
			pod, ok := event.Object.(*corev1.Pod)
			if !ok || !slices.Contains(names, pod.Name) {
				return false, nil
			}
			if event.Type == watch.Deleted {
				delete(pods, pod.Name)
				return false, fmt.Errorf("pod %s was deleted by somebody else", pod.Name)
			}
			pods[pod.Name] = pod
			if why := hopeless(pod); why != nil {
				return false, fmt.Errorf("pod %s: %w", pod.Name, why)
			}
			for _, name := range names {
				if pods[name] == nil || pods[name].Status.Phase != corev1.PodSucceeded {
					return false, nil
				}
			}
			return true, nil
		})
	if err == nil {
		return pods, nil
	}
	var words []string
	for _, name := range slices.Sorted(maps.Keys(pods)) {
		if pods[name].Status.Phase != corev1.PodSucceeded {
			words = append(words, name+": "+whereItIs(pods[name])+lastEvent(ctx, client, pods[name]))
		}
	}
	return pods, fmt.Errorf("%w; %s", err, strings.Join(words, "; "))
}

// ImageError says that a node does not have the image of the trial and cannot get it, or
// that what it has is another build.
type ImageError struct{ Problem string }

func (e *ImageError) Error() string { return e.Problem }

// hopeless says why a pod will not succeed any more, nil if it may.
func hopeless(pod *corev1.Pod) error {
	if pod.Status.Phase == corev1.PodFailed {
		return errors.New("it has failed")
	}
	for _, status := range pod.Status.ContainerStatuses {
		if waiting := status.State.Waiting; waiting != nil {
			switch waiting.Reason {
			case "ErrImagePull", "ErrImageNeverPull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError":
				return &ImageError{fmt.Sprintf("%s: %s", waiting.Reason, waiting.Message)}
			}
		}
	}
	return nil
}

// whereItIs is how far a pod has got, in a few words.
func whereItIs(pod *corev1.Pod) string {
	words := []string{"phase " + string(pod.Status.Phase)}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status != corev1.ConditionTrue {
			words = append(words, condition.Reason+": "+condition.Message)
		}
	}
	for _, status := range pod.Status.ContainerStatuses {
		switch state := status.State; {
		case state.Waiting != nil:
			words = append(words, strings.TrimSuffix("waiting, "+state.Waiting.Reason+": "+state.Waiting.Message, ": "))
		case state.Terminated != nil:
			words = append(words, fmt.Sprintf("ended with exit code %d, %s", state.Terminated.ExitCode, state.Terminated.Reason))
		}
	}
	return strings.Join(words, ", ")
}

// lastEvent is the newest event about a pod, for the end of a message.
func lastEvent(ctx context.Context, client kubernetes.Interface, pod *corev1.Pod) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), apiTimeout)
	defer cancel()
	events, err := client.CoreV1().Events(pod.Namespace).List(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("involvedObject.uid", string(pod.UID)).String(),
	})
	if err != nil || len(events.Items) == 0 {
		return ""
	}
	newest := slices.MaxFunc(events.Items, func(a, b corev1.Event) int {
		return a.LastTimestamp.Compare(b.LastTimestamp.Time)
	})
	return fmt.Sprintf(" (event %s: %s)", newest.Reason, newest.Message)
}
