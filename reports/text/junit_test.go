package text

import (
	"encoding/xml"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/internal/sample"
)

func junit(t *testing.T, r reports.Record) (junitFile, string) {
	t.Helper()
	g := NewWithT(t)
	data, err := JUnit(r)
	g.Expect(err).NotTo(HaveOccurred())
	var file junitFile
	g.Expect(xml.Unmarshal(data, &file)).To(Succeed(), string(data))
	return file, string(data)
}

func (f junitFile) suite(t *testing.T, name string) junitSuite {
	t.Helper()
	for _, s := range f.Suites {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no testsuite %q", name)
	return junitSuite{}
}

func (f junitFile) find(t *testing.T, name string) junitCase {
	t.Helper()
	for _, s := range f.Suites {
		for _, c := range s.Cases {
			if c.Name == name {
				return c
			}
		}
	}
	t.Fatalf("no testcase %q", name)
	return junitCase{}
}

// count adds up what the suites say of themselves.
func (f junitFile) count() (tests, failures, errors, skipped int) {
	for _, s := range f.Suites {
		tests, failures, errors, skipped = tests+s.Tests, failures+s.Failures, errors+s.Errors, skipped+s.Skipped
	}
	return tests, failures, errors, skipped
}

func TestJUnitOfARun(t *testing.T) {
	g := NewWithT(t)
	file, text := junit(t, sample.Record())
	tests, failures, errors, skipped := file.count()
	g.Expect([]int{tests, failures, errors, skipped}).To(Equal([]int{7 + len(sample.Laws()), 1, 1, 1}))
	var suites []string
	for _, s := range file.Suites {
		suites = append(suites, s.Name)
	}
	g.Expect(suites).To(Equal([]string{"network", "volumes", "lifecycle", "backoff", "deletion", "kubectl", "laws"}))
	g.Expect(text).NotTo(ContainSubstring("40 s step"), "filtered specs are not listed")

	const name = "DELETE-06: Deletion by force lets the containers live for about 2 s"
	bad := file.find(t, name)
	g.Expect(bad.Failure.Text).To(HavePrefix("A force-deleted Pod is gone"), "the sentence that is broken comes first")
	g.Expect(bad.Failure.Text).To(ContainSubstring("story of pod victim"))
	g.Expect(bad.Failure.Message).To(HavePrefix("A force-deleted Pod is gone"))
	g.Expect(bad.Failure.Message).To(HaveSuffix("(DELETE-06) expected the last beat 1.8 s to 6 s after SIGTERM"))
	g.Expect(file.suite(t, "deletion").Properties).To(ContainElements(
		junitProperty{name + " | documented: SIGTERM to the last beat", "1.8 s to 6 s"},
		junitProperty{name + " | measured: SIGTERM to the last beat", "0.04 s"},
		junitProperty{name + " | evidence", "evidence/DELETE-06/pod.yaml"},
		junitProperty{name + " | evidence (2)", "evidence/DELETE-06/journal.txt"},
	))
	suite := file.find(t, "NET-02: Network namespace is one for all containers")
	g.Expect(suite.Failure).To(BeNil())
	g.Expect(suite.Error.Type).To(Equal("inconclusive"))
	g.Expect(file.find(t, "CLI-STATUS-01: STATUS column").Skipped.Message).To(ContainSubstring("needs kubectl"))
	g.Expect(file.find(t, "LC-02, PHASE-SUC-02: Phase goes forward").Time).To(Equal("2.200"))

	again, err := JUnit(sample.Record())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(again)).To(Equal(text), "the order does not depend on chance")
}

func TestJUnitTakesAnyMessage(t *testing.T) {
	g := NewWithT(t)
	var every strings.Builder
	for r := rune(0); r < 0x100; r++ {
		every.WriteRune(r)
	}
	every.WriteString("\xff\xfe]]> <&\"'> \uFFFE\uFFFF \x1b[1;31mred\x1b[0m end")
	s := sample.Fail("A-01", reports.ClusterFailure)
	s.Text, s.Message = "text "+every.String(), every.String()
	s.Measured = []reports.Measurement{{Claim: "A-01", What: every.String(), Documented: every.String(), Measured: every.String()}}
	other := sample.Skip("B-01", every.String())
	broken := []reports.Law{{ID: "LAW-C", Pods: 1, Broken: []reports.BrokenLaw{{Pod: "p", Message: every.String()}}}}
	file, text := junit(t, reports.New(sample.Catalogue(), reports.Run{}, []reports.Spec{s, other}, broken))
	g.Expect(file.Suites[0].Cases[0].Failure.Text).To(ContainSubstring("]]> <&\"'>"))
	g.Expect(file.Suites[0].Cases[0].Failure.Text).To(HaveSuffix(" red end"))
	g.Expect(text).NotTo(ContainSubstring("\x1b"))
}

func TestJUnitIsNeverGreenerThanTheVerdict(t *testing.T) {
	contradiction := sample.Pass("A-01")
	contradiction.Measured = []reports.Measurement{{Claim: "A-01", What: "delay", Documented: "10 s", Measured: "3 s"}}
	for name, r := range map[string]reports.Record{
		"set-up failed":      reports.New(sample.Catalogue(), reports.Run{SetupError: "no engine"}, nil, nil),
		"nothing ran":        reports.New(sample.Catalogue(), reports.Run{}, nil, sample.LawHolds),
		"all filtered":       reports.New(sample.Catalogue(), reports.Run{}, []reports.Spec{sample.InState("A-01", reports.Filtered)}, sample.LawHolds),
		"interrupted":        reports.New(sample.Catalogue(), reports.Run{Interrupted: true}, []reports.Spec{sample.Pass("A-01"), sample.InState("B-01", reports.Unstarted)}, sample.LawHolds),
		"ended early":        reports.New(sample.Catalogue(), reports.Run{}, []reports.Spec{sample.Pass("A-01"), sample.InState("B-01", reports.Unstarted)}, sample.LawHolds),
		"spec of no claim":   reports.New(sample.Catalogue(), reports.Run{}, []reports.Spec{{Text: "x", State: reports.Passed}}, sample.LawHolds),
		"measured otherwise": reports.New(sample.Catalogue(), reports.Run{}, []reports.Spec{contradiction}, sample.LawHolds),
		"law broken": reports.New(sample.Catalogue(), reports.Run{}, []reports.Spec{sample.Pass("A-01")},
			[]reports.Law{{ID: "LAW-C", Pods: 1, Broken: []reports.BrokenLaw{{Pod: "p", Message: "m"}}}}),
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(r.Verdict).NotTo(Equal(reports.Conformant))
			file, _ := junit(t, r)
			_, failures, errors, _ := file.count()
			g.Expect(failures + errors).To(BeNumerically(">", 0))
		})
	}
	file, _ := junit(t, reports.New(sample.Catalogue(), reports.Run{}, []reports.Spec{sample.Pass("A-01")}, sample.LawHolds))
	_, failures, errors, _ := file.count()
	NewWithT(t).Expect(failures + errors).To(Equal(0))
}

func TestJUnitShowsEachSpecWithoutVerdictBesideAFailure(t *testing.T) {
	contradiction := sample.Pass("A-01")
	contradiction.Measured = []reports.Measurement{{Claim: "A-01", What: "delay", Documented: "10 s", Measured: "3 s"}}
	elsewhere := sample.Deviate("A-01")
	elsewhere.Claims = []string{"A-01", "B-01"}
	unnamed := sample.Deviate("A-01")
	unnamed.Deviation = nil
	for name, s := range map[string]reports.Spec{
		"measured otherwise":       contradiction,
		"skipped without a reason": sample.Skip("A-01", ""),
		"deviation of another":     elsewhere,
		"deviation without a name": unnamed,
		"never started":            sample.InState("A-01", reports.Unstarted),
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			file, text := junit(t, reports.New(sample.Catalogue(), reports.Run{}, []reports.Spec{sample.Fail("B-01", reports.ClusterFailure), s}, sample.LawHolds))
			_, failures, errors, skipped := file.count()
			g.Expect([]int{failures, errors, skipped}).To(Equal([]int{1, 1, 0}), text)
		})
	}
}

func TestJUnitOfFailedSetup(t *testing.T) {
	g := NewWithT(t)
	r := reports.New(sample.Catalogue(), reports.Run{SetupError: "no container engine answers\ninstall Docker"}, []reports.Spec{sample.InState("A-01", reports.Unstarted)}, nil)
	r.Setup = []reports.Timing{{Step: "container engine", Seconds: 1.5, Error: "no container engine answers"}}
	file, _ := junit(t, r)
	g.Expect(file.Suites).To(HaveLen(1))
	g.Expect(file.Suites[0].Tests).To(Equal(1), "what was not started is not listed")
	c := file.find(t, "set-up")
	g.Expect(c.Error.Message).To(Equal("no container engine answers"))
	g.Expect(c.Error.Text).To(ContainSubstring("install Docker"))
	g.Expect(c.Time).To(Equal("1.500"))
}

func TestKnownDeviationIsVisibleInJUnit(t *testing.T) {
	g := NewWithT(t)
	data, err := JUnit(reports.New(sample.Catalogue(), reports.Run{}, []reports.Spec{sample.Pass("B-01"), sample.Deviate("A-01")}, sample.LawHolds))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(data)).To(And(
		ContainSubstring(`<skipped message="known deviation kubernetes/kubernetes#1 of kubelet v1.36.3: It does not."`),
		ContainSubstring(`| known deviation" value="`),
		ContainSubstring(`failures="0"`)))
}

func TestALawThatAKnownBugBreaksIsVisibleInJUnit(t *testing.T) {
	g := NewWithT(t)
	data, err := JUnit(reports.New(sample.Catalogue(), reports.Run{}, []reports.Spec{sample.Pass("B-01"), sample.Pass("A-01")}, sample.LawDeviates))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(data)).To(And(
		ContainSubstring(`<skipped message="known deviation kubernetes/kubernetes#1 of kubelet v1.36.3: C does not hold. It is seen on pod ns/p"`),
		ContainSubstring(`| known deviation" value="https://github.com/kubernetes/kubernetes/issues/1"`),
		ContainSubstring(`failures="0"`)))
	g.Expect(brokenRules(string(data))).To(BeEmpty())

	data, err = JUnit(reports.New(sample.Catalogue(), reports.Run{}, []reports.Spec{sample.Pass("B-01")}, []reports.Law{{ID: "LAW-C", Pods: 1, Unsure: []reports.BrokenLaw{{Pod: "ns/p", Message: "no node to look at"}}}}))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(data)).To(ContainSubstring(`(LAW-C) could not be tested on pod ns/p: no node to look at" type="inconclusive"`))
}
