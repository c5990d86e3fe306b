// Package page makes of a record one HTML page with its pictures, for a browser.
package page

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/internal/wording"
)

//go:embed report.html report.css report.js
var pageFiles embed.FS

// pageTemplate is the page; its style and its script are files of their own so that
// editors know what they are.
var pageTemplate = template.Must(template.New("report.html").Funcs(template.FuncMap{
	"duration": wording.Duration, "clean": wording.Clean, "values": values, "mark": verdictMark, "class": verdictClass, "plural": wording.Plural,
	"join": func(words []string) string { return strings.Join(words, ", ") },
	"style": func() (template.CSS, error) {
		text, err := pageFiles.ReadFile("report.css")
		return template.CSS(text), err
	},
	"script": func() (template.JS, error) {
		text, err := pageFiles.ReadFile("report.js")
		return template.JS(text), err
	},
}).ParseFS(pageFiles, "report.html"))

// HTML renders the record as one page that needs nothing else: no network, no script,
// no other file but the evidence that it links to.
//
// What failed is always told in full. Of the pods of other specs as many are drawn as
// the page can take without becoming too large to be opened or sent.
func HTML(r reports.Record) ([]byte, error) {
	for _, pods := range []int{mostPodsOfASpec, 6, 4, 3, 2, 1, 0} {
		var out bytes.Buffer
		if err := pageTemplate.Execute(&out, newView(r, pods)); err != nil {
			return nil, fmt.Errorf("write the run as HTML: %w", err)
		}
		if page := squeeze(out.Bytes()); len(page) <= largestPage || pods == 0 {
			return page, nil
		}
	}
	panic("unreachable: the last number of pods is 0")
}

const (
	// largestPage is what a page may have in bytes as long as something can be left out.
	// That is enough for a picture of each spec of a full run.
	largestPage = 350_000
	// mostPodsOfASpec bounds one picture.
	mostPodsOfASpec = 12
)

// squeeze takes the indentation of the template out of the page. What is inside of
// pre has its spaces from the messages, so lines there are left alone.
func squeeze(page []byte) []byte {
	var out bytes.Buffer
	inside := false
	for line := range bytes.Lines(page) {
		if !inside {
			if line = bytes.TrimSpace(line); len(line) > 0 {
				line = append(slices.Clip(line), '\n')
			}
		}
		if i := bytes.LastIndex(line, []byte("<pre")); i >= 0 {
			inside = !bytes.Contains(line[i:], []byte("</pre>"))
		} else if bytes.Contains(line, []byte("</pre>")) {
			inside = false
		}
		out.Write(line)
	}
	return out.Bytes()
}

// numbers are those with a unit behind them.
var numbers = regexp.MustCompile(`(\d) (s|ms|min|MiB|%)\b`)

// values keeps numbers and their units on one line.
func values(text string) string { return numbers.ReplaceAllString(wording.Clean(text), "$1\u00a0$2") }

// verdictMark is a sign for a verdict, for those who do not see its colour.
func verdictMark(v reports.Verdict) string {
	switch v {
	case reports.Conformant:
		return "✓"
	case reports.Nonconformant:
		return "✗"
	case reports.KnownDeviation:
		return "≠"
	case reports.NotApplicable:
		return "–"
	case reports.Inconclusive:
		return "?"
	}
	return "○"
}

// verdictClass is the CSS class of a verdict.
func verdictClass(v reports.Verdict) string {
	switch v {
	case reports.Conformant, reports.Nonconformant, reports.Inconclusive:
		return string(v)
	case reports.KnownDeviation:
		return "deviation"
	}
	return "none"
}

// view is what the page shows, in its order.
type view struct {
	reports.Record
	Word     string // the verdict of the run, for people
	Colour   reports.Verdict
	Counts   []countView
	Facts    []fact
	Problems []problem
	Subjects []subjectView
	LeftOut  []reports.ClaimResult // by the profile or a filter
}

type countView struct {
	Verdict reports.Verdict
	N       int
}

// fact is a line about the run or its cluster; Note says where it is known from.
type fact struct{ Name, Value, Note string }

// problem is what a good verdict would not have: told in full.
type problem struct {
	Verdict reports.Verdict
	ID      string // of the element
	Claims  []claimView
	Spec    *specView
	Text    string // of a broken law, or why a claim is inconclusive
	Pod     string // on which a law is broken
	Of      string // the spec of that pod
	Story   *specView
}

type subjectView struct {
	Name   string
	Good   int
	Claims []claimView
}

type claimView struct {
	reports.ClaimResult
	Links []link
	Rows  []reports.Measurement // after the first one
	First *reports.Measurement
	Span  template.HTMLAttr // of the cells that belong to all of them
	Specs []specView        // shown here
	Also  []specView        // shown at another claim
}

type link struct{ Title, URL string }

type specView struct {
	reports.Spec
	ID       string
	Verdict  reports.Verdict
	Stairs   template.HTML
	End      template.HTML
	Story    template.HTML
	NotDrawn string
	Told     []podTold
	Head     string // of the message
	Rest     string
	Home     string // the claim whose row shows it, "" for a problem
}

type podTold struct {
	Pod   string
	Gap   string
	Lines []Told
}

// newView finds what the page shows. Of specs that did not fail at most so many pods
// each are drawn.
func newView(r reports.Record, pods int) view {
	word, colour := r.Headline()
	v := view{Record: r, Word: strings.ToLower(word), Colour: colour, Facts: facts(r)}
	s := r.Summary
	for _, c := range []countView{
		{reports.Nonconformant, s.Nonconformant}, {reports.Inconclusive, s.Inconclusive}, {reports.KnownDeviation, s.KnownDeviation},
		{reports.Conformant, s.Conformant}, {reports.NotApplicable, s.NotApplicable}, {reports.NotRun, s.NotRun},
	} {
		if c.N > 0 {
			v.Counts = append(v.Counts, c)
		}
	}
	pages := pageMaker{record: r, pods: pods, claims: map[string]reports.ClaimResult{}, specs: map[string][]specView{}}
	for _, c := range r.Claims {
		pages.claims[c.ID] = c
	}
	for i, s := range r.Specs {
		pages.add(fmt.Sprintf("s%d", i+1), s)
	}
	v.Problems = pages.problems
	for _, law := range r.Laws {
		v.Problems = append(v.Problems, pages.brokenLaws(law)...)
	}
	v.Problems = append(v.Problems, pages.unexplained()...)
	slices.SortStableFunc(v.Problems, func(a, b problem) int {
		return cmp.Compare(urgency(a.Verdict), urgency(b.Verdict))
	})
	for _, c := range r.Claims {
		if !c.Selected {
			v.LeftOut = append(v.LeftOut, c)
			continue
		}
		n := len(v.Subjects)
		if n == 0 || v.Subjects[n-1].Name != c.Subject {
			v.Subjects = append(v.Subjects, subjectView{Name: c.Subject})
			n++
		}
		subject := &v.Subjects[n-1]
		subject.Claims = append(subject.Claims, pages.claim(c))
		if c.Verdict == reports.Conformant {
			subject.Good++
		}
	}
	return v
}

// urgency orders problems: first what the cluster does wrong.
func urgency(v reports.Verdict) int {
	if v == reports.Nonconformant {
		return 0
	}
	return 1
}

// facts are the lines on the cluster and the run.
func facts(r reports.Record) []fact {
	var all []fact
	add := func(name, value, note string) {
		if value != "" {
			all = append(all, fact{name, wording.Clean(value), wording.Clean(note)})
		}
	}
	if c := r.Cluster; c != nil {
		kind := "an existing cluster"
		if c.Kind {
			kind = "made by podproof with kind"
		}
		if c.Reused {
			kind += ", kept from an earlier run"
		}
		add("Kubernetes", c.ServerVersion, "as the API server says")
		add("Cluster", c.Name, kind)
		add("Container engine", c.Provider, "under the nodes")
		add("Node image", c.NodeImage, "")
		add("cgroup", c.Cgroup, "on the nodes")
		for _, name := range capabilities(c) {
			value := "no"
			if slices.Contains(c.Capabilities, name) {
				value = "yes"
			}
			add(name, value, c.Sources[name])
		}
		for _, name := range slices.Sorted(maps.Keys(c.Gates)) {
			add("Feature gate", name+" "+c.Gates[name], "as the API server's metrics say")
		}
	}
	run := r.Run
	profile := run.Profile
	if len(run.Filters) > 0 {
		profile += ", only " + strings.Join(run.Filters, " and ")
	}
	add("Profile", profile, "")
	if !run.Started.IsZero() {
		add("Started", run.Started.UTC().Format("2006-01-02 15:04:05 UTC"), "took "+wording.Duration(run.Finished.Sub(run.Started).Seconds()))
	}
	if run.SpecsSeconds > 0 {
		add("Specs", fmt.Sprintf("%s in %s", wording.Plural(r.Summary.Specs, "spec"), wording.Duration(run.SpecsSeconds)), wording.Plural(run.Procs, "process")+fmt.Sprintf(", seed %d", run.Seed))
	}
	add("Laws", lawsText(r), "each checked on every version of every pod that it applies to")
	var steps []string
	total := 0.0
	for _, s := range r.Setup {
		total += s.Seconds
		steps = append(steps, s.Step+" "+wording.Duration(s.Seconds))
	}
	if len(steps) > 0 {
		add("Set-up", wording.Duration(total), strings.Join(steps, ", "))
	}
	var options []string
	for name, value := range run.Options {
		options = append(options, name+"="+value)
	}
	slices.Sort(options)
	add("Options", strings.Join(options, ", "), "those that differ from their defaults")
	return all
}

// capabilities are the names of those that were found and of those that were not.
func capabilities(c *reports.Cluster) []string {
	names := slices.Clone(c.Capabilities)
	for name := range c.Sources {
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func lawsText(r reports.Record) string {
	s := r.Summary
	switch {
	case s.LawPods == 0:
		return ""
	case s.LawsBroken > 0:
		return fmt.Sprintf("%d broken", s.LawsBroken)
	}
	if slices.ContainsFunc(r.Laws, func(l reports.Law) bool { return len(l.Deviated)+len(l.Unsure) > 0 }) {
		return fmt.Sprintf("none broken but by known bugs, on up to %s of %s", wording.Plural(s.LawVersions, "version"), wording.Plural(s.LawPods, "pod"))
	}
	return fmt.Sprintf("all held, on up to %s of %s", wording.Plural(s.LawVersions, "version"), wording.Plural(s.LawPods, "pod"))
}
