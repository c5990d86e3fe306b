package reports_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// schemaOf makes the JSON Schema of a Go type: a definition for each struct, with the
// comments of its source as descriptions.
func schemaOf(t *testing.T, id string, value any) map[string]any {
	t.Helper()
	s := &schemas{t: t, comments: map[string]map[string]string{}, defs: map[string]any{}}
	root := reflect.TypeOf(value)
	reference := s.of(root)
	return map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"$id":     id,
		"title":   "podproof: " + strings.ToLower(words(definition(root))),
		"$ref":    reference["$ref"],
		"$defs":   s.defs,
	}
}

// words writes the name of a type as words: "Report" is "Conformance Report".
func words(name string) string {
	var out strings.Builder
	for i, r := range name {
		if i > 0 && r >= 'A' && r <= 'Z' {
			out.WriteByte(' ')
		}
		out.WriteRune(r)
	}
	return out.String()
}

// schemas are the definitions that have been made, by the name of their type.
type schemas struct {
	t        *testing.T
	comments map[string]map[string]string // by package directory, then "Type" or "Type.Field"
	defs     map[string]any
}

func (s *schemas) of(t reflect.Type) map[string]any {
	switch {
	case enums[t] != nil:
		return map[string]any{"enum": enums[t]}
	case t == timeType:
		return map[string]any{"type": "string", "format": "date-time"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem()) // one that is nil is left out
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Struct:
		s.define(t)
		return map[string]any{"$ref": "#/$defs/" + definition(t)}
	default:
		s.t.Fatalf("no schema for %s", t)
		return nil
	}
}

// define makes the definition of a struct.
func (s *schemas) define(t reflect.Type) {
	if s.defs[definition(t)] != nil {
		return
	}
	properties := map[string]any{}
	made := map[string]any{"type": "object", "properties": properties}
	s.defs[definition(t)] = made
	s.describe(made, t, t.Name())
	required := []string{}
	for field := range t.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			s.t.Fatalf("%s.%s has no JSON name", t, field.Name)
		}
		property := s.of(field.Type)
		s.describe(property, t, t.Name()+"."+field.Name)
		if value, fixed := constant[definition(t)+"."+name]; fixed {
			property["const"] = value
		}
		properties[name] = property
		optional := strings.Contains(options, "omit")
		if field.Type.Kind() == reflect.Pointer && !optional {
			s.t.Fatalf("%s.%s can be null", t, field.Name)
		}
		if !optional {
			required = append(required, name)
		}
	}
	made["required"] = required
}

func (s *schemas) describe(schema map[string]any, t reflect.Type, what string) {
	const module = "github.com/podproof/podproof/"
	dir := filepath.Join("..", filepath.FromSlash(strings.TrimPrefix(t.PkgPath(), module)))
	if s.comments[dir] == nil {
		s.comments[dir] = comments(s.t, dir)
	}
	if text := s.comments[dir][what]; text != "" {
		schema["description"] = text
	}
}

// comments reads what the source in dir says about its struct types and their fields.
func comments(t *testing.T, dir string) map[string]string {
	found := map[string]string{}
	for _, file := range parse(t, dir) {
		ast.Inspect(file, func(n ast.Node) bool {
			d, ok := n.(*ast.GenDecl)
			if !ok {
				return true
			}
			for _, spec := range d.Specs {
				named, ok := spec.(*ast.TypeSpec)
				if !ok {
					continue
				}
				found[named.Name.Name] = oneLine(d.Doc, named.Doc)
				if structure, ok := named.Type.(*ast.StructType); ok {
					for _, field := range structure.Fields.List {
						for _, name := range field.Names {
							found[named.Name.Name+"."+name.Name] = oneLine(field.Doc, field.Comment)
						}
					}
				}
			}
			return false
		})
	}
	return found
}

func oneLine(groups ...*ast.CommentGroup) string {
	var all []string
	for _, g := range groups {
		all = append(all, strings.Fields(g.Text())...)
	}
	return strings.Join(all, " ")
}

func parse(t *testing.T, dir string) []*ast.File {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, e.Name()), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// constants lists the values of the typed string constants of this package, by type.
func constants(t *testing.T) map[string][]string {
	found := map[string][]string{}
	for _, file := range parse(t, ".") {
		for _, decl := range file.Decls {
			d, ok := decl.(*ast.GenDecl)
			if !ok || d.Tok != token.CONST {
				continue
			}
			for _, spec := range d.Specs {
				v := spec.(*ast.ValueSpec)
				if v.Type == nil {
					continue
				}
				for _, value := range v.Values {
					text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
					if err != nil {
						t.Fatal(err)
					}
					name := fmt.Sprint(v.Type)
					found[name] = append(found[name], text)
				}
			}
		}
	}
	for _, values := range found {
		slices.Sort(values)
	}
	return found
}
