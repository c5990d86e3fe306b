package wording

import (
	"testing"

	. "github.com/onsi/gomega"
)

func TestTextForPeople(t *testing.T) {
	g := NewWithT(t)
	g.Expect(Duration(0.04)).To(Equal("0.0 s"))
	g.Expect(Duration(59.96)).To(Equal("1m00s"))
	g.Expect(Duration(1022)).To(Equal("17m02s"))
	g.Expect(Duration(3725)).To(Equal("1h02m05s"))
	g.Expect(Shorten("one two three", 13)).To(Equal("one two three"))
	g.Expect(Shorten("one two, three", 13)).To(Equal("one two…"))
	g.Expect(Shorten("ünbreakablyword", 8)).To(Equal("ünbreak…"))
	g.Expect(Wrap("one two three", "  ", 9)).To(Equal("  one two\n  three\n"))
	g.Expect(FirstLine("\n \x1b[1m hello\nx")).To(Equal("hello"))
	g.Expect(FirstLine("")).To(Equal("no message"))
}
