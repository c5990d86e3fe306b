// Package namespace gives every spec a namespace of its own, with a journal
// that runs before the first pod is created, and the ways to act on pods and
// to look inside them.
package namespace

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/podproof/podproof/framework/api"
	"github.com/podproof/podproof/framework/cluster"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/kubectl"
	"github.com/podproof/podproof/framework/owner"
	"github.com/podproof/podproof/framework/pod"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// Ground is what every namespace of a process stands on.
type Ground struct {
	API     *api.Connection
	Cluster *cluster.Info
	// Kubectl fits the cluster's version; nil where there is none.
	Kubectl *kubectl.Client
	// RunID and Owner mark the namespaces, see owner.Mark.
	RunID, Owner string
	// Given is the namespace that all specs of this process have, one after the
	// other, in a run that is confined to given ones; else each has one of its own.
	Given string
}

// Space is the namespace of one spec.
type Space struct {
	*Ground
	name    string
	journal *journal.Journal

	mu        sync.Mutex
	seen      []Seen
	asked     map[types.UID]*corev1.Pod
	announced map[string]*corev1.Pod // by name
	refused   []string               // calls of kubectl and of exec
}

// Open makes a namespace, or takes the given one over, and starts its journal.
// A new one enforces the Pod Security level ("restricted", "baseline" or
// "privileged").
func Open(ctx context.Context, ground *Ground, level string) (*Space, error) {
	s := &Space{Ground: ground, name: ground.Given}
	if ground.Given != "" {
		if err := Vacate(ctx, ground.API, ground.Given, ground.RunID); err != nil {
			return nil, err
		}
	} else if err := s.make(ctx, level); err != nil {
		if s.name == "" {
			return nil, err
		}
		return s, err
	}
	j, err := journal.Open(ctx, ground.API.Client, s.name)
	if err != nil {
		return s, fmt.Errorf("start the journal of namespace %s: %w", s.name, err)
	}
	s.journal = j
	return s, nil
}

// make makes the namespace and waits until pods can be created in it, which is
// when its default ServiceAccount is there.
func (s *Space) make(ctx context.Context, level string) error {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "podproof-",
		Labels:       map[string]string{"pod-security.kubernetes.io/enforce": level},
	}}
	owner.Mark(&ns.ObjectMeta, s.RunID, s.Owner)
	if err := s.API.Objects.Resources().Create(ctx, ns); err != nil {
		return fmt.Errorf("create a namespace: %w", err)
	}
	s.name = ns.Name
	return s.awaitServiceAccount(ctx)
}

func (s *Space) awaitServiceAccount(ctx context.Context) error {
	accounts := cache.NewListWatchFromClient(s.API.Client.CoreV1().RESTClient(), "serviceaccounts", s.name, fields.OneTermEqualSelector("metadata.name", "default"))
	_, err := watchtools.UntilWithSync(ctx, accounts, &corev1.ServiceAccount{}, nil, func(e watch.Event) (bool, error) {
		return e.Type == watch.Added, nil
	})
	if err != nil {
		return fmt.Errorf("namespace %s got no default ServiceAccount, without which no pod can be created: %w", s.name, err)
	}
	return nil
}

// Name of the namespace.
func (s *Space) Name() string { return s.name }

// Journal of the namespace.
func (s *Space) Journal() *journal.Journal { return s.journal }

// Witness is a container of the witness image that does what args say.
func (s *Space) Witness(name string, args []string, opts ...pod.ContainerOption) pod.Option {
	return pod.Container(name, s.Cluster.WitnessImage, args, opts...)
}

// InitContainer is an init container of the witness image that does what args say.
func (s *Space) InitContainer(name string, args []string, opts ...pod.ContainerOption) pod.Option {
	return pod.InitContainer(name, s.Cluster.WitnessImage, args, opts...)
}

// Sidecar is an init container of the witness image that goes on beside the containers.
func (s *Space) Sidecar(name string, args []string, opts ...pod.ContainerOption) pod.Option {
	return pod.Sidecar(name, s.Cluster.WitnessImage, args, opts...)
}

// Create creates the pod in the namespace and returns its story. The pod is
// filled in with what the API server answered.
func (s *Space) Create(ctx context.Context, p *corev1.Pod) (*journal.Story, error) {
	p.Namespace = s.name
	s.Fit(p)
	asked := p.DeepCopy()
	if err := s.API.Objects.Resources().Create(ctx, p); err != nil {
		return nil, fmt.Errorf("create pod %s: %w", p.Name, err)
	}
	s.mu.Lock()
	if s.asked == nil {
		s.asked = map[types.UID]*corev1.Pod{}
	}
	s.asked[p.UID] = asked
	s.mu.Unlock()
	return s.journal.StoryOf(p.UID), nil
}

// CreateAgain creates the story's pod once more, as the spec asked for it, under another
// name, because it tells nothing of the first instance of a container that runs again. A
// cluster that forgets it does so twice.
//
// A conformant kubelet can lose it: it keeps one instance of a container that does not
// run, and one that is created and not started counts as such, so its collector, which
// comes every minute, can take the first instance, log and all, while the second one
// starts. A pod that is created then is out of its reach.
// Source: pkg/kubelet/kuberuntime/kuberuntime_gc.go (evictableContainers).
func (s *Space) CreateAgain(ctx context.Context, story *journal.Story) (*journal.Story, error) {
	asked := s.Asked(story)
	if asked == nil {
		return nil, fmt.Errorf("pod %s cannot be created again: it was not created by the spec", story.Name())
	}
	p := asked.DeepCopy()
	p.Name += "-once-more"
	return s.Create(ctx, p)
}

// AwaitLastState waits for a state in which the container of the story's pod has been
// restarted. If the pod does not tell then how the instance before ended, it is created
// once more, for the reason that CreateAgain gives, and the second one counts, whether it
// tells or not.
func (s *Space) AwaitLastState(ctx context.Context, story *journal.Story, container string, restarted journal.State) (*journal.Story, *corev1.Pod, error) {
	p, err := awaitTold(ctx, story, container, restarted)
	if err != nil || toldLast(p, container) {
		return story, p, err
	}
	again, err := s.CreateAgain(ctx, story)
	if err != nil {
		return story, nil, err
	}
	p, err = awaitTold(ctx, again, container, restarted)
	return again, p, err
}

// awaitTold waits for the state, and a moment longer where the pod does not tell then how
// the instance before ended: a first status of a restart can lack what the next one has.
func awaitTold(ctx context.Context, story *journal.Story, container string, restarted journal.State) (*corev1.Pod, error) {
	version, err := story.Await(ctx, restarted)
	if err != nil || toldLast(version.Pod, container) {
		return version.Pod, err
	}
	told := journal.State{Text: restarted.Text + " and to tell how the instance before ended", Holds: func(p *corev1.Pod) bool {
		return restarted.Holds(p) && toldLast(p, container)
	}}
	if next, err := story.AwaitWithin(ctx, nextStatus, told); err == nil {
		version = next
	}
	return version.Pod, nil
}

// nextStatus is how long the kubelet may take to publish the next status of a pod in
// which something has happened: it looks each second.
const nextStatus = 5 * time.Second

func toldLast(p *corev1.Pod, container string) bool {
	status := pod.Status(p, container)
	return status != nil && status.LastTerminationState.Terminated != nil
}

// SetImage changes the image of a container of the story's pod, or of a sidecar or init
// container, such as to Cluster.WitnessTwin, and returns the pod as the API server
// answered it.
func (s *Space) SetImage(ctx context.Context, story *journal.Story, container, image string) (*corev1.Pod, error) {
	list := "containers"
	if last := story.Last(); last != nil && slices.ContainsFunc(last.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == container }) {
		list = "initContainers"
	}
	patch := fmt.Appendf(nil, `{"spec":{%q:[{"name":%q,"image":%q}]}}`, list, container, image)
	changed, err := s.API.Client.CoreV1().Pods(s.name).Patch(ctx, story.Name(), types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		return nil, fmt.Errorf("set the image of container %s of pod %s to %s: %w", container, story.Name(), image, err)
	}
	return changed, nil
}

// Delete asks for the deletion of the story's pod, which need not be gone
// when it returns. A grace of less than 0 leaves the grace period to the pod.
func (s *Space) Delete(ctx context.Context, story *journal.Story, grace int64) error {
	var opts metav1.DeleteOptions
	if grace >= 0 {
		opts.GracePeriodSeconds = &grace
	}
	if err := s.API.Client.CoreV1().Pods(s.name).Delete(ctx, story.Name(), opts); err != nil {
		return fmt.Errorf("delete pod %s: %w", story.Name(), err)
	}
	return nil
}

// Close ends the journal and deletes the pods in the background: a spec does
// not wait for it. They get a grace of one second, since the deletion of the
// namespace would give each the grace of its spec, and finalizers that a spec
// put on its pods are taken off. The namespace itself stays until the specs of
// the run are over (Clear): to delete one, the controllers ask for every kind of
// object there is, which takes time from the specs that still run.
//
// A given namespace is needed by the next spec: all that the run has created
// there is deleted, nothing else, and waited for.
func (s *Space) Close(ctx context.Context) error {
	if s.journal != nil {
		s.journal.Close()
	}
	if s.Given != "" {
		return removeMarked(ctx, s.API, s.name, s.RunID)
	}
	return removePods(ctx, s.API, s.name, metav1.ListOptions{})
}
