package namespace

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/owner"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Mark makes an object of the spec one that can be found again and removed, where the
// namespace itself is not the run's.
func (s *Space) Mark(meta *metav1.ObjectMeta) {
	if s.Cluster.Confined() {
		owner.Mark(meta, s.RunID, s.Owner)
	}
}

// Fit makes a pod one of this run: marked, see Mark, and bound for the nodes that are to
// be used, unless it names its node. Create does so itself; it is for pods that are
// created in another way.
func (s *Space) Fit(p *corev1.Pod) {
	s.Mark(&p.ObjectMeta)
	if p.Spec.NodeName != "" || len(s.Cluster.NodeSelector) == 0 {
		return
	}
	selector := maps.Clone(s.Cluster.NodeSelector)
	maps.Copy(selector, p.Spec.NodeSelector) // a spec that asks for the impossible does so still
	p.Spec.NodeSelector = selector
}

// FitFlags make kubectl run do what Fit does. There are none where there is nothing to do.
func (s *Space) FitFlags() []string {
	var p corev1.Pod
	s.Fit(&p)
	changes := map[string]any{}
	if len(p.Labels) > 0 {
		changes["metadata"] = map[string]any{"labels": p.Labels, "annotations": p.Annotations}
	}
	if len(p.Spec.NodeSelector) > 0 {
		changes["spec"] = map[string]any{"nodeSelector": p.Spec.NodeSelector}
	}
	if len(changes) == 0 {
		return nil
	}
	changes["apiVersion"] = "v1"
	text, err := json.Marshal(changes)
	if err != nil {
		panic("podproof's own mistake: maps of strings cannot be written as JSON: " + err.Error())
	}
	return []string{"--overrides=" + string(text)}
}

// Announce tells of a pod that is about to be created in another way than by Create, so
// that what the cluster's admission makes of it is known. Of several with one name the
// first counts.
func (s *Space) Announce(p *corev1.Pod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.announced == nil {
		s.announced = map[string]*corev1.Pod{}
	}
	if s.announced[p.Name] == nil {
		s.announced[p.Name] = p.DeepCopy()
	}
}

// Asked is the story's pod as the spec asked for it; nil when it was neither made by
// Create nor announced.
func (s *Space) Asked(story *journal.Story) *corev1.Pod {
	s.mu.Lock()
	defer s.mu.Unlock()
	return cmp.Or(s.asked[story.UID()], s.announced[story.Name()])
}

// Altered says, in a few words each, what a cluster made of a pod otherwise than it was
// asked for: admission may add containers, change images and set resources, after which
// what becomes of the pod says nothing about how the cluster treats the one that was
// asked for. Defaults, which are documented, are no such change.
func Altered(asked, stored *corev1.Pod) []string {
	var words []string
	compare := func(what string, asked, stored []corev1.Container) {
		for _, s := range stored {
			if !slices.ContainsFunc(asked, func(a corev1.Container) bool { return a.Name == s.Name }) {
				words = append(words, what+" "+s.Name+" was added")
			}
		}
		for _, a := range asked {
			i := slices.IndexFunc(stored, func(s corev1.Container) bool { return s.Name == a.Name })
			if i < 0 {
				words = append(words, what+" "+a.Name+" was taken away")
				continue
			}
			words = append(words, alteredContainer(what+" "+a.Name, a, stored[i])...)
		}
	}
	compare("init container", asked.Spec.InitContainers, stored.Spec.InitContainers)
	compare("container", asked.Spec.Containers, stored.Spec.Containers)

	// What is left of the pod, where the spec has set it.
	a, s := asked.Spec.DeepCopy(), stored.Spec.DeepCopy()
	for _, spec := range []*corev1.PodSpec{a, s} {
		spec.InitContainers, spec.Containers = nil, nil
		// Admission adds tolerations to every pod, and volumes, to which nobody
		// asked looks.
		spec.Tolerations, spec.Volumes = nil, nil
	}
	if !equality.Semantic.DeepDerivative(a, s) || a.ActiveDeadlineSeconds == nil && s.ActiveDeadlineSeconds != nil {
		words = append(words, "the Pod's own fields were changed")
	}
	return words
}

func alteredContainer(name string, asked, stored corev1.Container) []string {
	var words []string
	if asked.Image != stored.Image {
		words = append(words, name+" has the image "+stored.Image+" and not "+asked.Image)
	}
	if !equality.Semantic.DeepEqual(withDefaults(asked.Resources), stored.Resources) {
		words = append(words, name+" was given other resources, as a LimitRange does")
	}
	a, s := asked.DeepCopy(), stored.DeepCopy()
	for _, c := range []*corev1.Container{a, s} {
		c.Image, c.Resources = "", corev1.ResourceRequirements{}
		// A ServiceAccount's token and the like are mounted beside what is asked for.
		c.VolumeMounts = nil
	}
	// The gate of a field that is off drops it, which is a finding of specs.
	a.RestartPolicy, s.RestartPolicy = nil, nil
	takeDefaults(a, s)
	if a.ImagePullPolicy != "" && a.ImagePullPolicy != s.ImagePullPolicy {
		words = append(words, fmt.Sprintf("%s has the imagePullPolicy %s and not %s", name, s.ImagePullPolicy, a.ImagePullPolicy))
		a.ImagePullPolicy = s.ImagePullPolicy
	}
	// These have no default, and DeepDerivative passes over what is not set.
	for _, added := range []struct {
		what string
		is   bool
	}{
		{"a hook", a.Lifecycle == nil && s.Lifecycle != nil},
		{"a liveness probe", a.LivenessProbe == nil && s.LivenessProbe != nil},
		{"a readiness probe", a.ReadinessProbe == nil && s.ReadinessProbe != nil},
		{"a startup probe", a.StartupProbe == nil && s.StartupProbe != nil},
		{"a command", len(a.Command) == 0 && len(s.Command) > 0},
	} {
		if added.is {
			words = append(words, name+" was given "+added.what)
		}
	}
	if !equality.Semantic.DeepDerivative(a, s) {
		words = append(words, name+" was changed")
	}
	return words
}

// takeDefaults takes the numbers over that a container leaves to the API server:
// DeepDerivative passes over what is not set except for numbers.
func takeDefaults(asked, stored *corev1.Container) {
	for _, probes := range [][2]*corev1.Probe{
		{asked.LivenessProbe, stored.LivenessProbe}, {asked.ReadinessProbe, stored.ReadinessProbe}, {asked.StartupProbe, stored.StartupProbe},
	} {
		if a, s := probes[0], probes[1]; a != nil && s != nil {
			a.TimeoutSeconds = cmp.Or(a.TimeoutSeconds, s.TimeoutSeconds)
			a.PeriodSeconds = cmp.Or(a.PeriodSeconds, s.PeriodSeconds)
			a.SuccessThreshold = cmp.Or(a.SuccessThreshold, s.SuccessThreshold)
			a.FailureThreshold = cmp.Or(a.FailureThreshold, s.FailureThreshold)
		}
	}
	if len(asked.Ports) == len(stored.Ports) {
		for i := range asked.Ports {
			// On its node's network a container has its ports there.
			asked.Ports[i].HostPort = cmp.Or(asked.Ports[i].HostPort, stored.Ports[i].HostPort)
		}
	}
}

// withDefaults are the resources with the requests that limits bring with them.
// https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#requests-and-limits
func withDefaults(r corev1.ResourceRequirements) corev1.ResourceRequirements {
	r = *r.DeepCopy()
	for name, limit := range r.Limits {
		if _, set := r.Requests[name]; set {
			continue
		}
		if r.Requests == nil {
			r.Requests = corev1.ResourceList{}
		}
		r.Requests[name] = limit
	}
	return r
}
