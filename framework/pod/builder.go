// Package pod makes the pods of the specs and reads what became of them: a
// builder, states to wait for, Gomega matchers over a pod's story, and the
// instances that a container went through.
package pod

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// nobody is the user that containers run as: the pods of the specs need no
// rights, and clusters that enforce Pod Security "restricted" accept them.
const nobody = 65534

// Option changes the pod that New makes. Options are applied in order.
type Option func(*corev1.Pod)

// ContainerOption changes one container of the pod.
type ContainerOption func(*corev1.Container)

// New makes a pod without a namespace that Pod Security "restricted" accepts
// (https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted),
// unless an option takes that away. It carries no service account token and no
// service environment, so that it is the same on every cluster. Restart policy
// and grace period are left to the API server unless an option sets them.
func New(name string, options ...Option) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{
			AutomountServiceAccountToken: ptr.To(false),
			EnableServiceLinks:           ptr.To(false),
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot:   ptr.To(true),
				RunAsUser:      ptr.To(int64(nobody)),
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
		},
	}
	for _, option := range options {
		option(pod)
	}
	return pod
}

// Container adds a container that runs the image's entrypoint with the
// arguments. The image is never pulled when it is on the node.
func Container(name, image string, args []string, options ...ContainerOption) Option {
	return func(pod *corev1.Pod) {
		pod.Spec.Containers = append(pod.Spec.Containers, container(name, image, args, options))
	}
}

// InitContainer adds an init container; several run in the order given.
func InitContainer(name, image string, args []string, options ...ContainerOption) Option {
	return func(pod *corev1.Pod) {
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, container(name, image, args, options))
	}
}

// Sidecar adds an init container that is restarted for as long as the pod
// lives (https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/).
func Sidecar(name, image string, args []string, options ...ContainerOption) Option {
	return func(pod *corev1.Pod) {
		c := container(name, image, args, options)
		c.RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, c)
	}
}

func container(name, image string, args []string, options []ContainerOption) corev1.Container {
	c := corev1.Container{
		Name:            name,
		Image:           image,
		Args:            args,
		ImagePullPolicy: corev1.PullIfNotPresent,
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
	}
	for _, option := range options {
		option(&c)
	}
	return c
}

// Restart sets the restart policy of the pod.
func Restart(policy corev1.RestartPolicy) Option {
	return func(pod *corev1.Pod) { pod.Spec.RestartPolicy = policy }
}

// Grace sets terminationGracePeriodSeconds.
func Grace(seconds int64) Option {
	return func(pod *corev1.Pod) { pod.Spec.TerminationGracePeriodSeconds = &seconds }
}

// Deadline sets activeDeadlineSeconds.
func Deadline(seconds int64) Option {
	return func(pod *corev1.Pod) { pod.Spec.ActiveDeadlineSeconds = &seconds }
}

// Volume adds an emptyDir.
func Volume(name string) Option {
	return func(pod *corev1.Pod) {
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{
			Name:         name,
			VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}},
		})
	}
}

// VolumeInMemory adds an emptyDir that is kept in the memory of the node.
func VolumeInMemory(name string) Option {
	return func(pod *corev1.Pod) {
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{
			Name:         name,
			VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}},
		})
	}
}

// OnNode puts the pod on a node past the scheduler.
func OnNode(node string) Option {
	return func(pod *corev1.Pod) { pod.Spec.NodeName = node }
}

// Gated keeps the pod from being scheduled until its scheduling gates are taken
// away.
func Gated() Option {
	return func(pod *corev1.Pod) {
		pod.Spec.SchedulingGates = append(pod.Spec.SchedulingGates, corev1.PodSchedulingGate{Name: "podproof.test/gate"})
	}
}

// Tolerate lets the pod onto nodes with the taint, and stay there, whatever the
// taint's value and effect.
func Tolerate(taint string) Option {
	return func(pod *corev1.Pod) {
		pod.Spec.Tolerations = append(pod.Spec.Tolerations, corev1.Toleration{Key: taint, Operator: corev1.TolerationOpExists})
	}
}

// NodeSelector adds a label that the node must have.
func NodeSelector(key, value string) Option {
	return func(pod *corev1.Pod) {
		if pod.Spec.NodeSelector == nil {
			pod.Spec.NodeSelector = map[string]string{}
		}
		pod.Spec.NodeSelector[key] = value
	}
}

// ShareProcesses lets the containers see each other's processes.
func ShareProcesses() Option {
	return func(pod *corev1.Pod) { pod.Spec.ShareProcessNamespace = ptr.To(true) }
}

// HostNetwork puts the pod on the network of its node. Such a pod needs a
// namespace that enforces no more than Pod Security "privileged".
func HostNetwork() Option {
	return func(pod *corev1.Pod) { pod.Spec.HostNetwork = true }
}

// Label adds a label to the pod.
func Label(key, value string) Option {
	return func(pod *corev1.Pod) {
		if pod.Labels == nil {
			pod.Labels = map[string]string{}
		}
		pod.Labels[key] = value
	}
}

// Held keeps the deleted pod in the API, to be looked at, until its finalizer is
// removed.
func Held() Option {
	return func(pod *corev1.Pod) { pod.Finalizers = append(pod.Finalizers, "podproof.test/hold") }
}

// Mount mounts a volume of the pod.
func Mount(volume, path string) ContainerOption {
	return mount(corev1.VolumeMount{Name: volume, MountPath: path})
}

// MountReadOnly mounts a volume of the pod so that the container cannot write.
func MountReadOnly(volume, path string) ContainerOption {
	return mount(corev1.VolumeMount{Name: volume, MountPath: path, ReadOnly: true})
}

// MountSubPath mounts a directory of a volume of the pod, which the kubelet makes if it is
// not there, instead of the whole volume.
func MountSubPath(volume, directory, path string) ContainerOption {
	return mount(corev1.VolumeMount{Name: volume, SubPath: directory, MountPath: path})
}

func mount(m corev1.VolumeMount) ContainerOption {
	return func(c *corev1.Container) { c.VolumeMounts = append(c.VolumeMounts, m) }
}

// Env sets an environment variable.
func Env(name, value string) ContainerOption {
	return func(c *corev1.Container) { c.Env = append(c.Env, corev1.EnvVar{Name: name, Value: value}) }
}

// EnvField sets an environment variable from a field of the pod, such as
// status.podIP (the downward API).
func EnvField(name, fieldPath string) ContainerOption {
	return func(c *corev1.Container) {
		c.Env = append(c.Env, corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{
			FieldRef: &corev1.ObjectFieldSelector{FieldPath: fieldPath},
		}})
	}
}

// NeverPull has the kubelet take the image only if it is on the node.
func NeverPull() ContainerOption {
	return func(c *corev1.Container) { c.ImagePullPolicy = corev1.PullNever }
}

// Port names a port of the container.
func Port(name string, number int) ContainerOption {
	return func(c *corev1.Container) {
		c.Ports = append(c.Ports, corev1.ContainerPort{Name: name, ContainerPort: int32(number)})
	}
}

// RestartContainer gives the container a restart policy of its own instead of the pod's
// (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-restart-rules).
func RestartContainer(policy corev1.ContainerRestartPolicy) ContainerOption {
	return func(c *corev1.Container) { c.RestartPolicy = &policy }
}

// Requests makes the container ask for a resource, in the notation of
// Kubernetes such as "100m"; it panics on another notation.
func Requests(name corev1.ResourceName, quantity string) ContainerOption {
	return func(c *corev1.Container) {
		if c.Resources.Requests == nil {
			c.Resources.Requests = corev1.ResourceList{}
		}
		c.Resources.Requests[name] = resource.MustParse(quantity)
	}
}
