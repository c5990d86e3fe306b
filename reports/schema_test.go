package reports

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/podproof/podproof/fixtures/claims"
)

var update = flag.Bool("update", false, "write the schema files instead of comparing with them")

// schemaFiles are the published schemas and the types that they are made from.
var schemaFiles = []struct {
	file, id string
	of       any
}{
	{"record.schema.json", "urn:podproof:record:v1", Record{}},
	{"conformance.schema.json", "urn:podproof:conformance:v1", ConformanceReport{}},
}

func TestSchemaFiles(t *testing.T) {
	for _, s := range schemaFiles {
		g := NewWithT(t)
		made, err := json.MarshalIndent(schemaOf(t, s.id, s.of), "", "  ")
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

// validate checks JSON against a schema with a validator that is not ours.
func validate(t *testing.T, schema, document []byte) error {
	t.Helper()
	g := NewWithT(t)
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	g.Expect(err).NotTo(HaveOccurred())
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	g.Expect(c.AddResource("schema.json", parsed)).To(Succeed())
	compiled, err := c.Compile("schema.json")
	g.Expect(err).NotTo(HaveOccurred())
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	g.Expect(err).NotTo(HaveOccurred())
	return compiled.Validate(value)
}

// written returns the record.json that Write makes.
func written(t *testing.T, r Record) []byte {
	t.Helper()
	g := NewWithT(t)
	dir := t.TempDir()
	g.Expect(Write(dir, r)).To(Succeed())
	data, err := os.ReadFile(filepath.Join(dir, RecordFile))
	g.Expect(err).NotTo(HaveOccurred())
	return data
}

func TestRecordsKeepTheSchema(t *testing.T) {
	for name, r := range map[string]Record{
		"of a run":             sample(),
		"with a deviation":     New(catalogue(), Run{}, []Spec{pass("B-01"), deviate("A-01")}, lawHolds),
		"of a failed set-up":   New(claims.All(), Run{SetupError: "no engine answers"}, nil, nil),
		"with a broken law":    New(catalogue(), Run{Interrupted: true}, []Spec{inState("A-01", Interrupted)}, []Law{{ID: "LAW-C", Pods: 1, Broken: []BrokenLaw{{Pod: "p", Message: "m"}}}}),
		"with timelines":       full(117, likeReal),
		"with an aimless spec": New(catalogue(), Run{}, []Spec{{Text: "x", State: Passed}}, lawHolds),
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(validate(t, RecordSchema, written(t, r))).To(Succeed())
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
	g.Expect(validate(t, RecordSchema, data)).To(Succeed())
	r, err := Read(path)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(r.Specs).NotTo(BeEmpty())
	g.Expect(validate(t, RecordSchema, written(t, r))).To(Succeed(), "read and written again")
	_, text := junit(t, r)
	g.Expect(brokenRules(text)).To(BeEmpty())
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
			g.Expect(json.Unmarshal(written(t, sample()), &r)).To(Succeed())
			spoil(r)
			data, err := json.Marshal(r)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(validate(t, RecordSchema, data)).NotTo(Succeed())
		})
	}
}

// Every value of a type with a fixed set of values must be in its schema, or a record
// that has it would be refused.
func TestEnumsAreComplete(t *testing.T) {
	g := NewWithT(t)
	found := constants(t)
	for of, values := range enums {
		g.Expect(texts(values)).To(Equal(found[of.Name()]), of.Name())
	}
}

func texts(values []any) []string {
	var all []string
	for _, v := range values {
		all = append(all, reflect.ValueOf(v).String())
	}
	slices.Sort(all)
	return all
}

// enums are the values of the types that have a fixed set of them.
var enums = map[reflect.Type][]any{
	reflect.TypeFor[Verdict]():     {Conformant, Nonconformant, KnownDeviation, NotApplicable, NotRun, Inconclusive},
	reflect.TypeFor[State]():       {Passed, Failed, Skipped, Deviated, Interrupted, Unstarted, Filtered},
	reflect.TypeFor[FailureKind](): {ClusterFailure, SuiteFailure},
	reflect.TypeFor[LaneKind]():    {PhaseLane, DeletionLane, ConditionLane, InitContainerLane, ContainerLane, EphemeralLane, EventLane, ProcessLane},
}

// constant are fields that always have the same value.
var constant = map[string]string{"Record.schema": Schema, "ConformanceReport.schema": ConformanceSchemaName}

var timeType = reflect.TypeFor[time.Time]()
