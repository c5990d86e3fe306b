package reports

import (
	"bytes"
	"encoding/json"
)

// widest is how long a line of the record may be so that an object or a list without
// others in it is on one line.
const widest = 160

// layOut writes a value as indented JSON in which small objects and lists have one
// line each: a moment of a timeline, a measurement.
func layOut(value any) ([]byte, error) {
	indented, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	// held are the lines since an object or a list was opened, as long as it may yet
	// fit into one. Texts have no line ends of their own in JSON.
	var held [][]byte
	width := 0
	release := func() {
		for _, line := range held {
			out.Write(line)
		}
		held, width = nil, 0
	}
	for line := range bytes.Lines(append(indented, '\n')) {
		text := bytes.TrimSpace(line)
		switch {
		case bytes.HasSuffix(text, []byte("{")) || bytes.HasSuffix(text, []byte("[")):
			release()
			held, width = append(held, line), len(line)-1
		case len(held) == 0:
			out.Write(line)
		case text[0] == '}' || text[0] == ']':
			if width += len(text); width > widest {
				held = append(held, line)
				release()
				break
			}
			out.Write(bytes.TrimRight(held[0], "\n"))
			for i, inner := range held[1:] {
				if i > 0 {
					out.WriteByte(' ')
				}
				out.Write(bytes.TrimSpace(inner))
			}
			out.Write(text)
			out.WriteByte('\n')
			held, width = nil, 0
		default:
			held, width = append(held, line), width+len(text)+1
		}
	}
	release()
	return out.Bytes(), nil
}
