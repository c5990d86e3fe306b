// Package listing shows the catalogue without a cluster: every claim with the specs
// that prove it, as a table, as JSON, and as the pages under docs/.
package listing

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/fixtures/mutants"
	"github.com/podproof/podproof/reports"
)

// Entry is one claim with everything that belongs to it.
type Entry struct {
	claims.Claim
	Specs []Spec `json:"specs"`
	// Mutants are the wrong components that must turn the claim red.
	Mutants []string `json:"mutants,omitempty"`
	// Deviations are the released bugs that break the claim in some versions.
	Deviations []claims.Deviation `json:"deviations,omitempty"`
}

// Spec is a spec that proves a claim.
type Spec struct {
	Text string `json:"text"`
	Part string `json:"part,omitempty"` // of the claim; "" is the claim itself
	File string `json:"file"`           // under suites/
}

// Entries joins the catalogue with specs, as claim.Outcomes returns them without a run.
func Entries(specs []reports.Spec) []Entry {
	var all []Entry
	for _, c := range claims.All() {
		e := Entry{Claim: c, Specs: []Spec{}, Mutants: mutants.Against(c.ID)}
		for _, s := range specs {
			if !slices.Contains(s.Claims, c.ID) {
				continue
			}
			file, _, _ := strings.Cut(s.Location, ":")
			proof := Spec{Text: s.Text, File: "suites/" + file}
			for _, p := range c.Parts {
				// A spec of several claims names the parts of all of them.
				if slices.Contains(strings.Split(s.Part, ", "), p.Name) {
					proof.Part = p.Name
				}
			}
			e.Specs = append(e.Specs, proof)
		}
		// Sorted by file, not in the order in which Ginkgo would run them.
		slices.SortStableFunc(e.Specs, func(a, b Spec) int {
			return strings.Compare(a.File+"\x00"+a.Text, b.File+"\x00"+b.Text)
		})
		for _, d := range claims.Deviations() {
			if d.Claim == c.ID {
				e.Deviations = append(e.Deviations, d)
			}
		}
		all = append(all, e)
	}
	return all
}

// Versions says on which Kubernetes the claim holds.
func (e Entry) Versions() string {
	var text string
	switch {
	case e.Since != "" && e.Until != "":
		text = e.Since + " to " + e.Until
	case e.Since != "":
		text = "since " + e.Since
	case e.Until != "":
		text = "up to " + e.Until
	default:
		text = "all"
	}
	if e.Gate != "" {
		text += ", gate " + e.Gate
	}
	return text
}

// Proof says briefly what proves the claim.
func (e Entry) Proof() string {
	switch {
	case e.Law:
		return "every pod"
	case e.Unreachable != "":
		return "none"
	case len(e.Specs) == 0:
		return "laws"
	default:
		return fmt.Sprint(len(e.Specs))
	}
}

// Table writes a line for each claim.
func Table(w io.Writer, entries []Entry) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "CLAIM\tSTRENGTH\tPROFILE\tVERSIONS\tSPECS\tARTICLE\tSENTENCE\tSOURCE")
	for _, e := range entries {
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.ID, e.Strength, e.Profile, e.Versions(), e.Proof(), e.ArticleVerdict, e.Sentence, e.Sources[0].URL)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write the list of claims: %w", err)
	}
	return nil
}

// JSON writes everything that is known about each claim.
func JSON(w io.Writer, entries []Entry) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	if err := out.Encode(map[string][]Entry{"claims": entries}); err != nil {
		return fmt.Errorf("write the list of claims: %w", err)
	}
	return nil
}
