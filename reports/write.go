package reports

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// The files that Write makes.
const (
	RecordFile   = "record.json"
	JUnitFile    = "junit.xml"
	SummaryFile  = "summary.txt"
	MarkdownFile = "summary.md"
	BadgeFile    = "badge.svg"
	HTMLFile     = "report.html"
)

// Write makes the record's files in dir, which it creates when it is missing. Each
// file is complete or not there at all, whenever the program ends. The record comes
// first, and what is wrong with one file keeps no other from being written.
func Write(dir string, r Record) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the directory for the results: %w", err)
	}
	var problems []error
	for _, file := range []struct {
		name   string
		render func(Record) ([]byte, error)
	}{
		{RecordFile, indented},
		{JUnitFile, JUnit},
		{SummaryFile, func(r Record) ([]byte, error) {
			var summary bytes.Buffer
			err := Summary(&summary, r, false)
			return summary.Bytes(), err
		}},
		{MarkdownFile, func(r Record) ([]byte, error) { return Markdown(r), nil }},
		{BadgeFile, func(r Record) ([]byte, error) { return Badge(r), nil }},
		{HTMLFile, HTML},
	} {
		data, err := file.render(r)
		if err == nil {
			err = replace(filepath.Join(dir, file.name), data)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("write %s: %w; the results of the run are not complete", file.name, err))
		}
	}
	return errors.Join(problems...)
}

// indented is the record as people read it and as tools compare it: a value on each line.
// One blank for each level keeps the record of a full run small; two make it a third larger.
func indented(r Record) ([]byte, error) {
	data, err := json.MarshalIndent(r, "", " ")
	return append(data, '\n'), err
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

// WriteFile writes a report to a file of the caller's choice, completely or not at all. A
// link is followed, and what is no file, such as /dev/stdout, is written to and stays.
func WriteFile(path string, data []byte) error {
	target, write := path, replace
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		write = func(path string, data []byte) error { return os.WriteFile(path, data, 0o644) }
	} else if real, err := filepath.EvalSymlinks(path); err == nil {
		target = real
	}
	if err := write(target, data); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
