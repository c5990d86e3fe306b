package incluster

import (
	"bytes"
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/podproof/podproof/framework/elsewhere/rights"
	"github.com/podproof/podproof/framework/owner"
	"github.com/podproof/podproof/framework/witness/witnessimage"
)

// endTime is how long a run has, in seconds, to end its specs and to wait for its
// namespaces to be gone (namespace.ClearTime) when its pod is deleted.
const endTime = 300

// MostShards is as many pods as a Job has that judge nodes one by one.
const MostShards = 1000

// shardIndex is the number of a pod of an Indexed Job, put in by the kubelet.
// https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode
const shardIndex = "$(JOB_COMPLETION_INDEX)"

// JobVariable is the environment variable with the UID of the Job that podproof runs in.
const JobVariable = "PODPROOF_JOB_UID"

// Job is podproof as a Job in the cluster that it tests.
type Job struct {
	Image   string
	Account rights.Account // the Job is in its namespace
	// Namespaces are those that the run is confined to, if any. The Job's is none of them:
	// they must have no pods but the run's.
	Namespaces []string
	// Shards, when above 0, is how many pods judge a part of the nodes each.
	Shards int
	// Args are what `podproof run` is told, beside --in-cluster.
	Args []string
}

// Manifest is, as YAML for kubectl, the Job with the account and the rights that it needs.
func (j Job) Manifest() ([]byte, error) {
	manifest, err := rights.Manifest(j.Account, j.Namespaces)
	if err != nil {
		return nil, err
	}
	if j.Shards > 0 {
		j.Args = append(slices.Clone(j.Args), fmt.Sprintf("--shard=%s/%d", shardIndex, j.Shards))
	}
	job := &batchv1.Job{
		TypeMeta:   metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"},
		ObjectMeta: metav1.ObjectMeta{Namespace: j.Account.Namespace, Name: "podproof"},
		Spec: batchv1.JobSpec{
			// A second try would be another run: whoever reads the log has to see each.
			BackoffLimit: ptr.To(int32(0)),
			Template:     corev1.PodTemplateSpec{Spec: j.pod()},
		},
	}
	if j.Shards > 0 {
		job.Spec.CompletionMode = ptr.To(batchv1.IndexedCompletion)
		job.Spec.Completions, job.Spec.Parallelism = ptr.To(int32(j.Shards)), ptr.To(int32(j.Shards))
		// A shard that finds a node nonconformant fails, and must not end the others.
		job.Spec.BackoffLimit, job.Spec.BackoffLimitPerIndex = nil, ptr.To(int32(0))
	}
	text, err := yaml.Marshal(job)
	if err != nil {
		return nil, err
	}
	for _, empty := range []string{"status: {}\n", "    metadata: {}\n"} {
		text = bytes.ReplaceAll(text, []byte(empty), nil)
	}
	return slices.Concat(manifest, []byte("---\n"), text), nil
}

// pod is one that the strictest Pod Security Standard admits.
// https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
func (j Job) pod() corev1.PodSpec {
	return corev1.PodSpec{
		ServiceAccountName:            j.Account.Name,
		RestartPolicy:                 corev1.RestartPolicyNever,
		TerminationGracePeriodSeconds: ptr.To(int64(endTime)),
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot:   ptr.To(true),
			RunAsUser:      ptr.To(int64(witnessimage.User)),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{{
			Name:  "podproof",
			Image: j.Image,
			Args:  append([]string{"run", "--in-cluster"}, j.Args...),
			Env: []corev1.EnvVar{
				fromField(owner.PodVariable, "metadata.uid"),
				fromField(JobVariable, "metadata.labels['"+batchv1.ControllerUidLabel+"']"),
			},
			Resources:    needs(),
			VolumeMounts: []corev1.VolumeMount{{Name: "tmp", MountPath: writable}},
			SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: ptr.To(false),
				ReadOnlyRootFilesystem:   ptr.To(true),
				Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			},
		}},
		Volumes: []corev1.Volume{{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}},
	}
}

func fromField(name, path string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: path}}}
}

// needs are what all test processes take together, as measured (see docs/guide/figures.md),
// so that the specs measure the cluster and not podproof.
func needs() corev1.ResourceRequirements {
	return corev1.ResourceRequirements{Requests: corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse("200m"),
		corev1.ResourceMemory: resource.MustParse("512Mi"),
	}}
}
