package nodeimage

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/kind/pkg/apis/config/defaults"
)

func TestFindTakesMinorsAndPatches(t *testing.T) {
	newest := Supported()[0]
	for request, want := range map[string]struct{ minor, exact string }{
		"":         {newest.Minor, ""},
		"1.37":     {"1.37", ""},
		"v1.37":    {"1.37", ""},
		"1.37.2":   {"1.37", "v1.37.2"},
		"v1.37.2":  {"1.37", "v1.37.2"},
		" 1.32 ":   {"1.32", ""},
		"v1.34.11": {"1.34", "v1.34.11"}, // kind's image only
	} {
		t.Run(request, func(t *testing.T) {
			g := NewWithT(t)
			found, err := findTarget(request)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(found.Minor).To(Equal(want.minor))
			g.Expect(found.exact).To(Equal(want.exact))
		})
	}
}

func TestFindSaysWhatIsWrong(t *testing.T) {
	for request, want := range map[string]string{
		"latest":  `"latest" is not written like 1.37 or 1.37.2`,
		"1":       `"1" is not written like`,
		"1.37.2x": `is not written like`,
		"1.31":    "Kubernetes 1.31 is older than the oldest that is supported",
		"v1.9.3":  "Kubernetes 1.9.3 is older than the oldest that is supported",
		"1.99":    "Kubernetes 1.99 is newer than the newest that is supported",
		"2.0":     "Kubernetes 2.0 is newer than the newest that is supported",
		"1.37.99": "v1.37.99 is not among the patches of 1.37 that can be had: v1.37.2 (built here), v1.37.0 (kind's image); ask for 1.37",
	} {
		t.Run(request, func(t *testing.T) {
			g := NewWithT(t)
			_, err := Find(request)
			g.Expect(err).To(MatchError(ErrVersion))
			g.Expect(err).To(MatchError(ContainSubstring(want)))
			if !strings.Contains(want, "patches of") {
				for _, v := range Supported() {
					g.Expect(err).To(MatchError(ContainSubstring("\n  " + v.Minor + ": " + v.Build + " (built here)")))
				}
			}
		})
	}
}

func TestSupportedVersionsAreComplete(t *testing.T) {
	g := NewWithT(t)
	for i, v := range Supported() {
		for _, c := range components(v) {
			g.Expect(c.Version).To(MatchRegexp(`^v\d+\.\d+\.\d+$`), "%s of %s", c.Name, v.Minor)
		}
		if v.Published != "" {
			g.Expect(v.Published).To(MatchRegexp(`^kindest/node:v\d+\.\d+\.\d+@sha256:[0-9a-f]{64}$`))
			g.Expect(minorOf(v.PublishedVersion())).To(Equal(v.Minor))
		}
		if i > 0 {
			g.Expect(compareMinor(v.Minor, Supported()[i-1].Minor)).To(Equal(-1), "newest first, and none left out")
		}
	}
}

func TestVersionsOfOtherDistributionsAreKnownByTheirMinor(t *testing.T) {
	for server, want := range map[string]bool{
		"v1.37.2": true, "v1.37.99": true, "v1.36.3-gke.1012000": true, "v1.35.4+k3s1": true, "v1.32.0-alpha.1+5f3a": true,
		"v1.31.9": false, "v1.38.0": false, "v2.37.0": false, "": false, "main": false,
	} {
		NewWithT(t).Expect(Covers(server)).To(Equal(want), server)
	}
}

func TestKindsDefaultImageIsReadFromKind(t *testing.T) {
	g := NewWithT(t)
	v, err := Find(minorOf(tagOf(defaults.Image)))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(v.Published).To(Equal(defaults.Image))
}

func TestVersionsFileIsChecked(t *testing.T) {
	const component = "components: {etcd: v3.6.16}\n"
	for name, test := range map[string]struct{ yaml, want string }{
		"unknown field":     {component + "kubernetes: [{minor: '1.37', built: v1.37.2}]", `unknown field "built"`},
		"patch of another":  {component + "kubernetes: [{minor: '1.37', build: v1.36.3}]", "v1.36.3 is not a patch of 1.37"},
		"unknown component": {component + "kubernetes: [{minor: '1.37', build: v1.37.2, components: {etc: v1.0.0}}]", `there is no component "etc"`},
		"empty":             {component, "it lists no version"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			_, err := parseVersions([]byte(test.yaml), defaults.Image)
			g.Expect(err).To(MatchError(ContainSubstring(test.want)))
		})
	}
}

func TestSupportedCannotBeChangedFromOutside(t *testing.T) {
	g := NewWithT(t)
	Supported()[0].Components["etcd"] = "v0.0.0"
	g.Expect(Supported()[0].Components["etcd"]).NotTo(Equal("v0.0.0"))
}

func TestTagOf(t *testing.T) {
	g := NewWithT(t)
	g.Expect(tagOf("kindest/node:v1.37.0@sha256:abc")).To(Equal("v1.37.0"))
	g.Expect(tagOf("registry.test:5000/node")).To(BeEmpty())
	g.Expect(tagOf("registry.test:5000/node:v1.2.3")).To(Equal("v1.2.3"))
}
