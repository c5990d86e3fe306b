package process

import (
	"bytes"
	"strings"
)

// tailLines is how many lines a Tail keeps.
const tailLines = 15

// Tail is a writer that keeps the last lines written to it.
type Tail struct {
	// Line, when set, is called with each finished line.
	Line    func(string)
	partial []byte
	lines   []string
}

// Write implements io.Writer.
func (t *Tail) Write(p []byte) (int, error) {
	t.partial = append(t.partial, p...)
	for {
		end := bytes.IndexByte(t.partial, '\n')
		if end < 0 {
			return len(p), nil
		}
		t.add(string(t.partial[:end]))
		t.partial = t.partial[end+1:]
	}
}

// Flush takes what came after the last newline as a line.
func (t *Tail) Flush() {
	if len(t.partial) > 0 {
		t.add(string(t.partial))
		t.partial = nil
	}
}

func (t *Tail) add(line string) {
	line = strings.TrimRight(line, "\r ")
	if t.Line != nil {
		t.Line(line)
	}
	if len(t.lines) == tailLines {
		t.lines = append(t.lines[:0], t.lines[1:]...)
	}
	t.lines = append(t.lines, line)
}

// Text returns the lines kept.
func (t *Tail) Text() string { return strings.TrimSpace(strings.Join(t.lines, "\n")) }

// LastLines returns the last n lines of an output that are not blank.
func LastLines(output []byte, n int) string {
	var lines []string
	for line := range strings.Lines(string(output)) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
