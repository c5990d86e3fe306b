package build

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/fixtures/versions"
	"github.com/podproof/podproof/framework/ground/engine"
)

func TestNoSupportedVersionLosesItsParts(t *testing.T) {
	g := NewWithT(t)
	wanted := wantedParts()
	g.Expect(wanted).To(HaveKey("rootfs-" + suite))
	for _, v := range versions.Supported() {
		g.Expect(wanted).To(HaveKey("kubernetes-" + v.Build))
		g.Expect(wanted).To(HaveKey("etcd-" + v.Components["etcd"]))
	}
}

func TestTheRecipeFollowsItsInputs(t *testing.T) {
	g := NewWithT(t)
	seen := make(map[string]string)
	for _, v := range versions.Supported() {
		seen[recipe(v)] = v.Minor
	}
	g.Expect(seen).To(HaveLen(len(versions.Supported())))
	v := versions.Supported()[0]
	v.Components["runc"] = "v1.0.0"
	g.Expect(recipe(v)).NotTo(Equal(recipe(versions.Supported()[0])))
	v = versions.Supported()[0]
	v.Published = ""
	g.Expect(recipe(v)).To(Equal(recipe(versions.Supported()[0])), "kind's image has no part in ours")
}

func TestOlderRecipesAreRemoved(t *testing.T) {
	g, dir := NewWithT(t), t.TempDir()
	v, other := versions.Supported()[0], versions.Supported()[1]
	old := Repository + ":" + v.Build + "-000000000000"
	images := strings.Join([]string{Reference(v), old, "localhost/" + old, Reference(other), "debian:12"}, "\n")
	script := "#!/bin/sh\necho \"$*\" >>" + dir + "/calls\ntest \"$2\" != ls || cat <<'EOF'\n" + images + "\nEOF\n"
	g.Expect(os.WriteFile(filepath.Join(dir, "docker"), []byte(script), 0o755)).To(Succeed())
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))

	g.Expect(RemoveOlder(t.Context(), &engine.Engine{Name: "docker"}, v)).To(Succeed())
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	g.Expect(err).NotTo(HaveOccurred())
	var removed []string
	for call := range strings.Lines(string(calls)) {
		if image, is := strings.CutPrefix(call, "image rm "); is {
			removed = append(removed, strings.TrimSpace(image))
		}
	}
	g.Expect(removed).To(Equal([]string{old, "localhost/" + old}))
}
