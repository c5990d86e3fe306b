package reports

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
)

func TestWrite(t *testing.T) {
	g := NewWithT(t)
	dir := filepath.Join(t.TempDir(), "out", "run")
	r := sample()
	g.Expect(Write(dir, Record{})).To(Succeed())
	g.Expect(Write(dir, r)).To(Succeed(), "over older files")

	entries, err := os.ReadDir(dir)
	g.Expect(err).NotTo(HaveOccurred())
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	g.Expect(names).To(ConsistOf("record.json", "junit.xml", "summary.txt", "summary.md", "badge.svg", "report.html"), "no temporary file is left")

	data, err := os.ReadFile(filepath.Join(dir, RecordFile))
	g.Expect(err).NotTo(HaveOccurred())
	var back Record
	g.Expect(json.Unmarshal(data, &back)).To(Succeed())
	g.Expect(back).To(Equal(r))
	g.Expect(string(data)).To(HavePrefix("{\n \"schema\": \"podproof.record/v1\","))
}

func TestWriteThatFailsLeavesTheOldFile(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	g.Expect(os.Mkdir(filepath.Join(dir, JUnitFile), 0o755)).To(Succeed()) // cannot be replaced by a file
	err := Write(dir, sample())
	g.Expect(err).To(MatchError(ContainSubstring("write junit.xml")))
	g.Expect(filepath.Join(dir, RecordFile)).To(BeAnExistingFile())
	g.Expect(filepath.Join(dir, HTMLFile)).To(BeAnExistingFile(), "the other files are written all the same")
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(left).To(BeEmpty())

	file := filepath.Join(t.TempDir(), "file")
	g.Expect(os.WriteFile(file, nil, 0o600)).To(Succeed())
	g.Expect(Write(file, sample())).To(MatchError(ContainSubstring("directory for the results")))
}

func TestAFileOfTheCallersChoice(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	g.Expect(os.WriteFile(file, []byte("before"), 0o644)).To(Succeed())
	g.Expect(os.Symlink(file, link)).To(Succeed())
	g.Expect(WriteFile(link, []byte("after"))).To(Succeed())
	g.Expect(os.ReadFile(file)).To(BeEquivalentTo("after"))
	info, err := os.Lstat(link)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(info.Mode()&os.ModeSymlink).NotTo(BeZero(), "a link stays one")

	g.Expect(WriteFile(os.DevNull, []byte("gone"))).To(Succeed())
	info, err = os.Stat(os.DevNull)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(info.Mode()&os.ModeDevice).NotTo(BeZero(), "a device stays one")
	g.Expect(WriteFile(filepath.Join(dir, "no", "such"), nil)).NotTo(Succeed())
}
