package command

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/files"
)

func TestReportMakesTheFilesAgain(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "old", reports.RecordFile)
	g.Expect(os.Mkdir(filepath.Dir(path), 0o755)).To(Succeed())
	// As an older podproof wrote it, and with a field of a later one.
	old := `{"schema":"podproof.record/v1","later":1,"run":{"id":"x"},"claims":[{"id":"A-01","subject":"a","sentence":"A is so.","verdict":"conformant","selected":true}],
		"specs":[{"text":"good","claims":["A-01"],"state":"passed","seconds":1,"waitSeconds":0}],"laws":[],"verdict":"conformant","reason":"1 claim as documented"}`
	g.Expect(os.WriteFile(path, []byte(old), 0o600)).To(Succeed())

	elsewhere := filepath.Join(dir, "new")
	g.Expect(podproof("report", path, "--out", elsewhere)).To(Equal(0), "a flag may come last")
	for _, name := range []string{reports.RecordFile, files.JUnit, files.Summary, files.Page} {
		g.Expect(filepath.Join(elsewhere, name)).To(BeAnExistingFile())
	}
	page, err := os.ReadFile(filepath.Join(elsewhere, files.Page))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(page)).To(ContainSubstring("A is so."))
	g.Expect(filepath.Join(dir, "old", files.Page)).NotTo(BeAnExistingFile())
	g.Expect(podproof("report", filepath.Dir(path))).To(Equal(0), "the directory of a run stands for its record")
	g.Expect(filepath.Join(dir, "old", files.Page)).To(BeAnExistingFile(), "beside the record where nothing else is said")
	g.Expect(podproof("report", "-h")).To(Equal(0))
}

func TestReportSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		NewWithT(t).Expect(os.WriteFile(path, []byte(text), 0o600)).To(Succeed())
		return path
	}
	for name, args := range map[string][]string{
		"no record":      nil,
		"two records":    {"a", "b"},
		"no such file":   {filepath.Join(dir, "missing.json")},
		"no JSON":        {write("text.json", "hello")},
		"another schema": {write("later.json", `{"schema":"podproof.record/v2"}`)},
		"unknown flag":   {"--nonsense"},
		"another name":   {write("monday.json", `{"schema":"podproof.record/v1","verdict":"conformant"}`)},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(podproof(append([]string{"report"}, args...)...)).To(Equal(reports.ExitUsage))
		})
	}
}
