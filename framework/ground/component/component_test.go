package component

import (
	"encoding/json"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/fixtures/versions"
)

func TestKeysTellInputsApart(t *testing.T) {
	g := NewWithT(t)
	all := All(versions.Supported()[0])
	keys := make(map[string]string)
	for _, c := range all {
		keys[c.Key("go1.26.0")] = c.Name
		g.Expect(c.Key("go1.26.0")).To(Equal(c.Key("go1.26.0")))
		g.Expect(c.Key("go1.26.1")).NotTo(Equal(c.Key("go1.26.0")), "another compiler makes another program")
		changed := c
		changed.LDFlags = append([]string{"-X main.x=y"}, c.LDFlags...)
		g.Expect(changed.Key("go1.26.0")).NotTo(Equal(c.Key("go1.26.0")))
	}
	g.Expect(keys).To(HaveLen(len(all)))
}

func TestTheGeneratedModuleReplacesKubernetesStaging(t *testing.T) {
	g := NewWithT(t)
	c := Kubernetes("v1.37.2")
	text := mainModule(c, goMod{Go: "1.26.0", Replace: replacements(t, `[
		{"Old": {"Path": "k8s.io/api"}, "New": {"Path": "./staging/src/k8s.io/api"}},
		{"Old": {"Path": "other.test/x"}, "New": {"Path": "other.test/y"}}]`)})
	g.Expect(text).To(Equal("module podproof.test/kubernetes\n\ngo 1.26.0\n\nrequire k8s.io/kubernetes v1.37.2\nreplace k8s.io/api => k8s.io/api v0.37.2\n"))
	g.Expect(mainModule(All(versions.Supported()[0])[1], goMod{Go: "1.25.0"})).NotTo(ContainSubstring("replace"))
	g.Expect(c.LDFlags).To(ContainElements("-X k8s.io/component-base/version.gitVersion=v1.37.2", "-X k8s.io/component-base/version.gitMinor=37"))
	g.Expect(c.Imports()).To(ContainElement("k8s.io/kubernetes/cmd/kubelet"))
}

func replacements(t *testing.T, data string) (all []replacement) {
	t.Helper()
	if err := json.Unmarshal([]byte(data), &all); err != nil {
		t.Fatal(err)
	}
	return all
}
