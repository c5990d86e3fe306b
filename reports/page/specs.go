package page

import (
	"fmt"
	"html/template"
	"regexp"
	"slices"
	"strings"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/internal/wording"
)

// pageMaker finds the one place in the page for every spec: among the
// problems, or at the first of its claims.
type pageMaker struct {
	record   reports.Record
	pods     int // to draw of a spec that did not fail
	claims   map[string]reports.ClaimResult
	specs    map[string][]specView // by claim
	problems []problem
}

// add takes a spec into the page.
func (p *pageMaker) add(id string, s reports.Spec) {
	v := specView{Spec: s, ID: id}
	failed := s.State == reports.Failed || s.State == reports.Interrupted
	switch {
	case s.State == reports.Failed && s.Failure == reports.ClusterFailure:
		v.Verdict = reports.Nonconformant
	case failed:
		v.Verdict = reports.Inconclusive
	case s.State == reports.Passed:
		v.Verdict = reports.Conformant
	case s.State == reports.Deviated:
		v.Verdict = reports.KnownDeviation
	case s.State == reports.Skipped:
		v.Verdict = reports.NotApplicable
	default:
		v.Verdict = reports.NotRun
	}
	p.draw(&v, failed)
	if failed {
		v.Head, v.Rest = splitMessage(s)
		one := problem{Verdict: v.Verdict, ID: id, Spec: &v}
		for _, claim := range s.Claims {
			if c, known := p.claims[claim]; known {
				one.Claims = append(one.Claims, p.plain(c))
			}
		}
		p.problems = append(p.problems, one)
	}
	for _, claim := range s.Claims {
		if _, known := p.claims[claim]; known && v.Home == "" && !failed {
			v.Home = claim
		}
		p.specs[claim] = append(p.specs[claim], v)
	}
}

// draw makes the pictures of a spec. Of one that did not fail there are none when the
// page would become too large by them, and no words below them.
func (p *pageMaker) draw(v *specView, failed bool) {
	if stairs := ladder(v.Measured); len(stairs) > 1 {
		v.Stairs = staircase(stairs)
	}
	pods, most := v.Timelines, p.pods
	if failed {
		most = mostPodsOfASpec
	}
	if more := len(pods) - most; more > 0 {
		v.NotDrawn = fmt.Sprintf("%s in record.json, not drawn here", wording.Plural(more, "further pod"))
		pods = pods[:most]
	}
	if len(pods) == 0 {
		return
	}
	v.Story = storyPicture(pods, failed)
	deletion := slices.ContainsFunc(v.Claims, func(id string) bool { return p.claims[id].Subject == "deletion" })
	if ended := deletedPods(pods); len(ended) > 0 && (failed || deletion) {
		v.End = endPicture(ended)
	}
	if !failed {
		return
	}
	for _, t := range pods {
		v.Told = append(v.Told, podTold{t.Pod, t.Gap, tell(t)})
	}
}

// mostHeadLines is how much of a message is shown at once.
const mostHeadLines = 14

// storyLine is a line of the story of a pod inside a message (journal.Story.String).
var storyLine = regexp.MustCompile(`^(story of pod | +[+-][0-9.]+s  |  … [0-9]+ lines left out)`)

// splitMessage parts what a spec expected and found from the stories of its pods
// between it, and from the rest of what is very long.
func splitMessage(s reports.Spec) (head, rest string) {
	message := strings.TrimSpace(wording.Clean(s.Message))
	if message == "" {
		if s.State == reports.Interrupted {
			return "The run was stopped before this spec had a result.", ""
		}
		return "It failed without a message.", ""
	}
	var first, other []string
	for line := range strings.Lines(message) {
		line = strings.TrimRight(line, "\n")
		if storyLine.MatchString(line) || len(first) >= mostHeadLines {
			other = append(other, line)
		} else {
			first = append(first, line)
		}
	}
	return strings.TrimSpace(strings.Join(first, "\n")), strings.Join(other, "\n")
}

// plain is a claim with its links only.
func (p *pageMaker) plain(c reports.ClaimResult) claimView {
	v := claimView{ClaimResult: c}
	server := ""
	if p.record.Cluster != nil {
		server = p.record.Cluster.ServerVersion
	}
	sources := c.Sources
	if len(sources) == 0 && c.Source != "" {
		sources = []claims.Source{{Title: "documentation", URL: c.Source}}
	}
	for _, s := range sources {
		if url := claims.Documentation(s.URL, server); url != "" {
			v.Links = append(v.Links, link{s.Title, url})
		}
	}
	return v
}

// claim is a row of a subject's table.
func (p *pageMaker) claim(c reports.ClaimResult) claimView {
	v := p.plain(c)
	if len(c.Measured) > 0 {
		v.First, v.Rows = &c.Measured[0], c.Measured[1:]
	}
	if len(v.Rows) > 0 {
		v.Span = template.HTMLAttr(fmt.Sprintf("rowspan=%d", len(c.Measured)))
	}
	for _, s := range p.specs[c.ID] {
		if s.Home == c.ID {
			v.Specs = append(v.Specs, s)
		} else {
			v.Also = append(v.Also, s)
		}
	}
	return v
}

// brokenLaws are the problems of one law, one for each pod, with the pod's story.
func (p *pageMaker) brokenLaws(l reports.Law) []problem {
	var all []problem
	for i, b := range l.Broken {
		one := problem{
			Verdict: reports.Nonconformant, ID: fmt.Sprintf("%s-%d", l.ID, i+1), Claims: []claimView{p.plain(p.claims[l.ID])},
			Text: wording.Clean(b.Message), Pod: b.Pod, Of: b.Spec,
		}
		if t, found := p.timelineOf(b); found {
			one.Story = &specView{Story: storyPicture([]reports.Timeline{t}, true), Told: []podTold{{t.Pod, t.Gap, tell(t)}}}
		}
		all = append(all, one)
	}
	return all
}

// timelineOf finds the pod on which a law was broken.
func (p *pageMaker) timelineOf(b reports.BrokenLaw) (reports.Timeline, bool) {
	_, name, _ := strings.Cut(b.Pod, "/")
	for _, s := range p.record.Specs {
		if !b.By(s) {
			continue
		}
		for _, t := range s.Timelines {
			if t.Pod == name {
				return t, true
			}
		}
	}
	return reports.Timeline{}, false
}

// unexplained are claims that are inconclusive for a reason that no failed spec shows.
func (p *pageMaker) unexplained() []problem {
	var all []problem
	for _, c := range p.record.Claims {
		if c.Verdict != reports.Inconclusive || !c.Selected {
			continue
		}
		told := slices.ContainsFunc(p.specs[c.ID], func(s specView) bool { return s.State == reports.Failed || s.State == reports.Interrupted })
		if !told {
			all = append(all, problem{Verdict: reports.Inconclusive, ID: "why-" + c.ID, Claims: []claimView{p.plain(c)}, Text: wording.Clean(c.Reason)})
		}
	}
	return all
}
