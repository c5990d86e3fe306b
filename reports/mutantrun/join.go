package mutantrun

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/podproof/podproof/fixtures/mutants"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/internal/wording"
)

// Read reads the mutants' records below a directory.
func Read(dir string) ([]Record, error) {
	var records []Record
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() != File {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var r Record
		if err := json.Unmarshal(data, &r); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if r.Schema != Schema {
			return fmt.Errorf("%s has the schema %q, and this podproof reads %q", path, r.Schema, Schema)
		}
		records = append(records, r)
		return nil
	})
	if err == nil && len(records) == 0 {
		err = fmt.Errorf("there is no %s below %s", File, dir)
	}
	return records, err
}

// Join merges the records of several runs on one Kubernetes version, such as the jobs of a
// CI matrix. If a mutant has several results, the newest one counts, unless only an older
// one is decided. Mutants without a result are named in Error.
func Join(records []Record) (Record, error) {
	records = slices.Clone(records)
	slices.SortStableFunc(records, func(a, b Record) int { return cmp.Compare(a.ID, b.ID) })
	whole := Record{Schema: Schema, ID: records[len(records)-1].ID}
	for _, r := range records {
		// One whose set-up failed does not know the version.
		whole.Version, whole.ServerVersion = cmp.Or(r.Version, whole.Version), cmp.Or(r.ServerVersion, whole.ServerVersion)
	}
	results := map[string]Result{}
	ran := map[string]int{} // by mutant, the record of its result, where it was in the cluster
	var broken, failed []string
	for i, r := range records {
		if r.ServerVersion != whole.ServerVersion && len(r.Mutants) > 0 {
			return Record{}, fmt.Errorf("the records are of Kubernetes %s and %s; join records of one version", r.ServerVersion, whole.ServerVersion)
		}
		for _, m := range r.Mutants {
			if known, twice := results[m.ID]; !twice || m.decided() || !known.decided() {
				delete(ran, m.ID)
				if m.Record != "" {
					ran[m.ID] = i
				}
				m.Upstream, m.Record = nil, ""
				results[m.ID] = m
			}
		}
		switch {
		case r.Error != "" && len(r.Mutants) > 0:
			broken = append(broken, "run "+r.ID+": "+r.Error)
		case r.Error != "":
			failed = append(failed, "run "+r.ID+": "+r.Error)
		}
		if r.Afterwards != "" && r.Afterwards != reports.Conformant || whole.Afterwards == "" {
			whole.Afterwards, whole.AfterwardsReason = r.Afterwards, r.AfterwardsReason
		}
	}
	var left []string
	for _, m := range mutants.All() {
		if result, there := results[m.ID]; there {
			whole.Mutants = append(whole.Mutants, result)
			delete(results, m.ID)
		} else {
			left = append(left, m.ID)
		}
	}
	if len(results) > 0 {
		return Record{}, fmt.Errorf("this podproof does not know the mutants %s: join the records with the podproof that ran them, or leave these records out",
			strings.Join(slices.Sorted(maps.Keys(results)), ", "))
	}
	for i, r := range records {
		if r.Afterwards == "" && r.Error == "" && slices.Contains(slices.Collect(maps.Values(ran)), i) {
			broken = append(broken, "run "+r.ID+" did not check the cluster after its last mutant, "+
				"so its results are uncertain")
		}
	}
	if len(left) > 0 {
		// A run that had not one result is to blame for what is missing, if anything is.
		broken = append(broken, failed...)
		whole.Filters = []string{"those that were run"}
		broken = append(broken, fmt.Sprintf("no result for %s: %s", wording.Plural(len(left), "mutant"), strings.Join(left, ", ")))
	}
	whole.Error = strings.Join(broken, "\n")
	whole.Conclude()
	return whole, nil
}

// decided says whether the result will be the same when the mutant is run again.
func (m Result) decided() bool {
	return !slices.Contains([]Outcome{Undecided, DoesNotFit, Broken}, m.Outcome) && !inDoubt(m)
}
