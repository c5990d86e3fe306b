package component

import (
	"strings"

	"github.com/podproof/podproof/fixtures/versions"
)

// All lists the components of a node of a version, in the order of building: the
// longest first, while the smaller ones are downloaded.
func All(v versions.Version) []Component {
	containerd, etcd := v.Components["containerd"], v.Components["etcd"]
	return []Component{
		Kubernetes(v.Build),
		{
			Name: "coredns", Module: "github.com/coredns/coredns", Version: v.Components["coredns"],
			Packages: []string{""},
		},
		{
			// kind leaves out the same snapshotters, none of which it uses.
			Name: "containerd", Module: "github.com/containerd/containerd/v2", Version: containerd,
			Packages: []string{"cmd/containerd", "cmd/ctr", "cmd/containerd-shim-runc-v2"},
			Tags:     []string{"no_btrfs", "no_devmapper", "no_zfs", "no_aufs"},
			LDFlags:  []string{"-X github.com/containerd/containerd/v2/version.Version=" + containerd},
		},
		{
			Name: "etcd", Module: "go.etcd.io/etcd/server/v3", Version: etcd,
			Packages: []string{""}, Rename: map[string]string{"server": "etcd"},
		},
		{
			Name: "runc", Module: "github.com/opencontainers/runc", Version: v.Components["runc"],
			Packages: []string{""}, Tags: []string{"seccomp", "netgo", "osusergo"}, CGO: true,
			LDFlags: []string{"-extldflags -static"},
		},
		{
			Name: "cni-plugins", Module: "github.com/containernetworking/plugins", Version: v.Components["cni-plugins"],
			Packages: []string{
				"plugins/main/ptp", "plugins/main/bridge", "plugins/main/loopback",
				"plugins/ipam/host-local", "plugins/meta/portmap",
			},
		},
	}
}

// Kubernetes is the component of Kubernetes itself. kubeadm and the checks of version
// skew read the versions that the linker writes into the programs.
func Kubernetes(version string) Component {
	major, minor, _ := strings.Cut(versions.Minor(version), ".")
	const variable = "-X k8s.io/component-base/version."
	return Component{
		Name: "kubernetes", Module: "k8s.io/kubernetes", Version: version, Staging: true,
		Packages: []string{
			"cmd/kubelet", "cmd/kubeadm", "cmd/kubectl", "cmd/kube-apiserver",
			"cmd/kube-controller-manager", "cmd/kube-scheduler", "cmd/kube-proxy",
		},
		LDFlags: []string{
			variable + "gitVersion=" + version, variable + "gitMajor=" + major, variable + "gitMinor=" + minor,
			variable + "gitTreeState=clean",
		},
	}
}
