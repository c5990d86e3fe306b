package reports_test

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/invopop/jsonschema"
	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/conformance"
)

// enums are the values of the types that have a fixed set of them.
var enums = map[reflect.Type][]any{
	reflect.TypeFor[reports.Verdict]():     {reports.Conformant, reports.Nonconformant, reports.KnownDeviation, reports.NotApplicable, reports.NotRun, reports.Inconclusive},
	reflect.TypeFor[reports.State]():       {reports.Passed, reports.Failed, reports.Skipped, reports.Deviated, reports.Interrupted, reports.Unstarted, reports.Filtered},
	reflect.TypeFor[reports.FailureKind](): {reports.ClusterFailure, reports.SuiteFailure},
	reflect.TypeFor[reports.LaneKind]():    {reports.PhaseLane, reports.DeletionLane, reports.ConditionLane, reports.InitContainerLane, reports.ContainerLane, reports.EphemeralLane, reports.EventLane, reports.ProcessLane},
}

// published are the names in a schema of types that have another name here.
var published = map[reflect.Type]string{
	reflect.TypeFor[conformance.Report](): "ConformanceReport",
	reflect.TypeFor[conformance.Sum]():    "ConformanceSum",
	reflect.TypeFor[conformance.Claim]():  "PublishedClaim",
}

// schemaOf makes the JSON Schema of a Go type, with the comments of its source as
// descriptions. The field schema has always the value of name.
func schemaOf(g *WithT, id, title, name string, value any) *jsonschema.Schema {
	r := jsonschema.Reflector{
		AllowAdditionalProperties: true,
		Namer:                     func(t reflect.Type) string { return cmp.Or(published[t], t.Name()) },
		Mapper: func(t reflect.Type) *jsonschema.Schema {
			if values := enums[t]; values != nil {
				return &jsonschema.Schema{Enum: values}
			}
			return nil
		},
	}
	for _, dir := range []string{".", "conformance", "../fixtures/claims"} {
		g.Expect(r.AddGoComments("github.com/podproof/podproof/reports", dir, jsonschema.WithFullComment())).To(Succeed())
	}
	for of, comment := range r.CommentMap {
		r.CommentMap[of] = strings.Join(strings.Fields(comment), " ")
	}
	s := r.Reflect(value)
	s.ID, s.Title = jsonschema.ID(id), title
	root := s.Definitions[strings.TrimPrefix(s.Ref, "#/$defs/")]
	constant, there := root.Properties.Get("schema")
	g.Expect(there).To(BeTrue())
	constant.Const = name
	return s
}

// Every value of a type with a fixed set of values must be in its schema, or a record
// that has it would be refused.
func TestEnumsAreComplete(t *testing.T) {
	g := NewWithT(t)
	found := constants(g)
	for of, values := range enums {
		var known []string
		for _, v := range values {
			known = append(known, reflect.ValueOf(v).String())
		}
		g.Expect(known).To(ConsistOf(found[of.Name()]), of.Name())
	}
}

// constants lists the values of the typed string constants of package reports, by type.
func constants(g *WithT) map[string][]string {
	found := map[string][]string{}
	sources, err := filepath.Glob("*.go")
	g.Expect(err).NotTo(HaveOccurred())
	for _, source := range sources {
		file, err := parser.ParseFile(token.NewFileSet(), source, nil, 0)
		g.Expect(err).NotTo(HaveOccurred())
		ast.Inspect(file, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			of, named := v.Type.(*ast.Ident)
			for _, value := range v.Values {
				if literal, constant := value.(*ast.BasicLit); named && constant {
					text, err := strconv.Unquote(literal.Value)
					g.Expect(err).NotTo(HaveOccurred())
					found[of.Name] = append(found[of.Name], text)
				}
			}
			return true
		})
	}
	return found
}
