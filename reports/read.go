package reports

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Read reads a record from its file, or from the directory of its run. The error says
// what is wrong with what was named.
func Read(path string) (Record, error) {
	var r Record
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
	var kind struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(data, &kind); err != nil {
		return r, fmt.Errorf("%s is not JSON, so it is no record of a run: %w", path, err)
	}
	if kind.Schema != Schema {
		return r, fmt.Errorf("%s has the schema %q where %s is needed: it is no record of a run, or that of another podproof", path, kind.Schema, Schema)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("%s is not a record as its schema says: %w", path, err)
	}
	if len(r.Claims) == 0 {
		return r, fmt.Errorf("%s has no claims, so it is not a whole record", path)
	}
	return r, nil
}
