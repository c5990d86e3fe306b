package probes

import (
	"testing"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
)

func TestAskedAfter(t *testing.T) {
	g := NewWithT(t)
	asked := func(path, query string) record.Line {
		return record.Line{Request: &record.Request{Path: path, Query: query}}
	}
	set := func(path string) record.Line { return asked("/set", "code=200&path=%2F"+path) }
	lines := []record.Line{
		{Event: record.Start}, asked("/a", ""), set("a"), asked("/a", ""), asked("/b", ""), set("b"), set("a"),
	}
	g.Expect(askedAfter(lines, "/a", 1)).To(BeTrue())
	g.Expect(askedAfter(lines, "/a", 2)).To(BeFalse(), "nobody asked since")
	g.Expect(askedAfter(lines, "/b", 1)).To(BeFalse(), "only before")
	lines = append(lines, asked("/a", ""))
	g.Expect(askedAfter(lines, "/a", 2)).To(BeTrue())
	g.Expect(askedAfter(lines, "/b", 1)).To(BeFalse())
}
