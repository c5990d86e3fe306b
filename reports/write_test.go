package reports_test

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/reports"
)

func TestAFileOfTheCallersChoice(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	g.Expect(os.WriteFile(file, []byte("before"), 0o644)).To(Succeed())
	g.Expect(os.Symlink(file, link)).To(Succeed())
	g.Expect(reports.WriteFile(link, []byte("after"))).To(Succeed())
	g.Expect(os.ReadFile(file)).To(BeEquivalentTo("after"))
	info, err := os.Lstat(link)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(info.Mode()&os.ModeSymlink).NotTo(BeZero(), "a link stays one")

	g.Expect(reports.WriteFile(os.DevNull, []byte("gone"))).To(Succeed())
	info, err = os.Stat(os.DevNull)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(info.Mode()&os.ModeDevice).NotTo(BeZero(), "a device stays one")
	g.Expect(reports.WriteFile(filepath.Join(dir, "no", "such"), nil)).NotTo(Succeed())
}
