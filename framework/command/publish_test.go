package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/files"
)

func TestPublishAndValidate(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "report.yaml")
	record := reports.New(claims.All(), reports.Run{Profile: "full", Version: "0.1.0", Filters: []string{"NET-02"}},
		[]reports.Spec{{Text: "x", Claims: []string{"NET-02"}, State: reports.Passed}}, nil)
	record.Run.Started = record.Run.Started.AddDate(2025, 0, 0)
	record.Cluster = &reports.Cluster{ServerVersion: "v1.37.2"}
	g.Expect(files.Write(dir, record)).To(Succeed())

	g.Expect(podproof("publish", dir, "--out", file)).To(Equal(2), "nobody knows whose cluster it was")
	g.Expect(file).NotTo(BeAnExistingFile())
	g.Expect(podproof("publish", dir, "--out", file, "--project=acme", "--contact=a", "--contact=b")).To(Equal(0))
	data, err := os.ReadFile(file)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(data)).To(And(ContainSubstring("  contact:\n  - a\n  - b\n"), ContainSubstring("wholeProfile: false\n")))
	g.Expect(podproof("validate", file)).To(Equal(0))

	forged := strings.Replace(string(data), "wholeProfile: false", "wholeProfile: true", 1)
	g.Expect(os.WriteFile(file, []byte(forged), 0o600)).To(Succeed())
	g.Expect(podproof("validate", file)).To(Equal(1))

	for name, args := range map[string][]string{
		"no file": {}, "two files": {file, file}, "a file that is not there": {filepath.Join(dir, "absent")},
		"a record": {filepath.Join(dir, "record.json")}, "an unknown flag": {file, "--fast"},
	} {
		g.Expect(podproof(append([]string{"validate"}, args...)...)).To(Equal(2), name)
	}
	g.Expect(podproof("publish", file)).To(Equal(2), "a report is no record")
	g.Expect(podproof("publish")).To(Equal(2))
}
