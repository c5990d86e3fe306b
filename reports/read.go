package reports

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Stdin is the path that stands for standard input.
const Stdin = "-"

// Read reads a record from its file, from the directory of its run, or from a log that
// contains it (see WriteLog). Stdin reads it from standard input.
func Read(path string) (Record, error) {
	var r Record
	if path == Stdin {
		data, err := io.ReadAll(os.Stdin)
		if err != nil {
			return r, err
		}
		return parseRecord("standard input", data)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, RecordFile)
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, fmt.Errorf("%s does not exist; name the %s of a run, or the run's directory", path, RecordFile)
	}
	if err != nil {
		return r, err
	}
	return parseRecord(path, data)
}

// parseRecord reads a record from what came from there.
func parseRecord(path string, data []byte) (Record, error) {
	var r Record
	if !json.Valid(data) {
		if line := inLog(data); line != nil {
			data = line
		}
	}
	var kind struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(data, &kind); err != nil {
		return r, fmt.Errorf("%s is not a record: it is not JSON, and none of its lines is a record: %w", path, err)
	}
	if kind.Schema != Schema {
		return r, fmt.Errorf("%s has the schema %q; this podproof reads records with the schema %s", path, kind.Schema, Schema)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("%s does not match the schema of a record: %w", path, err)
	}
	if len(r.Claims) == 0 {
		return r, fmt.Errorf("%s is not a complete record: it has no claims", path)
	}
	return r, nil
}

// logged is how the line of a log starts that is a record.
var logged = []byte(`{"schema":"` + Schema + `"`)

// WriteLog writes the record as one line, for the log of a pod. After the pod has ended,
// its log is all that is left without a volume.
func WriteLog(w io.Writer, r Record) error {
	return json.NewEncoder(w).Encode(r)
}

// inLog finds the last record in a log; nil means that there is none.
func inLog(data []byte) []byte {
	var last []byte
	for line := range bytes.Lines(data) {
		if bytes.HasPrefix(line, logged) {
			last = line
		}
	}
	return last
}
