package text

import (
	"encoding/xml"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	thirdparty "github.com/joshdk/go-junit"
	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/internal/sample"
)

// junitRules are what both usual schemas allow: by element, the attributes that must
// be there and those that may be, and the children in their order.
var junitRules = map[string]struct {
	must, may []string
	children  *regexp.Regexp // over the names of the children, each with a blank behind it
}{
	"testsuites": {nil, nil, regexp.MustCompile(`^(testsuite )*$`)},
	"testsuite": {[]string{"name", "package", "id", "hostname", "timestamp", "tests", "failures", "errors", "time"},
		[]string{"skipped"}, regexp.MustCompile(`^properties (testcase )*system-out system-err $`)},
	"properties": {nil, nil, regexp.MustCompile(`^(property )*$`)},
	"property":   {[]string{"name", "value"}, nil, regexp.MustCompile(`^$`)},
	"testcase":   {[]string{"name", "classname", "time"}, nil, regexp.MustCompile(`^(skipped |error |failure )?$`)},
	"failure":    {[]string{"message", "type"}, nil, regexp.MustCompile(`^$`)},
	"error":      {[]string{"message", "type"}, nil, regexp.MustCompile(`^$`)},
	"skipped":    {[]string{"message"}, nil, regexp.MustCompile(`^$`)},
	"system-out": {nil, nil, regexp.MustCompile(`^$`)},
	"system-err": {nil, nil, regexp.MustCompile(`^$`)},
}

// junitValues are the forms of attributes that are not free text.
var junitValues = map[string]*regexp.Regexp{
	"time": regexp.MustCompile(`^[0-9]+\.[0-9]{3}$`), "timestamp": regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}$`),
	"id": regexp.MustCompile(`^[0-9]+$`), "tests": regexp.MustCompile(`^[0-9]+$`), "failures": regexp.MustCompile(`^[0-9]+$`),
	"errors": regexp.MustCompile(`^[0-9]+$`), "skipped": regexp.MustCompile(`^[0-9]+$`),
	"name": regexp.MustCompile(`^\S`), "hostname": regexp.MustCompile(`^\S`),
}

// brokenRules returns what in the file is not as the schemas want it.
func brokenRules(data string) []string {
	var problems []string
	type open struct{ name, children string }
	var path []open
	d := xml.NewDecoder(strings.NewReader(data))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return problems
		}
		if err != nil {
			return append(problems, err.Error())
		}
		switch e := token.(type) {
		case xml.StartElement:
			name := e.Name.Local
			rule, known := junitRules[name]
			if !known {
				problems = append(problems, "unknown element "+name)
			}
			var found []string
			for _, a := range e.Attr {
				found = append(found, a.Name.Local)
				if !slices.Contains(rule.must, a.Name.Local) && !slices.Contains(rule.may, a.Name.Local) {
					problems = append(problems, name+" has the attribute "+a.Name.Local)
				}
				if form := junitValues[a.Name.Local]; form != nil && !form.MatchString(a.Value) {
					problems = append(problems, fmt.Sprintf("%s of %s is %q", a.Name.Local, name, a.Value))
				}
			}
			for _, must := range rule.must {
				if !slices.Contains(found, must) {
					problems = append(problems, name+" is without "+must)
				}
			}
			if len(path) > 0 {
				path[len(path)-1].children += name + " "
			}
			path = append(path, open{name: name})
		case xml.EndElement:
			last := path[len(path)-1]
			path = path[:len(path)-1]
			if rule, known := junitRules[last.name]; known && !rule.children.MatchString(last.children) {
				problems = append(problems, last.name+" has the children "+last.children)
			}
		}
	}
}

func TestJUnitKeepsTheSchemas(t *testing.T) {
	older, err := reports.Read(filepath.Join("..", "testdata", "record.json"))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	for name, r := range map[string]reports.Record{
		"an older record": older,
		"a run":           sample.Record(),
		"a failed set-up": reports.New(claims.All(), reports.Run{SetupError: "no engine"}, nil, nil),
		"a deviation":     reports.New(sample.Catalogue(), reports.Run{}, []reports.Spec{sample.Deviate("A-01")}, sample.LawHolds),
		"a broken law":    reports.New(sample.Catalogue(), reports.Run{}, nil, []reports.Law{{ID: "LAW-C", Pods: 1, Broken: []reports.BrokenLaw{{Pod: "p", Message: "m"}}}}),
		"an interrupt":    reports.New(sample.Catalogue(), reports.Run{Interrupted: true}, []reports.Spec{sample.InState("A-01", reports.Interrupted)}, sample.LawHolds),
	} {
		t.Run(name, func(t *testing.T) {
			_, text := junit(t, r)
			NewWithT(t).Expect(brokenRules(text)).To(BeEmpty())
		})
	}
	_, good := junit(t, sample.Record())
	for name, change := range map[string][2]string{
		"attribute of the root":  {"<testsuites>", `<testsuites tests="3">`},
		"no host":                {` hostname="localhost"`, ""},
		"properties of a case":   {"</testcase>", "<properties></properties></testcase>"},
		"time with its zone":     {"T12:00:00", "T12:00:00Z"},
		"time in words":          {`time="9.310"`, `time="9.3 s"`},
		"no output":              {"<system-out></system-out>", ""},
		"failure without a type": {` type="nonconformant"`, ""},
	} {
		t.Run("refused: "+name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(good).To(ContainSubstring(change[0]))
			g.Expect(brokenRules(strings.Replace(good, change[0], change[1], 1))).NotTo(BeEmpty())
		})
	}
}

func TestJUnitIsReadByOthers(t *testing.T) {
	g := NewWithT(t)
	r := sample.Record()
	_, text := junit(t, r)
	suites, err := thirdparty.Ingest([]byte(text))
	g.Expect(err).NotTo(HaveOccurred())
	var total thirdparty.Totals
	names := map[string]bool{}
	for _, s := range suites {
		total.Tests, total.Passed = total.Tests+s.Totals.Tests, total.Passed+s.Totals.Passed
		total.Failed, total.Error, total.Skipped = total.Failed+s.Totals.Failed, total.Error+s.Totals.Error, total.Skipped+s.Totals.Skipped
		for _, c := range s.Tests {
			g.Expect(names).NotTo(HaveKey(c.Classname+" "+c.Name), "readers know a case by its name")
			names[c.Classname+" "+c.Name] = true
			if c.Status == thirdparty.StatusFailed {
				g.Expect(c.Error).To(MatchError(ContainSubstring("A force-deleted Pod is gone")))
			}
		}
	}
	g.Expect(total).To(Equal(thirdparty.Totals{Tests: 7 + len(sample.Laws()), Passed: 4 + len(sample.Laws()), Failed: 1, Error: 1, Skipped: 1}))
	for _, s := range suites {
		if s.Name == "backoff" {
			g.Expect(s.Properties).To(HaveKeyWithValue("BACKOFF-02: Back-off doubles: up to the 20 s step | measured: delay before the 3rd restart", "24.1 s"))
		}
	}
}

// A run in which everything fails with a long story.
func TestJUnitStaysSmall(t *testing.T) {
	g := NewWithT(t)
	var specs []reports.Spec
	for _, c := range claims.All() {
		if !c.Law {
			s := sample.Fail(c.ID, reports.ClusterFailure)
			s.Message = "expected this\n" + strings.Repeat("at some time a pod did something\n", 2000) + "got that"
			s.Evidence = []string{"evidence/" + c.ID}
			for n := range 3 {
				s.Measured = append(s.Measured, reports.Measurement{Claim: c.ID, What: fmt.Sprintf("delay before the restart number %d", n), Documented: "10 s to 15 s", Measured: "3 s"})
			}
			specs = append(specs, s)
		}
	}
	file, text := junit(t, reports.New(claims.All(), reports.Run{}, specs, sample.Laws()))
	g.Expect(len(text)).To(BeNumerically("<", 300_000))
	first := file.Suites[0].Cases[0]
	g.Expect(first.Failure.Text).To(And(HavePrefix(claims.All()[0].Sentence), ContainSubstring("expected this"),
		HaveSuffix("got that\n"), MatchRegexp(`… \d+ lines left out here; the whole text is in evidence/`)))
}

func TestMiddleOut(t *testing.T) {
	g := NewWithT(t)
	g.Expect(middleOut("a\nb\n", 10, "x")).To(Equal("a\nb\n"))
	g.Expect(middleOut("a\nb\nc\nd\ne\nf\ng\n", 6, "x")).To(Equal("a\nb\n… 4 lines left out here; the whole text is in x …\ng\n"))
	g.Expect(middleOut(strings.Repeat("word ", 50), 20, "x")).To(Equal("word word word…\n"))
}
