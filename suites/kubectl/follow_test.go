package kubectl

import (
	"testing"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
)

func TestOutOfOrder(t *testing.T) {
	line := func(instance string, seq int64) record.Line { return record.Line{Instance: instance, Seq: seq} }
	for name, c := range map[string]struct {
		lines []record.Line
		from  int64
		want  string
	}{
		"whole":              {[]record.Line{line("a", 1), line("a", 2), line("a", 3)}, 1, ""},
		"from later on":      {[]record.Line{line("a", 7), line("a", 8)}, 7, ""},
		"none":               {nil, 1, "no line came"},
		"without the first":  {[]record.Line{line("a", 2), line("a", 3)}, 1, "line 2 came instead of line 1"},
		"one lost":           {[]record.Line{line("a", 1), line("a", 3)}, 1, "line 3 came instead of line 2"},
		"one twice":          {[]record.Line{line("a", 1), line("a", 1)}, 1, "line 1 came instead of line 2"},
		"of another process": {[]record.Line{line("a", 1), line("b", 1)}, 1, "after line 1 one of another process came"},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(outOfOrder(c.lines, c.from)).To(Equal(c.want))
		})
	}
}
