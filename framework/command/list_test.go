package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/reports/listing"
	"github.com/podproof/podproof/suites"
)

func TestDocsAreCurrent(t *testing.T) {
	g := NewWithT(t)
	all, err := entries(suites.Pods{})
	g.Expect(err).NotTo(HaveOccurred())
	var files []string
	for _, page := range listing.Pages(all) {
		files = append(files, page.File)
		kept, err := os.ReadFile(filepath.Join("docs", page.File))
		g.Expect(err).NotTo(HaveOccurred(), "run make docs")
		g.Expect(string(kept)).To(Equal(page.Text), "docs/%s is not what the catalogue and the specs say: run make docs", page.File)
	}
	found, err := os.ReadDir("docs")
	g.Expect(err).NotTo(HaveOccurred())
	for _, f := range found {
		if f.IsDir() { // the guides and their pictures, which people write
			continue
		}
		g.Expect(files).To(ContainElement(f.Name()), "docs/%s belongs to no subject: remove it", f.Name())
	}
	// The pages link to the files of the specs.
	for _, e := range all {
		for _, s := range e.Specs {
			g.Expect(s.File).To(BeARegularFile())
		}
	}
}

func TestReadmeHasTheShare(t *testing.T) {
	g := NewWithT(t)
	readme, err := os.ReadFile("README.md")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(strings.Join(strings.Fields(string(readme)), " ")).To(ContainSubstring(listing.Share()), "README.md must say how much is proven; replace its sentence by: %s", listing.Share())
}

func TestListOptions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pages")
	for name, c := range map[string]struct {
		args []string
		want int
	}{
		"table": {nil, 0}, "json": {[]string{"--format=json"}, 0}, "pages": {[]string{"--format", "markdown", "--out", dir}, 0},
		"unknown format": {[]string{"--format=xml"}, 2}, "argument": {[]string{"json"}, 2}, "pages of JSON": {[]string{"--format=json", "--out=x"}, 2},
		"unknown flag": {[]string{"--json"}, 2}, "statements": {[]string{"--documentation"}, 0},
		"statements as JSON": {[]string{"--documentation", "--format=json"}, 0}, "statements as a page": {[]string{"--documentation", "--format=markdown"}, 0},
		"pages of statements": {[]string{"--documentation", "--format=markdown", "--out=x"}, 2}, "statements in an unknown format": {[]string{"--documentation", "--format=xml"}, 2},
	} {
		NewWithT(t).Expect(podproof(append([]string{"list"}, c.args...)...)).To(Equal(c.want), name)
	}
	NewWithT(t).Expect(filepath.Join(dir, "backoff.md")).To(BeARegularFile())
}
