package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/podproof/podproof/framework/owner"
)

// usableTimeout bounds how long one pod may take to run to its end on every
// node, with the image there; it takes a second or two.
const usableTimeout = 60 * time.Second

// ProveUsable runs a pod with the given image and arguments to its successful end
// on every node that takes pods, the reserved one too, in a namespace of its own, which it then deletes
// without waiting for that. The arguments have to end with exit code 0 soon. The
// error says what became of each pod.
func (i *Info) ProveUsable(ctx context.Context, image string, args []string) error {
	step := i.logger().Step("pod has run", 3*time.Second)
	ran, err := i.proveUsable(ctx, image, args)
	if err != nil {
		step.Fail(err)
		return fmt.Errorf("the cluster is not usable: %w", err)
	}
	step.Done(fmt.Sprintf("nodes: %d", ran))
	return nil
}

func (i *Info) proveUsable(ctx context.Context, image string, args []string) (ran int, err error) {
	client, err := i.client()
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, usableTimeout, fmt.Errorf("not all pods have succeeded after %s", usableTimeout))
	defer cancel()
	wanted := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "podproof-usable-"}}
	owner.Mark(&wanted.ObjectMeta, "setup", owner.Current())
	namespace, err := client.CoreV1().Namespaces().Create(ctx, wanted, metav1.CreateOptions{})
	if err != nil {
		return 0, fmt.Errorf("creating a namespace: %w", err)
	}
	defer func() {
		cleaning, cancel := context.WithTimeout(context.WithoutCancel(ctx), apiTimeout)
		defer cancel()
		failed := client.CoreV1().Namespaces().Delete(cleaning, namespace.Name, metav1.DeleteOptions{})
		if err == nil && failed != nil {
			err = fmt.Errorf("deleting namespace %s: %w", namespace.Name, failed)
		}
	}()
	if err := awaitServiceAccount(ctx, client, namespace.Name); err != nil {
		return 0, err
	}
	var pods []string
	for _, node := range i.Nodes {
		if !node.Ready || !node.Schedulable && !node.Reserved {
			continue
		}
		pod := usablePod(node.Name, image, args)
		if _, err := client.CoreV1().Pods(namespace.Name).Create(ctx, pod, metav1.CreateOptions{}); err != nil {
			return 0, fmt.Errorf("creating a pod for node %s: %w", node.Name, err)
		}
		pods = append(pods, pod.Name)
	}
	if len(pods) == 0 {
		return 0, errors.New("no node is Ready and takes pods without tolerations")
	}
	return len(pods), awaitSucceeded(ctx, client, namespace.Name, pods)
}

// usablePod is a pod that the scheduler can put on one node only, a reserved one
// too. It is one that the strictest Pod Security Standard admits.
// https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
func usablePod(node, image string, args []string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "on-" + node},
		Spec: corev1.PodSpec{
			RestartPolicy:                corev1.RestartPolicyNever,
			AutomountServiceAccountToken: ptr.To(false),
			Tolerations:                  []corev1.Toleration{{Key: ReservedKey, Operator: corev1.TolerationOpExists}},
			Affinity: &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
				RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
					NodeSelectorTerms: []corev1.NodeSelectorTerm{{
						MatchFields: []corev1.NodeSelectorRequirement{{
							Key: "metadata.name", Operator: corev1.NodeSelectorOpIn, Values: []string{node},
						}},
					}},
				},
			}},
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot:   ptr.To(true),
				RunAsUser:      ptr.To(int64(65534)),
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{{
				Name:  "witness",
				Image: image,
				Args:  args,
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: ptr.To(false),
					Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
			}},
		},
	}
}

// awaitSucceeded waits for all pods of the namespace to succeed, and no longer
// than until one of them cannot.
func awaitSucceeded(ctx context.Context, client kubernetes.Interface, namespace string, names []string) error {
	pods := map[string]*corev1.Pod{}
	err := follow(ctx,
		func(ctx context.Context) (watch.Interface, error) {
			return client.CoreV1().Pods(namespace).Watch(ctx, metav1.ListOptions{})
		},
		func() { clear(pods) },
		func(event watch.Event) (bool, error) {
			pod, ok := event.Object.(*corev1.Pod)
			if !ok {
				return false, nil
			}
			if event.Type == watch.Deleted {
				return false, fmt.Errorf("pod %s was deleted by somebody else", pod.Name)
			}
			pods[pod.Name] = pod
			if why := hopeless(pod); why != "" {
				return false, fmt.Errorf("pod %s: %s", pod.Name, why)
			}
			for _, name := range names {
				if pods[name] == nil || pods[name].Status.Phase != corev1.PodSucceeded {
					return false, nil
				}
			}
			return true, nil
		})
	if err == nil {
		return nil
	}
	var words []string
	for _, name := range slices.Sorted(maps.Keys(pods)) {
		if pods[name].Status.Phase != corev1.PodSucceeded {
			words = append(words, name+": "+whereItIs(pods[name])+lastEvent(ctx, client, pods[name]))
		}
	}
	return fmt.Errorf("%w; %s", err, strings.Join(words, "; "))
}

// hopeless says why a pod will not succeed any more, "" if it may.
func hopeless(pod *corev1.Pod) string {
	if pod.Status.Phase == corev1.PodFailed {
		return "it has failed"
	}
	for _, status := range pod.Status.ContainerStatuses {
		if waiting := status.State.Waiting; waiting != nil {
			switch waiting.Reason {
			case "ErrImagePull", "ErrImageNeverPull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError":
				return fmt.Sprintf("%s: %s", waiting.Reason, waiting.Message)
			}
		}
	}
	return ""
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
