package nodeimage

import (
	"runtime"
	"strings"
)

// component is something built from one Go module. Each gets a main module of
// its own, because the requirements of two of them may contradict each other.
type component struct {
	Name    string
	Module  string
	Version string
	// Packages are the main packages to build, below the module; "" is the
	// module itself.
	Packages []string
	// Rename gives a built program another name than that of its package.
	Rename map[string]string
	Tags   []string
	// CGO links statically against the C library of this machine.
	CGO bool
	// LDFlags are passed to the linker on top of -s -w.
	LDFlags []string
	// Staging replaces the modules that Kubernetes keeps in its own
	// repository by their published versions.
	Staging bool
	// usual is what building takes on two cores, when Go's build cache has
	// only what the components before it left there.
	usual effort
}

// components lists what is built from Go modules for a version, in the order
// of building: the longest first, while the smaller ones are downloaded.
func components(v Version) []component {
	containerd, etcd := v.Components["containerd"], v.Components["etcd"]
	return []component{
		kubernetes(v.Build),
		{
			Name: "coredns", Module: "github.com/coredns/coredns", Version: v.Components["coredns"],
			Packages: []string{""}, usual: effort{114, 1200},
		},
		{
			// kind leaves out the same snapshotters, none of which it uses.
			Name: "containerd", Module: "github.com/containerd/containerd/v2", Version: containerd,
			Packages: []string{"cmd/containerd", "cmd/ctr", "cmd/containerd-shim-runc-v2"},
			Tags:     []string{"no_btrfs", "no_devmapper", "no_zfs", "no_aufs"},
			LDFlags:  []string{"-X github.com/containerd/containerd/v2/version.Version=" + containerd},
			usual:    effort{58, 1000},
		},
		{
			Name: "etcd", Module: "go.etcd.io/etcd/server/v3", Version: etcd,
			Packages: []string{""}, Rename: map[string]string{"server": "etcd"}, usual: effort{27, 300},
		},
		{
			Name: "runc", Module: "github.com/opencontainers/runc", Version: v.Components["runc"],
			Packages: []string{""}, Tags: []string{"seccomp", "netgo", "osusergo"}, CGO: true,
			LDFlags: []string{"-extldflags -static"}, usual: effort{12, 70},
		},
		{
			Name: "cni-plugins", Module: "github.com/containernetworking/plugins", Version: v.Components["cni-plugins"],
			Packages: []string{
				"plugins/main/ptp", "plugins/main/bridge", "plugins/main/loopback",
				"plugins/ipam/host-local", "plugins/meta/portmap",
			},
			usual: effort{5, 60},
		},
	}
}

// kubernetes is the component of Kubernetes itself. kubeadm and the checks of
// version skew read the versions that the linker writes into the programs.
func kubernetes(version string) component {
	major, minor, _ := strings.Cut(minorOf(version), ".")
	const variable = "-X k8s.io/component-base/version."
	return component{
		Name: "kubernetes", Module: "k8s.io/kubernetes", Version: version, Staging: true,
		Packages: []string{
			"cmd/kubelet", "cmd/kubeadm", "cmd/kubectl", "cmd/kube-apiserver",
			"cmd/kube-controller-manager", "cmd/kube-scheduler", "cmd/kube-proxy",
		},
		LDFlags: []string{
			variable + "gitVersion=" + version, variable + "gitMajor=" + major, variable + "gitMinor=" + minor,
			variable + "gitTreeState=clean",
		},
		usual: effort{470, 2862},
	}
}

// key hashes all that decides what the component's programs are.
func (c component) key(goVersion string) string {
	return keyOf(struct {
		Component    component
		Go, OS, Arch string
	}{c, goVersion, runtime.GOOS, runtime.GOARCH})
}

// imports are the full import paths of the packages to build.
func (c component) imports() []string {
	paths := make([]string, len(c.Packages))
	for i, p := range c.Packages {
		paths[i] = strings.TrimSuffix(c.Module+"/"+p, "/")
	}
	return paths
}

// flags are the build flags that decide the result.
func (c component) flags() []string {
	ldflags := append([]string{"-s -w"}, c.LDFlags...)
	flags := []string{"-trimpath", "-ldflags", strings.Join(ldflags, " ")}
	if len(c.Tags) > 0 {
		flags = append(flags, "-tags", strings.Join(c.Tags, ","))
	}
	return flags
}

func (c component) env() []string {
	cgo := "CGO_ENABLED=0"
	if c.CGO {
		cgo = "CGO_ENABLED=1"
	}
	// What a person set for other builds must not change this one.
	return []string{cgo, "GOFLAGS=", "GOWORK=off", "GOOS=" + runtime.GOOS, "GOARCH=" + runtime.GOARCH, "GO111MODULE=on"}
}

// part is the name of the component's part in the cache.
func (c component) part() string { return c.Name + "-" + c.Version }

func (c component) String() string { return c.Name + " " + c.Version }
