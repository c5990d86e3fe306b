package reports_test

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/internal/sample"
)

func TestRead(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	g.Expect(reports.WriteRecord(dir, sample.Record())).To(Succeed())
	for _, path := range []string{dir, filepath.Join(dir, reports.RecordFile)} {
		r, err := reports.Read(path)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(r).To(Equal(sample.Record()))
	}
	for content, want := range map[string]string{
		"schema: x":                                      "is not JSON",
		`{"schema":"other/v1"}`:                          `has the schema "other/v1"; this podproof reads records with the schema podproof.record/v1`,
		`{"schema":"` + reports.Schema + `"}`:            "it has no claims",
		`{"schema":"` + reports.Schema + `","claims":3}`: "does not match the schema of a record",
	} {
		file := filepath.Join(t.TempDir(), "r.json")
		g.Expect(os.WriteFile(file, []byte(content), 0o600)).To(Succeed())
		_, err := reports.Read(file)
		g.Expect(err).To(MatchError(And(ContainSubstring(want), ContainSubstring(file))))
	}
	_, err := reports.Read(filepath.Join(dir, "absent"))
	g.Expect(err).To(MatchError(ContainSubstring("absent does not exist")))
}
