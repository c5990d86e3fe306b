// Package files writes the files of a run.
package files

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/page"
	"github.com/podproof/podproof/reports/text"
)

// The files that Write makes beside the record.
const (
	JUnit    = "junit.xml"
	Summary  = "summary.txt"
	Markdown = "summary.md"
	Badge    = "badge.svg"
	Page     = "report.html"
)

// Write makes the record's files in dir, which it creates when it is missing: first the
// record itself, then everything that is made from it. Each file is complete or not there
// at all, whenever the program ends, and what is wrong with one keeps no other from being
// written.
func Write(dir string, r reports.Record) error {
	var problems []error
	if err := reports.WriteRecord(dir, r); err != nil {
		problems = append(problems, incomplete(err))
	}
	for _, file := range []struct {
		name   string
		render func(reports.Record) ([]byte, error)
	}{
		{JUnit, text.JUnit},
		{Summary, func(r reports.Record) ([]byte, error) {
			var summary bytes.Buffer
			err := text.Summary(&summary, r, false)
			return summary.Bytes(), err
		}},
		{Markdown, func(r reports.Record) ([]byte, error) { return text.Markdown(r), nil }},
		{Badge, func(r reports.Record) ([]byte, error) { return text.Badge(r), nil }},
		{Page, page.HTML},
	} {
		data, err := file.render(r)
		if err == nil {
			err = reports.WriteFile(filepath.Join(dir, file.name), data)
		}
		if err != nil {
			problems = append(problems, incomplete(err))
		}
	}
	return errors.Join(problems...)
}

// incomplete says what an error means for the reader of the results.
func incomplete(err error) error {
	return fmt.Errorf("%w; the results of the run are not complete", err)
}
