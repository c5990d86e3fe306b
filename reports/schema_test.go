package reports_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/conformance"
	"github.com/podproof/podproof/reports/internal/sample"
)

var update = flag.Bool("update", false, "write the schema files instead of comparing with them")

// schemaFiles are the published schemas and the types that they are made from.
var schemaFiles = []struct {
	file, id, title, schema string
	of                      any
}{
	{"record.schema.json", "urn:podproof:record:v1", "podproof: record", reports.Schema, reports.Record{}},
	{"conformance.schema.json", "urn:podproof:conformance:v1", "podproof: conformance report", conformance.Schema, conformance.Report{}},
}

func TestSchemaFiles(t *testing.T) {
	for _, s := range schemaFiles {
		g := NewWithT(t)
		made, err := json.MarshalIndent(schemaOf(g, s.id, s.title, s.schema, s.of), "", "  ")
		g.Expect(err).NotTo(HaveOccurred())
		made = append(made, '\n')
		if *update {
			g.Expect(os.WriteFile(s.file, made, 0o644)).To(Succeed())
			continue
		}
		kept, err := os.ReadFile(s.file)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(string(kept)).To(Equal(string(made)), "the types have changed: make docs, and see whether the schema needs a new name")
	}
}

// written returns the record.json that Write makes.
func written(t *testing.T, r reports.Record) []byte {
	t.Helper()
	g := NewWithT(t)
	dir := t.TempDir()
	g.Expect(reports.WriteRecord(dir, r)).To(Succeed())
	data, err := os.ReadFile(filepath.Join(dir, reports.RecordFile))
	g.Expect(err).NotTo(HaveOccurred())
	return data
}

func TestRecordsKeepTheSchema(t *testing.T) {
	for name, r := range map[string]reports.Record{
		"of a run":           sample.Record(),
		"with a deviation":   reports.New(sample.Catalogue(), reports.Run{}, []reports.Spec{sample.Pass("B-01"), sample.Deviate("A-01")}, sample.LawHolds),
		"of a failed set-up": reports.New(claims.All(), reports.Run{SetupError: "no engine answers"}, nil, nil),
		"with a broken law":  reports.New(sample.Catalogue(), reports.Run{Interrupted: true}, []reports.Spec{sample.InState("A-01", reports.Interrupted)}, []reports.Law{{ID: "LAW-C", Pods: 1, Broken: []reports.BrokenLaw{{Pod: "p", Message: "m"}}}}),
		"with a law that a bug broke": reports.New(sample.Catalogue(), reports.Run{}, []reports.Spec{sample.Pass("A-01")}, []reports.Law{{ID: "LAW-C", Pods: 1,
			Deviated: []reports.DeviatedLaw{{Pod: "p", Spec: "s", Deviation: reports.Deviation{Claim: "LAW-C", Issue: "https://github.com/kubernetes/kubernetes/issues/1"}}},
			Unsure:   []reports.BrokenLaw{{Pod: "q", Message: "m"}}}}),
		"with timelines":       sample.Full(117, sample.LikeReal),
		"with an aimless spec": reports.New(sample.Catalogue(), reports.Run{}, []reports.Spec{{Text: "x", State: reports.Passed}}, sample.LawHolds),
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(sample.Validate("record.schema.json", written(t, r))).To(Succeed())
		})
	}
}

// A record as a run on a cluster has left it; only the number of its claims, specs and
// laws was made smaller.
func TestRecordOfARealRunKeepsTheSchema(t *testing.T) {
	g := NewWithT(t)
	path := filepath.Join("testdata", "record.json")
	data, err := os.ReadFile(path)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(sample.Validate("record.schema.json", data)).To(Succeed())
	r, err := reports.Read(path)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(r.Specs).NotTo(BeEmpty())
	g.Expect(sample.Validate("record.schema.json", written(t, r))).To(Succeed(), "read and written again")
}

func TestSchemaRefusesWhatIsNoRecord(t *testing.T) {
	for name, spoil := range map[string]func(map[string]any){
		"no verdict":      func(r map[string]any) { delete(r, "verdict") },
		"unknown verdict": func(r map[string]any) { r["verdict"] = "fine" },
		"another schema":  func(r map[string]any) { r["schema"] = "podproof.record/v2" },
		"unknown state":   func(r map[string]any) { r["specs"].([]any)[0].(map[string]any)["state"] = "odd" },
		"time in words":   func(r map[string]any) { r["run"].(map[string]any)["started"] = "yesterday" },
		"specs are null":  func(r map[string]any) { r["specs"] = nil },
		"count in words":  func(r map[string]any) { r["summary"].(map[string]any)["claims"] = "many" },
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			var r map[string]any
			g.Expect(json.Unmarshal(written(t, sample.Record()), &r)).To(Succeed())
			spoil(r)
			data, err := json.Marshal(r)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(sample.Validate("record.schema.json", data)).NotTo(Succeed())
		})
	}
}
