// Package guide holds the guides, and the test that their links lead somewhere.
package guide

import (
	"bytes"
	"io/fs"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"
	"unicode"

	. "github.com/onsi/gomega"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// readmeLines is how long the README may get: the guides have room for the rest.
const readmeLines = 160

// repository is the root of the checkout.
var repository = os.DirFS("../..")

// pages returns the paths of all pages that people read.
func pages(t *testing.T) []string {
	t.Helper()
	all := []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md"}
	err := fs.WalkDir(repository, "docs", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && strings.HasSuffix(path, ".md") {
			all = append(all, path)
		}
		return err
	})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return all
}

// page is what other pages can link to, and what it links to itself.
type page struct {
	anchors map[string]bool
	links   []string
}

// read parses a page as GitHub does, with tables and bare links.
func read(source []byte) page {
	p := page{anchors: map[string]bool{}}
	document := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(source))
	// The walk cannot fail, as its function does not.
	_ = ast.Walk(document, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			p.addAnchor(anchor(plain(n, source)))
		case *ast.Link:
			p.links = append(p.links, string(n.Destination))
		case *ast.Image:
			p.links = append(p.links, string(n.Destination))
		}
		return ast.WalkContinue, nil
	})
	return p
}

// addAnchor numbers headings of the same text: usage, usage-1, usage-2.
func (p page) addAnchor(name string) {
	unique := name
	for n := 1; p.anchors[unique]; n++ {
		unique = name + "-" + strconv.Itoa(n)
	}
	p.anchors[unique] = true
}

// plain is the text of a node without its markup.
func plain(n ast.Node, source []byte) string {
	var out bytes.Buffer
	for child := n.FirstChild(); child != nil; child = child.NextSibling() {
		if leaf, ok := child.(*ast.Text); ok {
			out.Write(leaf.Value(source))
		} else {
			out.WriteString(plain(child, source))
		}
	}
	return out.String()
}

// anchor is the name that GitHub gives a heading. goldmark's own names differ: they drop
// letters that are not ASCII.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

func TestLinksResolve(t *testing.T) {
	parsed := map[string]page{}
	for _, name := range pages(t) {
		source, err := fs.ReadFile(repository, name)
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		parsed[name] = read(source)
	}
	for name, p := range parsed {
		for _, link := range p.links {
			if problem := check(parsed, name, link); problem != "" {
				t.Errorf("%s links to %s: %s", name, link, problem)
			}
		}
	}
}

// check says what is wrong with a link of a page. Links to other sites are not followed.
func check(parsed map[string]page, from, link string) string {
	target, err := url.Parse(link)
	switch {
	case err != nil:
		return err.Error()
	case target.IsAbs():
		return ""
	}
	file := from
	if target.Path != "" {
		file = path.Join(path.Dir(from), target.Path)
	}
	if _, err := fs.Stat(repository, file); err != nil {
		return err.Error()
	}
	if to, isPage := parsed[file]; target.Fragment != "" && (!isPage || !to.anchors[target.Fragment]) {
		return "there is no such heading"
	}
	return ""
}

func TestCheckNoticesBrokenLinks(t *testing.T) {
	g := NewWithT(t)
	readme := read([]byte("# Two `commands`, it's *so*\n\n## A\n\n## A\n\n[x](#a-1) ![y](docs/z.png) [site](https://example.com#q)\n\n```\n[code](nowhere)\n```\n"))
	g.Expect(readme.anchors).To(HaveLen(3))
	g.Expect(readme.anchors).To(And(HaveKey("two-commands-its-so"), HaveKey("a"), HaveKey("a-1")))
	g.Expect(readme.links).To(Equal([]string{"#a-1", "docs/z.png", "https://example.com#q"}))
	parsed := map[string]page{"README.md": readme}
	for link, want := range map[string]string{
		"#a-1": "", "LICENSE": "", "https://example.com#q": "",
		"#a-2": "no such heading", "LICENSE#a": "no such heading", "docs/z.png": "no such file", "../outside": "invalid argument",
	} {
		g.Expect(check(parsed, "README.md", link)).To(ContainSubstring(want), link)
		g.Expect(check(parsed, "README.md", link) == "").To(Equal(want == ""), link)
	}
}

func TestReadmeIsShort(t *testing.T) {
	g := NewWithT(t)
	source, err := fs.ReadFile(repository, "README.md")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(bytes.Count(source, []byte("\n"))).To(BeNumerically("<=", readmeLines), "README.md is too long: move something to docs/guide")
}
