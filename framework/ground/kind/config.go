package kind

import (
	"k8s.io/apimachinery/pkg/util/version"
	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"

	"github.com/podproof/podproof/framework/cluster"
)

// ownerMount is where each node has the directory of its cluster mounted. It is
// of no use inside; from outside it tells to whom the container belongs, as long
// as the container is there.
const ownerMount = "/podproof-owner"

// failsOnCgroupV1 is the first version whose kubelet refuses to start on cgroup
// v1 unless it is told otherwise.
// https://kubernetes.io/docs/concepts/architecture/cgroups/#deprecation-of-cgroup-v1
var failsOnCgroupV1 = version.MustParseGeneric("1.35.0")

// promptControllers has the controller manager and the scheduler start their work
// at once and do it as fast as the machine allows. Left as they are, they wait
// for an election that has one candidate, up to 20 s when a kept cluster is
// started again, and give up when the machine is so busy that their lease runs
// out; and the controller manager limits its own requests so far that its
// controllers need 5 s to start, for which new nodes and namespaces wait. kind
// applies the patches of the kubeadm API that is in use.
// https://kubernetes.io/docs/reference/command-line-tools-reference/kube-controller-manager/
var promptControllers = []v1alpha4.PatchJSON6902{
	{Group: "kubeadm.k8s.io", Version: "v1beta4", Kind: "ClusterConfiguration", Patch: `[
		{"op": "add", "path": "/controllerManager/extraArgs/-", "value": {"name": "leader-elect", "value": "false"}},
		{"op": "add", "path": "/controllerManager/extraArgs/-", "value": {"name": "kube-api-qps", "value": "200"}},
		{"op": "add", "path": "/controllerManager/extraArgs/-", "value": {"name": "kube-api-burst", "value": "400"}},
		{"op": "add", "path": "/scheduler/extraArgs", "value": [{"name": "leader-elect", "value": "false"}]}]`},
	{Group: "kubeadm.k8s.io", Version: "v1beta3", Kind: "ClusterConfiguration", Patch: `[
		{"op": "add", "path": "/controllerManager/extraArgs/leader-elect", "value": "false"},
		{"op": "add", "path": "/controllerManager/extraArgs/kube-api-qps", "value": "200"},
		{"op": "add", "path": "/controllerManager/extraArgs/kube-api-burst", "value": "400"},
		{"op": "add", "path": "/scheduler/extraArgs", "value": {"leader-elect": "false"}}]`},
}

// reservedTaint keeps every pod that does not ask for the reserved node off it.
const reservedTaint = `kind: JoinConfiguration
nodeRegistration:
  taints:
  - key: ` + cluster.ReservedKey + `
    value: ` + cluster.ReservedValue + `
    effect: NoSchedule
`

// reservesNode holds for clusters that can spare a worker: all but one are left
// to pods that know nothing of the reservation.
func reservesNode(workers int) bool { return workers > 1 }

// kindConfig is the configuration of a cluster with one control plane and the
// given number of workers, of which the last one is reserved if there are
// several. Beyond that and promptControllers it departs from kind's own only
// where the machine or the image leaves no choice.
func kindConfig(t *traits, workers int, ownerDir string) *v1alpha4.Cluster {
	owner := []v1alpha4.Mount{{HostPath: ownerDir, ContainerPath: ownerMount, Readonly: true}}
	config := &v1alpha4.Cluster{
		TypeMeta: v1alpha4.TypeMeta{Kind: "Cluster", APIVersion: "kind.x-k8s.io/v1alpha4"},
		Nodes:    []v1alpha4.Node{{Role: v1alpha4.ControlPlaneRole, ExtraMounts: owner}},
		Networking: v1alpha4.Networking{
			IPFamily:          v1alpha4.IPv4Family,
			DisableDefaultCNI: !t.defaultCNI,
		},
	}
	config.KubeadmConfigPatchesJSON6902 = promptControllers
	for range workers {
		config.Nodes = append(config.Nodes, v1alpha4.Node{Role: v1alpha4.WorkerRole, ExtraMounts: owner})
	}
	if reservesNode(workers) {
		last := &config.Nodes[workers]
		last.Labels = map[string]string{cluster.ReservedKey: cluster.ReservedValue}
		last.KubeadmConfigPatches = []string{reservedTaint}
	}
	if t.cgroup == "v1" {
		// On cgroup v1 runc freezes a container before systemd may change its
		// group, also one that is about to start, and gives up ("unable to
		// freeze") when a busy machine does not get it frozen. Without systemd
		// nothing is frozen.
		// https://github.com/opencontainers/cgroups/blob/v0.1.0/systemd/v1.go (Set)
		config.KubeadmConfigPatches = append(config.KubeadmConfigPatches,
			"kind: KubeletConfiguration\ncgroupDriver: cgroupfs\n")
		for _, runtime := range []string{"runc", "test-handler"} {
			config.ContainerdConfigPatches = append(config.ContainerdConfigPatches,
				"version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes."+runtime+".options]\n  SystemdCgroup = false\n",
				"version = 3\n[plugins.\"io.containerd.cri.v1.runtime\".containerd.runtimes."+runtime+".options]\n  SystemdCgroup = false\n")
		}
		if t.kubernetes.AtLeast(failsOnCgroupV1) {
			config.KubeadmConfigPatches = append(config.KubeadmConfigPatches,
				"kind: KubeletConfiguration\nfailCgroupV1: false\n")
		}
	}
	if !t.oomUnlimited {
		// The kubelet asks for lower OOM scores than the runtime may give. kind
		// applies the patch whose version is that of the image's configuration.
		// https://github.com/containerd/containerd/blob/main/docs/cri/config.md
		config.ContainerdConfigPatches = append(config.ContainerdConfigPatches,
			"version = 2\n[plugins.\"io.containerd.grpc.v1.cri\"]\n  restrict_oom_score_adj = true\n",
			"version = 3\n[plugins.\"io.containerd.cri.v1.runtime\"]\n  restrict_oom_score_adj = true\n")
	}
	return config
}
