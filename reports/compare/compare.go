// Package compare sets records beside each other: what became worse, better or slower.
package compare

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/internal/wording"
)

// Comparison sets records beside each other: the first is what each of the others is
// compared with.
type Comparison struct {
	Columns []Column
	Rows    []Row // a claim each, in the order of the catalogue
	Slower  []Slower
}

// Column is one record of a comparison.
type Column struct {
	Record reports.Record
	// Pace is the median of how many times as long as in the first record the specs
	// took that both have, without the waits that no machine can shorten.
	Pace float64
}

// Row is one claim in all records.
type Row struct {
	ID, Subject, Sentence, Source string
	Cells                         []Cell // one for each column
}

// Change is what became of a claim since the first record.
type Change string

// The changes of a claim.
const (
	Same    Change = ""
	Worse   Change = "worse"
	Better  Change = "better"
	Changed Change = "changed"
	// Apart is a claim that only one of the two records selected.
	Apart Change = "not compared"
)

// Cell is one claim in one record.
type Cell struct {
	Verdict  reports.Verdict // "" when the record does not have the claim or did not select it
	Reason   string
	Measured []reports.Measurement
	Change   Change
}

// Text names the verdict, or its absence.
func (c Cell) Text() string { return cmp.Or(string(c.Verdict), "not selected") }

// Slower is a spec that took longer than in the first record by more than noise.
type Slower struct {
	Spec          string
	Claims        []string
	Column        int
	Before, After float64 // seconds, without the inherent wait
}

// A spec is slower when it takes more than slowTimes as long as before and more than
// slowSeconds longer, after the whole record's pace is taken off where that was slower.
// Among the 20 ordered pairs of five quick runs on one kind cluster with two busy cores
// the largest such excess was 16.9 s.
const (
	slowTimes   = 2.0
	slowSeconds = 20.0
)

// changeOf is the rule of what is worse. A claim is worse when it became nonconformant, or
// when it held, if only with a known deviation, and now ranks lower. A claim that can no
// longer be shown is worse too: otherwise a run that could not test would pass for a good
// one. A claim is better when it holds and ranks higher than before.
func changeOf(before, after Cell) Change {
	if (before.Verdict == "") != (after.Verdict == "") && after.Verdict != reports.Nonconformant {
		return Apart
	}
	if before.Verdict == after.Verdict {
		return Same
	}
	if after.Verdict == reports.Nonconformant {
		return Worse
	}
	b, known := before.Verdict.Rank()
	a, knownToo := after.Verdict.Rank()
	switch {
	case !known || !knownToo:
		return Changed
	case a < b:
		return Worse
	case a > b && after.Verdict != reports.Inconclusive && after.Verdict != reports.NotRun:
		return Better
	default:
		return Changed
	}
}

// Records compares each of the records but the first with the first.
func Records(records []reports.Record) Comparison {
	c := Comparison{}
	position := map[string]int{}
	for n, r := range records {
		c.Columns = append(c.Columns, Column{Record: r, Pace: pace(records[0], r)})
		for _, result := range r.Claims {
			i, known := position[result.ID]
			if !known {
				i = len(c.Rows)
				position[result.ID] = i
				c.Rows = append(c.Rows, Row{ID: result.ID, Subject: result.Subject, Sentence: result.Sentence,
					Source: result.Source, Cells: make([]Cell, len(records))})
			}
			// When set-up failed, no claim was shown to hold, selected or not.
			if result.Selected || r.Run.SetupError != "" {
				c.Rows[i].Cells[n] = Cell{Verdict: result.Verdict, Reason: result.Reason, Measured: result.Measured}
			}
		}
	}
	for _, row := range c.Rows {
		for n := 1; n < len(row.Cells); n++ {
			row.Cells[n].Change = changeOf(row.Cells[0], row.Cells[n])
		}
	}
	for n := 1; n < len(records); n++ {
		c.Slower = append(c.Slower, slower(records[0], records[n], n, c.Columns[n].Pace)...)
	}
	return c
}

// ownSeconds is what a spec took without its inherent wait. Only those that came to
// their end are comparable.
func ownSeconds(s reports.Spec) (float64, bool) {
	return max(0, s.Seconds-s.WaitSeconds), s.State == reports.Passed || s.State == reports.Deviated
}

func pace(first, other reports.Record) float64 {
	var ratios []float64
	eachCommon(first, other, func(_ reports.Spec, before, after float64) {
		if before >= 1 { // less is mostly the clock's and the scheduler's
			ratios = append(ratios, after/before)
		}
	})
	if len(ratios) == 0 {
		return 1
	}
	slices.Sort(ratios)
	return (ratios[(len(ratios)-1)/2] + ratios[len(ratios)/2]) / 2
}

func slower(first, other reports.Record, column int, pace float64) []Slower {
	var found []Slower
	eachCommon(first, other, func(s reports.Spec, before, after float64) {
		if usual := before * max(1, pace); after > slowTimes*usual && after > usual+slowSeconds {
			found = append(found, Slower{Spec: s.Text, Claims: s.Claims, Column: column, Before: before, After: after})
		}
	})
	return found
}

// eachCommon goes through the specs that both records have, each with its own time.
func eachCommon(first, other reports.Record, visit func(s reports.Spec, before, after float64)) {
	times := map[string]float64{}
	for _, s := range first.Specs {
		if seconds, ok := ownSeconds(s); ok {
			times[s.Text] = seconds
		}
	}
	for _, s := range other.Specs {
		before, known := times[s.Text]
		if after, ok := ownSeconds(s); ok && known {
			visit(s, before, after)
		}
	}
}

// Count says how many claims have changed so in any record.
func (c Comparison) Count(change Change) int {
	n := 0
	for _, row := range c.Rows {
		if slices.ContainsFunc(row.Cells, func(cell Cell) bool { return cell.Change == change && change != Same }) {
			n++
		}
	}
	return n
}

// Conclusion says in one line what the comparison found.
func (c Comparison) Conclusion() string {
	same := 0
	for _, row := range c.Rows {
		// What no record has is not the same, but not known.
		if row.Cells[0].Verdict != "" && !slices.ContainsFunc(row.Cells, func(cell Cell) bool { return cell.Change != Same }) {
			same++
		}
	}
	return fmt.Sprintf("%s became worse, %d better, %d changed otherwise; %d selected in only one record, %d the same; %s became slower",
		wording.Plural(c.Count(Worse), "claim"), c.Count(Better), c.Count(Changed), c.Count(Apart), same, wording.Plural(len(c.Slower), "spec"))
}

// Heading names the column.
func (c Column) Heading() string {
	name, version := "no cluster", "set-up failed"
	if k := c.Record.Cluster; k != nil {
		name, version = k.Name, k.ServerVersion
	}
	return fmt.Sprintf("%s on %s", version, name)
}

// Details are how the column's record was made.
func (c Column) Details() string {
	text := "profile " + c.Record.Run.Profile
	if filters := c.Record.Run.Filters; len(filters) > 0 {
		text += fmt.Sprintf(", only %s", joined(filters))
	}
	return fmt.Sprintf("%s, run %s, %s", text, c.Record.Run.ID, c.Record.Verdict)
}
