package reports

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// RecordFile is the file of a record in the directory of its run.
const RecordFile = "record.json"

// WriteRecord writes the record's file into dir, which it creates when it is missing. The
// file is complete or not there at all, whenever the program ends.
func WriteRecord(dir string, r Record) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the directory for the results: %w", err)
	}
	data, err := indented(r)
	if err != nil {
		return fmt.Errorf("write the record as JSON: %w", err)
	}
	return WriteFile(filepath.Join(dir, RecordFile), data)
}

// indented is the record as people read it and as tools compare it: a value on each line.
// One blank for each level keeps the record of a full run small; two make it a third larger.
func indented(r Record) ([]byte, error) {
	data, err := json.MarshalIndent(r, "", " ")
	return append(data, '\n'), err
}

// WriteFile writes a report to a file of the caller's choice, completely or not at all. A
// link is followed. Anything that is not a regular file, such as /dev/stdout, is written to
// and stays.
func WriteFile(path string, data []byte) error {
	target, write := path, replace
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		write = func(path string, data []byte) error { return os.WriteFile(path, data, mode) }
	} else if resolved, err := filepath.EvalSymlinks(path); err == nil {
		target = resolved
	}
	if err := write(target, data); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// mode lets everybody read a report.
const mode = 0o644

// replace takes the old file's place with a whole new one, so that no reader ever sees a
// half-written file.
func replace(path string, data []byte) error {
	return renameio.WriteFile(path, data, mode, renameio.WithTempDir(filepath.Dir(path)), renameio.WithStaticPermissions(mode))
}
