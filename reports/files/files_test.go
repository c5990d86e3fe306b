package files

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/internal/sample"
	"github.com/podproof/podproof/reports/internal/wording"
)

func TestWrite(t *testing.T) {
	g := NewWithT(t)
	dir := filepath.Join(t.TempDir(), "out", "run")
	r := sample.Record()
	g.Expect(Write(dir, reports.Record{})).To(Succeed())
	g.Expect(Write(dir, r)).To(Succeed(), "over older files")

	entries, err := os.ReadDir(dir)
	g.Expect(err).NotTo(HaveOccurred())
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	g.Expect(names).To(ConsistOf("record.json", "junit.xml", "summary.txt", "summary.md", "badge.svg", "report.html"), "no temporary file is left")

	data, err := os.ReadFile(filepath.Join(dir, reports.RecordFile))
	g.Expect(err).NotTo(HaveOccurred())
	var back reports.Record
	g.Expect(json.Unmarshal(data, &back)).To(Succeed())
	g.Expect(back).To(Equal(r))
	g.Expect(string(data)).To(HavePrefix("{\n \"schema\": \"podproof.record/v1\","))
}

func TestWriteThatFailsLeavesTheOldFile(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	g.Expect(os.Mkdir(filepath.Join(dir, JUnit), 0o755)).To(Succeed()) // cannot be replaced by a file
	err := Write(dir, sample.Record())
	g.Expect(err).To(MatchError(ContainSubstring("junit.xml")))
	g.Expect(filepath.Join(dir, reports.RecordFile)).To(BeAnExistingFile())
	g.Expect(filepath.Join(dir, Page)).To(BeAnExistingFile(), "the other files are written all the same")
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(left).To(BeEmpty())

	file := filepath.Join(t.TempDir(), "file")
	g.Expect(os.WriteFile(file, nil, 0o600)).To(Succeed())
	g.Expect(Write(file, sample.Record())).To(MatchError(ContainSubstring("directory for the results")))
}

func TestADoubtIsOnTopOfEveryReport(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	r := sample.Record()
	r.Cluster.Doubt = "node w says <so>"
	g.Expect(Write(dir, r)).To(Succeed())
	for file, want := range map[string]string{
		Summary:  wording.DoubtHeading + ": node w says <so>.\n",
		Page:     wording.DoubtHeading + ": node w says &lt;so&gt;.",
		Markdown: "| " + wording.DoubtHeading + " | node w says",
	} {
		text, err := os.ReadFile(filepath.Join(dir, file))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(string(text)).To(ContainSubstring(want), file)
	}
	g.Expect(Write(dir, sample.Record())).To(Succeed())
	g.Expect(os.ReadFile(filepath.Join(dir, Summary))).NotTo(ContainSubstring(wording.DoubtHeading))
}
