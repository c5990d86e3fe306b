package witness

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/podproof/podproof/fixtures/witness/record"
)

// ReadLog reads lines to the end. A last line that is cut, because its writer
// was killed or still writes, is left out. Anything else that is no line is
// an error that shows it (a program that cannot start says why on stderr,
// which is in the same log); the lines before it are returned too.
func ReadLog(r io.Reader) ([]record.Line, error) {
	var lines []record.Line
	err := Follow(r, func(l record.Line) bool {
		lines = append(lines, l)
		return false
	})
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return lines, err
}

// Follow gives each line to a function as it arrives and returns nil when
// that returns true. When there are no more lines before that, the error is
// io.EOF; it treats what is no line as ReadLog does.
func Follow(r io.Reader, enough func(record.Line) bool) error {
	in := bufio.NewReader(r)
	for number := 1; ; number++ {
		text, err := in.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("reading line %d: %w", number, err)
		}
		cut := errors.Is(err, io.EOF)
		if text = bytes.TrimSpace(text); len(text) > 0 {
			var line record.Line
			switch parseErr := json.Unmarshal(text, &line); {
			case parseErr == nil && line.Event != "":
				if enough(line) {
					return nil
				}
			case cut:
				// The rest of the line is missing, or it is the kubelet's word on
				// why it cannot go on, such as "too many open files".
				return fmt.Errorf("%w after %q", io.EOF, shorten(text))
			default:
				return fmt.Errorf("line %d is not a line of the witness: %s", number, shorten(text))
			}
		}
		if cut {
			return io.EOF
		}
	}
}

// shorten keeps an error message readable.
func shorten(text []byte) string {
	const most = 300
	if len(text) > most {
		return string(text[:most]) + "…"
	}
	return string(text)
}
