package reports

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
)

// The JUnit file: a suite for each subject, a case for each spec that ran or was
// skipped for a reason. A failure is the cluster's, an error is the suite's own.
type (
	junitFile struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string          `xml:"name,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Time       string          `xml:"time,attr"`
		Timestamp  string          `xml:"timestamp,attr,omitempty"`
		Properties []junitProperty `xml:"properties>property,omitempty"`
		Cases      []junitCase     `xml:"testcase"`
		seconds    float64
	}
	junitCase struct {
		Name       string          `xml:"name,attr"`
		Class      string          `xml:"classname,attr"`
		Time       string          `xml:"time,attr"`
		Properties []junitProperty `xml:"properties>property,omitempty"`
		Failure    *junitProblem   `xml:"failure"`
		Error      *junitProblem   `xml:"error"`
		Skipped    *junitSkipped   `xml:"skipped"`
		seconds    float64
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitProblem struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",cdata"`
	}
	junitSkipped struct {
		Message string `xml:"message,attr"`
	}
)

// JUnit renders the record as JUnit XML. The file is never greener than the verdict:
// when a run is not conformant for a reason that no spec shows, it has a case for that.
func JUnit(r Record) ([]byte, error) {
	file := junitFile{Name: "podproof", Time: junitSeconds(r.Run.Finished.Sub(r.Run.Started).Seconds())}
	claims := make(map[string]ClaimResult, len(r.Claims))
	var subjects []string
	for _, c := range r.Claims {
		claims[c.ID] = c
		if !slices.Contains(subjects, c.Subject) {
			subjects = append(subjects, c.Subject)
		}
	}

	const general = "run"
	cases := make(map[string][]junitCase)
	for _, s := range r.Specs {
		if s.State == Unstarted || s.State == Filtered {
			continue
		}
		subject := general
		for _, id := range s.Claims {
			if c, known := claims[id]; known {
				subject = c.Subject
				break
			}
		}
		cases[subject] = append(cases[subject], specCase(s, subject, claims))
	}
	for _, l := range r.Laws {
		if l.Pods > 0 || len(l.Broken) > 0 {
			cases["laws"] = append(cases["laws"], lawCase(l, claims[l.ID]))
		}
	}
	if c, needed := runCase(r, cases); needed {
		cases[general] = append(cases[general], c)
	}
	for _, subject := range append([]string{general}, subjects...) {
		if len(cases[subject]) > 0 {
			file.add(subject, cases[subject], r)
		}
	}
	body, err := xml.MarshalIndent(file, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the run as JUnit XML: %w", err)
	}
	return append([]byte(xml.Header), append(body, '\n')...), nil
}

// add appends a suite and its counts.
func (f *junitFile) add(subject string, cases []junitCase, r Record) {
	suite := junitSuite{Name: subject, Cases: cases, Properties: runProperties(r)}
	if !r.Run.Started.IsZero() {
		suite.Timestamp = r.Run.Started.UTC().Format("2006-01-02T15:04:05")
	}
	for _, c := range cases {
		suite.Tests++
		suite.seconds += c.seconds
		switch {
		case c.Failure != nil:
			suite.Failures++
		case c.Error != nil:
			suite.Errors++
		case c.Skipped != nil:
			suite.Skipped++
		}
	}
	suite.Time = junitSeconds(suite.seconds)
	f.Tests += suite.Tests
	f.Failures += suite.Failures
	f.Errors += suite.Errors
	f.Skipped += suite.Skipped
	f.Suites = append(f.Suites, suite)
}

func runProperties(r Record) []junitProperty {
	properties := []junitProperty{
		{"podproof.version", r.Run.Version},
		{"podproof.profile", r.Run.Profile},
	}
	if r.Cluster != nil {
		properties = append(properties, junitProperty{"kubernetes.version", r.Cluster.ServerVersion})
	}
	return properties
}

func specCase(s Spec, subject string, claims map[string]ClaimResult) junitCase {
	c := junitCase{Name: clean(s.Text), Class: "podproof." + subject, Time: junitSeconds(s.Seconds), seconds: s.Seconds}
	var sentences []string
	for _, id := range s.Claims {
		c.Properties = append(c.Properties, junitProperty{"claim", id})
		sentences = append(sentences, fmt.Sprintf("%s: %s", id, claims[id].Sentence))
	}
	for _, m := range s.Measured {
		c.Properties = append(c.Properties,
			junitProperty{"documented: " + clean(m.What), clean(m.Documented)},
			junitProperty{"measured: " + clean(m.What), clean(m.Measured)})
	}
	if s.Location != "" {
		c.Properties = append(c.Properties, junitProperty{"location", s.Location})
	}
	for _, file := range s.Evidence {
		c.Properties = append(c.Properties, junitProperty{"evidence", file})
	}

	text := strings.Join(sentences, "\n") + "\n\n" + clean(s.Message)
	problem := &junitProblem{Message: firstLine(s.Message), Text: text}
	switch s.State {
	case Passed:
	case Deviated:
		// JUnit has no word for it; skipped is what CI systems show with its
		// message and without turning red.
		c.Properties = append(c.Properties, junitProperty{"known deviation", s.Deviation.Issue})
		c.Skipped = &junitSkipped{Message: clean(s.Deviation.String())}
	case Skipped:
		c.Skipped = &junitSkipped{Message: clean(s.SkipReason)}
	case Failed:
		if s.Failure == ClusterFailure {
			problem.Type = string(Nonconformant)
			c.Failure = problem
			break
		}
		problem.Type = string(Inconclusive)
		c.Error = problem
	default:
		c.Error = &junitProblem{Message: "the spec has no result: " + string(s.State), Type: string(Inconclusive), Text: text}
	}
	return c
}

func lawCase(l Law, claim ClaimResult) junitCase {
	c := junitCase{Name: fmt.Sprintf("%s: %s", l.ID, claim.Sentence), Class: "podproof.laws", Time: junitSeconds(0)}
	m := held(l)
	c.Properties = []junitProperty{
		{"claim", l.ID}, {"documented: " + m.What, m.Documented}, {"measured: " + m.What, m.Measured},
	}
	if len(l.Broken) > 0 {
		text := fmt.Sprintf("%s: %s\n", l.ID, claim.Sentence)
		for _, b := range l.Broken {
			text += fmt.Sprintf("\npod %s\n%s\n", b.Pod, clean(b.Message))
		}
		c.Failure = &junitProblem{Message: lawFinding(l).reason, Type: string(Nonconformant), Text: text}
	}
	return c
}

// runCase is the case for what no spec shows: set-up failed, nothing ran, the run was
// interrupted.
func runCase(r Record, cases map[string][]junitCase) (junitCase, bool) {
	c := junitCase{Name: "the run", Class: "podproof.run", Time: junitSeconds(0)}
	text := r.Reason
	if r.Run.SetupError != "" {
		c.Name = "set-up"
		text = clean(r.Run.SetupError)
		for _, step := range r.Setup {
			c.seconds += step.Seconds
		}
		c.Time = junitSeconds(c.seconds)
	} else {
		shown := false
		for _, suite := range cases {
			shown = shown || slices.ContainsFunc(suite, func(c junitCase) bool { return c.Failure != nil || c.Error != nil })
		}
		if !r.Run.Interrupted && (r.Verdict == Conformant || shown) {
			return junitCase{}, false
		}
	}
	c.Error = &junitProblem{Message: firstLine(text), Type: string(r.Verdict), Text: clean(text)}
	return c, true
}

func junitSeconds(seconds float64) string { return fmt.Sprintf("%.3f", max(0, seconds)) }
