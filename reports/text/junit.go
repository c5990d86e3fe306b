package text

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"

	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/internal/wording"
)

// The JUnit file: a suite for each subject, a case for each spec that ran or was
// skipped for a reason. A failure is the cluster's, an error is the suite's own.
//
// The file keeps both schemas that are usual, the one of Ant's JUnit task and the
// stricter reading of Jenkins' xUnit plugin. They allow properties for a suite and not
// for a case, hence the names of those that belong to a case, and no attributes of the
// root but what a reader can add up.
type (
	junitFile struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string          `xml:"name,attr"`
		Package    string          `xml:"package,attr"`
		ID         int             `xml:"id,attr"`
		Hostname   string          `xml:"hostname,attr"`
		Timestamp  string          `xml:"timestamp,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Time       string          `xml:"time,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
		Out        string          `xml:"system-out"` // the schema wants both, also when they are empty
		Err        string          `xml:"system-err"`
	}
	junitCase struct {
		Name     string        `xml:"name,attr"`
		Class    string        `xml:"classname,attr"`
		Time     string        `xml:"time,attr"`
		Failure  *junitProblem `xml:"failure"`
		Error    *junitProblem `xml:"error"`
		Skipped  *junitSkipped `xml:"skipped"`
		seconds  float64
		about    []junitProperty // become properties of the suite
		evidence []string
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

// junitRoom is how much of the file the texts of all failures may take together, in
// bytes: CI systems refuse large files, and the evidence has all of it.
const junitRoom = 150_000

// JUnit renders the record as JUnit XML. The file is never greener than the verdict:
// when a run is not conformant for a reason that no spec shows, it has a case for that.
func JUnit(r reports.Record) ([]byte, error) {
	claims := make(map[string]reports.ClaimResult, len(r.Claims))
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
		if s.State == reports.Unstarted || s.State == reports.Filtered {
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
	shortenProblems(cases)

	var file junitFile
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
func (f *junitFile) add(subject string, cases []junitCase, r reports.Record) {
	suite := junitSuite{
		Name: subject, Package: "podproof", ID: len(f.Suites),
		// The record does not say on which machine podproof ran; this is the schema's
		// word for that.
		Hostname:   "localhost",
		Timestamp:  r.Run.Started.UTC().Format("2006-01-02T15:04:05"),
		Properties: runProperties(r), Cases: cases,
	}
	seconds := 0.0
	for _, c := range cases {
		suite.Tests++
		seconds += c.seconds
		switch {
		case c.Failure != nil:
			suite.Failures++
		case c.Error != nil:
			suite.Errors++
		case c.Skipped != nil:
			suite.Skipped++
		}
		suite.Properties = append(suite.Properties, c.properties()...)
	}
	suite.Time = junitSeconds(seconds)
	f.Suites = append(f.Suites, suite)
}

func runProperties(r reports.Record) []junitProperty {
	properties := []junitProperty{
		{"podproof version", r.Run.Version},
		{"podproof profile", r.Run.Profile},
		{"podproof run", r.Run.ID},
	}
	if len(r.Run.Filters) > 0 {
		properties = append(properties, junitProperty{"podproof filters", strings.Join(r.Run.Filters, ",")})
	}
	if r.Cluster != nil {
		properties = append(properties, junitProperty{"kubernetes version", r.Cluster.ServerVersion})
	}
	return properties
}

// properties are those of the case under names that are its own, for readers that
// keep the properties of a suite in a map.
func (c junitCase) properties() []junitProperty {
	var all []junitProperty
	seen := map[string]int{}
	for _, p := range c.about {
		seen[p.Name]++
		name := c.Name + " | " + p.Name
		if n := seen[p.Name]; n > 1 {
			name += fmt.Sprintf(" (%d)", n)
		}
		all = append(all, junitProperty{name, p.Value})
	}
	return all
}

// measuredProperties put each measured value behind its documented one.
func measuredProperties(measured []reports.Measurement) []junitProperty {
	var all []junitProperty
	for _, m := range measured {
		all = append(all,
			junitProperty{"documented: " + wording.Clean(m.What), wording.Clean(m.Documented)},
			junitProperty{"measured: " + wording.Clean(m.What), wording.Clean(m.Measured)})
	}
	return all
}

// specCase is named after the claims and the spec: the text of a spec alone says too
// little in a list of many subjects.
func specCase(s reports.Spec, subject string, claims map[string]reports.ClaimResult) junitCase {
	name := strings.Join(strings.Fields(wording.Clean(s.Text)), " ")
	if len(s.Claims) > 0 {
		name = strings.Join(s.Claims, ", ") + ": " + name
	}
	c := junitCase{
		Name: name, Class: "podproof." + subject, Time: junitSeconds(s.Seconds), seconds: s.Seconds,
		about: measuredProperties(s.Measured), evidence: s.Evidence,
	}
	if s.Location != "" {
		c.about = append(c.about, junitProperty{"location", s.Location})
	}
	for _, file := range s.Evidence {
		c.about = append(c.about, junitProperty{"evidence", file})
	}

	var sentences []string
	for _, id := range s.Claims {
		sentences = append(sentences, fmt.Sprintf("%s (%s)", claims[id].Sentence, id))
	}
	problem := &junitProblem{
		Message: strings.TrimSpace(strings.Join(sentences, " ") + " " + wording.FirstLine(s.Message)),
		Text:    strings.TrimSpace(strings.Join(sentences, "\n") + "\n\n" + wording.Clean(s.Message)),
	}
	switch s.State {
	case reports.Passed:
	case reports.Deviated:
		if s.Deviation == nil {
			break // told below, as what leaves a claim without a verdict
		}
		// JUnit has no word for it; skipped is what CI systems show with its
		// message and without turning red.
		c.about = append(c.about, junitProperty{"known deviation", s.Deviation.Issue})
		c.Skipped = &junitSkipped{Message: wording.Clean(s.Deviation.String())}
	case reports.Skipped:
		c.Skipped = &junitSkipped{Message: wording.Clean(s.SkipReason)}
	case reports.Failed:
		if s.Failure == reports.ClusterFailure {
			problem.Type = string(reports.Nonconformant)
			c.Failure = problem
			break
		}
		problem.Type = string(reports.Inconclusive)
		c.Error = problem
	default:
		problem.Message, problem.Type = "the spec has no result: "+string(s.State), string(reports.Inconclusive)
		c.Error = problem
	}
	if c.Failure != nil || c.Error != nil {
		return c
	}
	for _, id := range s.Claims {
		if f := s.Finding(id); f.Verdict == reports.Inconclusive {
			c.Skipped = nil
			c.Error = &junitProblem{Message: claims[id].Sentence + " (" + id + ") " + f.Reason, Type: string(reports.Inconclusive), Text: wording.Clean(f.Reason)}
			break
		}
	}
	return c
}

func lawCase(l reports.Law, claim reports.ClaimResult) junitCase {
	c := junitCase{
		Name: fmt.Sprintf("%s: %s", l.ID, claim.Sentence), Class: "podproof.laws", Time: junitSeconds(0),
		about: measuredProperties([]reports.Measurement{l.Held()}),
	}
	if len(l.Broken) > 0 {
		text := fmt.Sprintf("%s (%s)\n", claim.Sentence, l.ID)
		for _, b := range l.Broken {
			text += fmt.Sprintf("\npod %s\n%s\n", wording.Clean(b.Pod), wording.Clean(b.Message))
		}
		c.Failure = &junitProblem{Message: claim.Sentence + " " + l.Finding().Reason, Type: string(reports.Nonconformant), Text: text}
		return c
	}
	switch f := l.Finding(); f.Verdict {
	case reports.Inconclusive:
		c.Error = &junitProblem{Message: claim.Sentence + " (" + l.ID + ") " + f.Reason, Type: string(reports.Inconclusive), Text: wording.Clean(f.Reason)}
	case reports.KnownDeviation:
		c.about = append(c.about, junitProperty{"known deviation", l.Deviated[0].Deviation.Issue})
		c.Skipped = &junitSkipped{Message: wording.Clean(f.Reason)}
	}
	return c
}

// runCase is the case for what no spec shows: set-up failed, nothing ran, the run was
// interrupted.
func runCase(r reports.Record, cases map[string][]junitCase) (junitCase, bool) {
	c := junitCase{Name: "the run", Class: "podproof.run"}
	text := r.Reason
	if r.Run.SetupError != "" {
		c.Name = "set-up"
		text = wording.Clean(r.Run.SetupError)
		for _, step := range r.Setup {
			c.seconds += step.Seconds
		}
	} else {
		shown, left := false, 0
		for _, suite := range cases {
			shown = shown || slices.ContainsFunc(suite, func(c junitCase) bool { return c.Failure != nil || c.Error != nil })
		}
		for _, s := range r.Specs {
			if s.State == reports.Unstarted {
				left++
			}
		}
		if !r.Run.Interrupted && left == 0 && (r.Verdict == reports.Conformant || shown) {
			return junitCase{}, false
		}
		if shown && left > 0 { // the reason of the run is what its cases show already
			text = "the run ended before " + wording.Plural(left, "spec") + " started"
		}
	}
	kind := r.Verdict
	if kind == reports.Conformant { // and interrupted, after its last spec
		kind, text = reports.Inconclusive, "the run was interrupted after its last spec: "+text
	}
	c.Time = junitSeconds(c.seconds)
	c.Error = &junitProblem{Message: wording.FirstLine(text), Type: string(kind), Text: wording.Clean(text)}
	return c, true
}

// shortenProblems keeps the file small however much went wrong.
func shortenProblems(cases map[string][]junitCase) {
	var problems []*junitProblem
	var evidence [][]string
	for _, suite := range cases {
		for _, c := range suite {
			for _, p := range []*junitProblem{c.Failure, c.Error} {
				if p != nil {
					problems, evidence = append(problems, p), append(evidence, c.evidence)
				}
			}
		}
	}
	for i, p := range problems {
		where := "the record"
		if len(evidence[i]) > 0 {
			where = evidence[i][0]
		}
		p.Message = wording.Shorten(p.Message, 500)
		p.Text = middleOut(p.Text, max(1000, junitRoom/len(problems)), where)
	}
}

// middleOut takes whole lines out of the middle of a text that is longer than room, in
// bytes: its beginning says what was expected and its end what happened last. The
// line that takes their place says where the whole text is.
func middleOut(text string, room int, where string) string {
	if len(text) <= room {
		return text
	}
	lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
	head, tail := 0, len(lines)
	for left := room; head < tail; {
		// Two lines of the beginning for each one of the end.
		next := lines[head]
		fromEnd := (head+len(lines)-tail)%3 == 2
		if fromEnd {
			next = lines[tail-1]
		}
		if left -= len(next); left < 0 {
			break
		}
		if fromEnd {
			tail--
		} else {
			head++
		}
	}
	if head == 0 {
		return wording.Shorten(lines[0], room) + "\n" // a line that nobody would read to its end
	}
	return strings.Join(lines[:head], "") + fmt.Sprintf("… %s left out here; the whole text is in %s …\n", wording.Plural(tail-head, "line"), where) +
		strings.Join(lines[tail:], "") + "\n"
}

func junitSeconds(seconds float64) string {
	return fmt.Sprintf("%.3f", max(0, seconds))
}
