package kind

import (
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/util/version"
	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
	"sigs.k8s.io/yaml"
)

// plain are the traits of a machine and an image that leave kind's configuration
// as it is.
func plain(kubernetes string) *traits {
	return &traits{
		kubernetes:   version.MustParseGeneric(kubernetes),
		defaultCNI:   true,
		cgroup:       "v2",
		oomUnlimited: true,
	}
}

func TestConfigDepartsFromKindsOnlyWhereItMust(t *testing.T) {
	g := NewWithT(t)
	config := kindConfig(plain("v1.37.2"), 2, "/state/x/owner")
	g.Expect(config.Networking.DisableDefaultCNI).To(BeFalse())
	g.Expect(config.KubeadmConfigPatches).To(BeEmpty())
	g.Expect(config.ContainerdConfigPatches).To(BeEmpty())

	var roles []v1alpha4.NodeRole
	for _, node := range config.Nodes {
		roles = append(roles, node.Role)
		g.Expect(node.ExtraMounts).To(ConsistOf(v1alpha4.Mount{
			HostPath: "/state/x/owner", ContainerPath: ownerMount, Readonly: true,
		}), "every node can be told to be ours")
	}
	g.Expect(roles).To(Equal([]v1alpha4.NodeRole{"control-plane", "worker", "worker"}))
	g.Expect(kindConfig(plain("v1.37.2"), 0, "").Nodes).To(HaveLen(1))
}

func TestLastOfSeveralWorkersIsReserved(t *testing.T) {
	g := NewWithT(t)
	for workers, reserved := range map[int]bool{0: false, 1: false, 2: true, 3: true} {
		nodes := kindConfig(plain("v1.37.2"), workers, "").Nodes
		for n, node := range nodes {
			if reserved && n == workers {
				g.Expect(node.Labels).To(Equal(map[string]string{"podproof.test/reserved": "lost-node"}))
				g.Expect(node.KubeadmConfigPatches).To(ConsistOf(MatchYAML(`
kind: JoinConfiguration
nodeRegistration:
  taints: [{key: podproof.test/reserved, value: lost-node, effect: NoSchedule}]`)))
				continue
			}
			g.Expect(node.Labels).To(BeEmpty(), "node %d of %d workers", n, workers)
			g.Expect(node.KubeadmConfigPatches).To(BeEmpty())
		}
	}
}

func TestConfigOnCgroupV1(t *testing.T) {
	for kubernetes, want := range map[string]bool{"v1.34.4": false, "v1.35.0": true, "v1.37.2": true} {
		t.Run(kubernetes, func(t *testing.T) {
			g := NewWithT(t)
			traits := plain(kubernetes)
			traits.cgroup = "v1"
			patches := kindConfig(traits, 1, "").KubeadmConfigPatches
			g.Expect(patches).NotTo(BeEmpty())
			g.Expect(patches[0]).To(MatchYAML("kind: KubeletConfiguration\ncgroupDriver: cgroupfs"))
			if !want {
				g.Expect(patches).To(HaveLen(1))
				return
			}
			g.Expect(patches).To(HaveLen(2))
			g.Expect(patches[1]).To(MatchYAML("kind: KubeletConfiguration\nfailCgroupV1: false"))
		})
	}
}

func TestConfigWithoutTheDefaultNetwork(t *testing.T) {
	traits := plain("v1.37.2")
	traits.defaultCNI = false
	NewWithT(t).Expect(kindConfig(traits, 1, "").Networking.DisableDefaultCNI).To(BeTrue())
}

func TestConfigWhereOOMScoresCannotBeLowered(t *testing.T) {
	g := NewWithT(t)
	traits := plain("v1.37.2")
	traits.oomUnlimited = false
	patches := kindConfig(traits, 1, "").ContainerdConfigPatches
	g.Expect(patches).To(ConsistOf(
		And(HavePrefix("version = 2\n"), ContainSubstring(`"io.containerd.grpc.v1.cri"`)),
		And(HavePrefix("version = 3\n"), ContainSubstring(`"io.containerd.cri.v1.runtime"`)),
	), "one for each form of the configuration")
	g.Expect(patches).To(HaveEach(ContainSubstring("restrict_oom_score_adj = true")))
}

func TestPatchesAreForBothKubeadmAPIs(t *testing.T) {
	g := NewWithT(t)
	versions := map[string]int{}
	for _, patch := range promptControllers {
		var operations []struct{ Op, Path string }
		g.Expect(yaml.Unmarshal([]byte(patch.Patch), &operations)).To(Succeed())
		versions[patch.Version] = len(operations)
	}
	g.Expect(versions).To(Equal(map[string]int{"v1beta3": 4, "v1beta4": 4}))
}

func TestParseTraits(t *testing.T) {
	g := NewWithT(t)
	here, err := parseTraits("kubernetes=v1.37.2\ncgroup=tmpfs\nbounding=\t000001fffeffffff\n")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(here.kubernetes.String()).To(Equal("1.37.2"))
	g.Expect(here.defaultCNI).To(BeFalse())
	g.Expect(here.cgroup).To(Equal("v1"))
	g.Expect(here.oomUnlimited).To(BeFalse())

	elsewhere, err := parseTraits("kubernetes=v1.34.4\ndefaultCNI=yes\ncgroup=cgroup2fs\nbounding=000001ffffffffff\n")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(elsewhere.defaultCNI).To(BeTrue())
	g.Expect(elsewhere.cgroup).To(Equal("v2"))
	g.Expect(elsewhere.oomUnlimited).To(BeTrue())

	_, err = parseTraits("kubernetes=\ncgroup=tmpfs\nbounding=0\n")
	g.Expect(err).To(MatchError(ContainSubstring(`not an image for kind's nodes: its /kind/version is ""`)))
	_, err = parseTraits("kubernetes=v1.37.2\nbounding=\n")
	g.Expect(err).To(MatchError(ContainSubstring("capabilities")))
}

func TestRoomForOneMoreCluster(t *testing.T) {
	g := NewWithT(t)
	g.Expect(fitsInotify(128, 55, 2)).To(Succeed(), "beside one cluster of three nodes")
	g.Expect(fitsInotify(128, 66, 2)).To(Succeed(), "exactly")
	g.Expect(fitsInotify(128, 67, 2)).To(MatchError(And(
		ContainSubstring("need about 62 inotify instances, but 67 of the 128"),
		ContainSubstring("make clean"),
	)))
	g.Expect(fitsInotify(128, 67, 1)).To(Succeed(), "a smaller one fits")
}
