package reports

import (
	"encoding/xml"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/framework/progress"
)

func junit(t *testing.T, r Record) (junitFile, string) {
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
	return
}

func TestJUnitOfARun(t *testing.T) {
	g := NewWithT(t)
	file, text := junit(t, sample())
	tests, failures, errors, skipped := file.count()
	g.Expect([]int{tests, failures, errors, skipped}).To(Equal([]int{7 + 9, 1, 1, 1}))
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

	again, err := JUnit(sample())
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
	s := fail("A-01", ClusterFailure)
	s.Text, s.Message = "text "+every.String(), every.String()
	s.Measured = []Measurement{{Claim: "A-01", What: every.String(), Documented: every.String(), Measured: every.String()}}
	other := skip("B-01", every.String())
	broken := []Law{{ID: "LAW-C", Pods: 1, Broken: []BrokenLaw{{Pod: "p", Message: every.String()}}}}
	file, text := junit(t, New(catalogue(), Run{}, []Spec{s, other}, broken))
	g.Expect(file.Suites[0].Cases[0].Failure.Text).To(ContainSubstring("]]> <&\"'>"))
	g.Expect(file.Suites[0].Cases[0].Failure.Text).To(HaveSuffix(" red end"))
	g.Expect(text).NotTo(ContainSubstring("\x1b"))
}

func TestJUnitIsNeverGreenerThanTheVerdict(t *testing.T) {
	contradiction := pass("A-01")
	contradiction.Measured = []Measurement{{Claim: "A-01", What: "delay", Documented: "10 s", Measured: "3 s"}}
	for name, r := range map[string]Record{
		"set-up failed":      New(catalogue(), Run{SetupError: "no engine"}, nil, nil),
		"nothing ran":        New(catalogue(), Run{}, nil, lawHolds),
		"all filtered":       New(catalogue(), Run{}, []Spec{inState("A-01", Filtered)}, lawHolds),
		"interrupted":        New(catalogue(), Run{Interrupted: true}, []Spec{pass("A-01"), inState("B-01", Unstarted)}, lawHolds),
		"ended early":        New(catalogue(), Run{}, []Spec{pass("A-01"), inState("B-01", Unstarted)}, lawHolds),
		"spec of no claim":   New(catalogue(), Run{}, []Spec{{Text: "x", State: Passed}}, lawHolds),
		"measured otherwise": New(catalogue(), Run{}, []Spec{contradiction}, lawHolds),
		"law broken": New(catalogue(), Run{}, []Spec{pass("A-01")},
			[]Law{{ID: "LAW-C", Pods: 1, Broken: []BrokenLaw{{Pod: "p", Message: "m"}}}}),
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(r.Verdict).NotTo(Equal(Conformant))
			file, _ := junit(t, r)
			_, failures, errors, _ := file.count()
			g.Expect(failures + errors).To(BeNumerically(">", 0))
		})
	}
	file, _ := junit(t, New(catalogue(), Run{}, []Spec{pass("A-01")}, lawHolds))
	_, failures, errors, _ := file.count()
	NewWithT(t).Expect(failures + errors).To(Equal(0))
}

func TestJUnitShowsEachSpecWithoutVerdictBesideAFailure(t *testing.T) {
	contradiction := pass("A-01")
	contradiction.Measured = []Measurement{{Claim: "A-01", What: "delay", Documented: "10 s", Measured: "3 s"}}
	elsewhere := deviate("A-01")
	elsewhere.Claims = []string{"A-01", "B-01"}
	unnamed := deviate("A-01")
	unnamed.Deviation = nil
	for name, s := range map[string]Spec{
		"measured otherwise":       contradiction,
		"skipped without a reason": skip("A-01", ""),
		"deviation of another":     elsewhere,
		"deviation without a name": unnamed,
		"never started":            inState("A-01", Unstarted),
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			file, text := junit(t, New(catalogue(), Run{}, []Spec{fail("B-01", ClusterFailure), s}, lawHolds))
			_, failures, errors, skipped := file.count()
			g.Expect([]int{failures, errors, skipped}).To(Equal([]int{1, 1, 0}), text)
		})
	}
}

func TestJUnitOfFailedSetup(t *testing.T) {
	g := NewWithT(t)
	r := New(catalogue(), Run{SetupError: "no container engine answers\ninstall Docker"}, []Spec{inState("A-01", Unstarted)}, nil)
	r.Setup = []progress.Timing{{Step: "container engine", Seconds: 1.5, Error: "no container engine answers"}}
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
	data, err := JUnit(New(catalogue(), Run{}, []Spec{pass("B-01"), deviate("A-01")}, lawHolds))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(data)).To(And(
		ContainSubstring(`<skipped message="known deviation kubernetes/kubernetes#1 of kubelet v1.36.3: It does not."`),
		ContainSubstring(`| known deviation" value="`),
		ContainSubstring(`failures="0"`)))
}
