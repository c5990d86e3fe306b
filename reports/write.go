package reports

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// The files that Write makes.
const (
	RecordFile  = "record.json"
	JUnitFile   = "junit.xml"
	SummaryFile = "summary.txt"
	HTMLFile    = "report.html"
)

// Write makes the record's files in dir, which it creates when it is missing. Each
// file is complete or not there at all, whenever the program ends.
func Write(dir string, r Record) error {
	record, err := layOut(r)
	if err != nil {
		return fmt.Errorf("write the record as JSON: %w", err)
	}
	junit, err := JUnit(r)
	if err != nil {
		return err
	}
	var summary bytes.Buffer
	if err := Summary(&summary, r, false); err != nil {
		return err
	}
	page, err := HTML(r)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the directory for the results: %w", err)
	}
	for _, file := range []struct {
		name string
		data []byte
	}{
		{RecordFile, record},
		{JUnitFile, junit},
		{SummaryFile, summary.Bytes()},
		{HTMLFile, page},
	} {
		if err := replace(filepath.Join(dir, file.name), file.data); err != nil {
			return fmt.Errorf("write %s: %w; the results of the run are not complete", file.name, err)
		}
	}
	return nil
}

// replace writes a file beside the old one and then takes its place, so that no
// reader ever sees a half-written one.
func replace(path string, data []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // fails once it has been renamed, as it should
	if _, err := temp.Write(data); err != nil {
		temp.Close()
		return err
	}
	if err := temp.Chmod(0o644); err != nil {
		temp.Close()
		return err
	}
	if err := temp.Sync(); err != nil {
		temp.Close()
		return err
	}
	if err := temp.Close(); err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}
