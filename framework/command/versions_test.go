package command

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/fixtures/versions"
	"github.com/podproof/podproof/reports"
)

func TestVersionsForAMatrix(t *testing.T) {
	g := NewWithT(t)
	var out bytes.Buffer
	g.Expect(writeVersions(&out, "json", supportedVersions())).To(Succeed())
	g.Expect(strings.Count(out.String(), "\n")).To(Equal(1), "an output of a GitHub step is one line")
	var read []map[string]any
	g.Expect(json.Unmarshal(out.Bytes(), &read)).To(Succeed())
	g.Expect(read).To(HaveLen(len(versions.Supported())))
	for n, v := range versions.Supported() {
		g.Expect(read[n]).To(HaveKeyWithValue("minor", v.Minor))
		g.Expect(read[n]).To(HaveKeyWithValue("build", v.Build))
		g.Expect(read[n]["components"]).To(HaveKeyWithValue("etcd", v.Components["etcd"]))
		if v.Published == "" {
			g.Expect(read[n]).To(HaveKeyWithValue("published", BeNil()))
		} else {
			g.Expect(read[n]).To(HaveKeyWithValue("published", v.Published))
		}
	}
}

func TestVersionsAsATable(t *testing.T) {
	g := NewWithT(t)
	image := "kindest/node:v1.36.4@sha256:00"
	var out bytes.Buffer
	g.Expect(writeVersions(&out, "table", []supportedVersion{
		{Minor: "1.36", Build: "v1.36.3", Published: &image, Components: map[string]string{"runc": "v1", "etcd": "v3"}},
		{Minor: "1.35", Build: "v1.35.4"},
	})).To(Succeed())
	g.Expect(out.String()).To(MatchRegexp(`(?m)^1\.36 +v1\.36\.3 +kindest/node:v1\.36\.4 +etcd v3, runc v1$`))
	g.Expect(out.String()).To(MatchRegexp(`(?m)^1\.35 +v1\.35\.4 +none`))
	g.Expect(podproof("versions", "--format=yaml")).To(Equal(reports.ExitUsage))
	g.Expect(podproof("versions", "1.37")).To(Equal(reports.ExitUsage))
	g.Expect(podproof("versions", "-h")).To(Equal(0))
}
