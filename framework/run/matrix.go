package run

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/podproof/podproof/fixtures/versions"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/framework/setup"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/compare"
	"github.com/podproof/podproof/reports/text"
)

// Files of a matrix run, beside the directories of its versions.
const (
	matrixPage     = "compare.html"
	matrixMarkdown = "compare.md"
)

// MatrixVersions gives the versions to run on, newest first, or says what contradicts a
// matrix of them.
func MatrixVersions(o options.Options) ([]string, error) {
	switch {
	case o.Existing():
		return nil, options.Usagef("a matrix runs on kind clusters that podproof makes, never on the one of KUBECONFIG: unset it")
	case o.NodeImage != "":
		return nil, options.Usagef("a node image (%s) is of one version, and a matrix runs on several: unset it, or use podproof run", o.NodeImage)
	case o.Repeat > 1:
		return nil, options.Usagef("a matrix runs once on each version, and repeat is %d: use podproof run --k8s=... to repeat", o.Repeat)
	}
	asked := map[string][]string{} // what was asked for, by minor
	for version := range strings.SplitSeq(o.Kubernetes, ",") {
		version = strings.TrimPrefix(strings.TrimSpace(version), "v")
		if version == "" {
			continue
		}
		v, err := versions.Find(version)
		if err != nil {
			return nil, options.Usagef("%v", err)
		}
		if slices.Contains(asked[v.Minor], version) {
			return nil, options.Usagef("Kubernetes %s is named twice; name each version once", version)
		}
		asked[v.Minor] = append(asked[v.Minor], version)
	}
	var all []string
	for _, v := range versions.Supported() {
		if len(asked) == 0 {
			all = append(all, v.Minor)
		}
		all = append(all, asked[v.Minor]...)
	}
	for _, version := range all {
		if err := optionsFor(o, version).Validate(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// optionsFor are the options of the run on one version. Its cluster has a name of its
// own, so that no kept cluster of another version has to go for it.
func optionsFor(o options.Options, version string) options.Options {
	o.Kubernetes = version
	o.Name += "-" + strings.ReplaceAll(version, ".", "-")
	return o
}

// matrixResult is what became of one version.
type matrixResult struct {
	version string
	record  *reports.Record // nil when there is none
	verdict string
	reason  string
	took    time.Duration
}

// ranToItsEnd tells whether the specs came to their end: a record of a set-up that failed
// would only say of every claim that it became worse.
func (r matrixResult) ranToItsEnd() bool {
	return r.record != nil && r.record.Run.SetupError == "" && !r.record.Run.Interrupted
}

// Matrix runs on each version, shows and writes the comparison, and returns the
// worst exit code. A failing version does not stop the others; an
// interrupt, which the run itself sees to, does.
func Matrix(o options.Options, chosen []string) int { return matrix(o, chosen, In) }

// matrix is Matrix with any way to run on one version.
func matrix(o options.Options, chosen []string, in func(o options.Options, id, dir string) int) int {
	// Between two runs an interrupt would otherwise end podproof without the comparison.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if o.Seed == 0 {
		o.Seed = time.Now().Unix() // the same order on every version
	}
	id, dir, err := setup.NewRun(o)
	if err != nil {
		return Report(err)
	}
	code := 0
	var results []matrixResult
	for n, version := range chosen {
		if ctx.Err() != nil {
			code = reports.ExitInterrupted
		}
		if code == reports.ExitInterrupted {
			results = append(results, matrixResult{version: version, verdict: string(reports.NotRun), reason: "interrupted before its turn"})
			continue
		}
		fmt.Printf("\nKubernetes %s, version %d of %d\n", version, n+1, len(chosen))
		result := matrixResult{version: version}
		started, versionDir := time.Now(), filepath.Join(dir, version)
		if err := os.Mkdir(versionDir, 0o755); err != nil {
			code = reports.WorseExit(code, Report(err))
			result.verdict, result.reason = "no record", err.Error()
		} else {
			code = reports.WorseExit(code, in(optionsFor(o, version), id+"-"+version, versionDir))
			result.read(versionDir)
		}
		result.took = time.Since(started)
		results = append(results, result)
	}
	if err := concludeMatrix(os.Stdout, dir, results); err != nil {
		code = reports.WorseExit(code, Report(err))
	}
	return code
}

// read takes the verdict from the record that a run left.
func (r *matrixResult) read(dir string) {
	record, err := reports.Read(dir)
	if err != nil {
		r.verdict, r.reason = "no record", err.Error()
		return
	}
	r.record, r.verdict, r.reason = &record, string(record.Verdict), record.Reason
	if record.Run.Interrupted {
		r.verdict = "interrupted"
	}
}

// concludeMatrix prints a line for each version and the comparison with the newest one
// that was tested, and writes both as Markdown and the comparison as a page.
func concludeMatrix(out io.Writer, dir string, results []matrixResult) error {
	markdown := "## podproof: Kubernetes versions\n\n| version | verdict | took | |\n|---|---|---:|---|\n"
	fmt.Fprintln(out)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "VERSION\tVERDICT\tTOOK\t")
	var records []reports.Record
	for _, r := range results {
		took := r.took.Round(time.Second).String()
		reason, _, _ := strings.Cut(strings.TrimSpace(r.reason), "\n")
		reason = strings.TrimSuffix(reason, ":")
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", r.version, r.verdict, took, reason)
		markdown += fmt.Sprintf("| %s | %s | %s | %s |\n", r.version, r.verdict, took, text.EscapeMarkdown(reason))
		if r.ranToItsEnd() {
			records = append(records, *r.record)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out)
	files := map[string][]byte{}
	if len(records) > 1 {
		c := compare.Records(records)
		if err := c.Text(out); err != nil {
			return err
		}
		markdown += "\n" + string(c.Markdown())
		page, err := c.HTML()
		if err != nil {
			return err
		}
		files[matrixPage] = page
	} else {
		left := fmt.Sprintf("Nothing is compared: it takes two versions whose specs came to their end, and here are %d.\n", len(records))
		fmt.Fprint(out, left)
		markdown += "\n" + left
	}
	files[matrixMarkdown] = []byte(markdown)
	for name, data := range files {
		if err := reports.WriteFile(filepath.Join(dir, name), data); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(out, "\nresults: %s\n", dir)
	return err
}
