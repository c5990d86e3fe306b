package run

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/fixtures/versions"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/files"
)

func TestMatrixRunsOnAllVersionsNewestFirst(t *testing.T) {
	g := NewWithT(t)
	all, err := MatrixVersions(options.Defaults())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(all).To(HaveLen(len(versions.Supported())))
	g.Expect(all[0]).To(Equal(versions.Supported()[0].Minor))

	o := options.Defaults()
	o.Kubernetes = "1.34, v1.37.2,1.36,1.37"
	all, err = MatrixVersions(o)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(all).To(Equal([]string{"1.37.2", "1.37", "1.36", "1.34"}))
	one := optionsFor(o, "1.37.2")
	g.Expect(one.Kubernetes).To(Equal("1.37.2"))
	g.Expect(one.Name).To(Equal("podproof-1-37-2"))
}

func TestMatrixSaysWhatContradictsIt(t *testing.T) {
	for want, change := range map[string]func(*options.Options){
		"never on the one of KUBECONFIG": func(o *options.Options) { o.Kubeconfig = "/k" },
		"is of one version":              func(o *options.Options) { o.NodeImage = "kindest/node:v1.37.0" },
		"repeat is 3":                    func(o *options.Options) { o.Repeat = 3 },
		"named twice":                    func(o *options.Options) { o.Kubernetes = "1.37,1.36,1.37" },
		"older than the oldest":          func(o *options.Options) { o.Kubernetes = "1.37,1.20" },
		"is not usable":                  func(o *options.Options) { o.Name = "podproof-" + strings.Repeat("x", 30) },
	} {
		t.Run(want, func(t *testing.T) {
			g := NewWithT(t)
			o := options.Defaults()
			change(&o)
			_, err := MatrixVersions(o)
			g.Expect(err).To(MatchError(ContainSubstring(want)))
			var usage *options.UsageError
			g.Expect(errors.As(err, &usage)).To(BeTrue())
		})
	}
}

// recorded is a launch that leaves a record as the version has it in the table.
func recorded(t *testing.T, launched *[]options.Options, ends map[string]reports.Record) func(options.Options, string, string) int {
	return func(o options.Options, id, dir string) int {
		*launched = append(*launched, o)
		record, known := ends[o.Kubernetes]
		if !known {
			return reports.ExitCouldNotTest // it did not even come to a record
		}
		record.Run.ID = id
		NewWithT(t).Expect(files.Write(dir, record)).To(Succeed())
		return record.ExitCode
	}
}

func ended(state reports.State, version string) reports.Record {
	spec := reports.Spec{Text: "x", Claims: []string{"NET-02"}, State: state, Failure: reports.ClusterFailure, Message: "because"}
	record := reports.New(claims.All(), reports.Run{Profile: "full"}, []reports.Spec{spec}, nil)
	record.Cluster = &reports.Cluster{Name: "c", ServerVersion: version}
	return record
}

func notSetUp(run reports.Run) reports.Record {
	return reports.New(claims.All(), run, nil, nil)
}

func TestAVersionThatFailsKeepsNoOtherFromItsTurn(t *testing.T) {
	g := NewWithT(t)
	o := options.Defaults()
	o.Out = t.TempDir()
	var launched []options.Options
	code := matrix(o, []string{"1.37", "1.36", "1.35", "1.34", "1.33"}, recorded(t, &launched, map[string]reports.Record{
		"1.37": ended(reports.Passed, "v1.37.2"),
		"1.36": notSetUp(reports.Run{SetupError: "the node image could not be built:\nno space"}),
		// nothing is left of 1.35
		"1.34": ended(reports.Failed, "v1.34.4"),
		"1.33": ended(reports.Passed, "v1.33.13"),
	}))
	g.Expect(code).To(Equal(reports.ExitNonconformant), "the worst of all")
	g.Expect(launched).To(HaveLen(5))
	g.Expect(launched[4].Name).To(Equal("podproof-1-33"))
	g.Expect(launched[0].Seed).To(And(Not(BeZero()), Equal(launched[4].Seed)))

	dirs, err := filepath.Glob(filepath.Join(o.Out, "*"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(dirs).To(HaveLen(1))
	g.Expect(filepath.Join(dirs[0], "1.34", reports.RecordFile)).To(BeAnExistingFile())
	markdown, err := os.ReadFile(filepath.Join(dirs[0], matrixMarkdown))
	g.Expect(err).NotTo(HaveOccurred())
	for _, want := range []string{
		`\| 1\.37 \| conformant \|`,
		`\| 1\.36 \| [^|]+ \| 0s \| [^|]*the node image could not be built`,
		`\| 1\.35 \| no record \|`,
		`\| 1\.34 \| nonconformant \|`,
		`\| 1 \| v1\.37\.2 on c \|`,
		`\| 2 \| v1\.34\.4 on c \|`, // those without specs are not compared
		`\| 3 \| v1\.33\.13 on c \|`,
		`\| worse \| \*\*NET-02\*\*`,
	} {
		g.Expect(string(markdown)).To(MatchRegexp(want))
	}
	page, err := os.ReadFile(filepath.Join(dirs[0], matrixPage))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(page)).To(HavePrefix("<!DOCTYPE html>"))
}

func TestAnInterruptStopsTheMatrix(t *testing.T) {
	g := NewWithT(t)
	o := options.Defaults()
	o.Out = t.TempDir()
	var launched []options.Options
	code := matrix(o, []string{"1.37", "1.36", "1.35"}, recorded(t, &launched, map[string]reports.Record{
		"1.37": ended(reports.Passed, "v1.37.2"),
		"1.36": notSetUp(reports.Run{Interrupted: true}),
	}))
	g.Expect(code).To(Equal(reports.ExitInterrupted))
	g.Expect(launched).To(HaveLen(2))
	markdown, err := filepath.Glob(filepath.Join(o.Out, "*", matrixMarkdown))
	g.Expect(err).NotTo(HaveOccurred())
	data, err := os.ReadFile(markdown[0])
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(data)).To(And(ContainSubstring("| 1.36 | interrupted | 0s |"), ContainSubstring("| 1.35 | not run | 0s | interrupted before its turn |"), ContainSubstring("Nothing is compared")))
}

func TestMatrixSummaryInTheTerminal(t *testing.T) {
	g := NewWithT(t)
	first, second := ended(reports.Passed, "v1.37.2"), ended(reports.Failed, "v1.36.3")
	var out bytes.Buffer
	g.Expect(concludeMatrix(&out, t.TempDir(), []matrixResult{
		{version: "1.37", record: &first, verdict: "conformant", reason: "all as documented", took: 62e9},
		{version: "1.36", record: &second, verdict: "nonconformant", reason: "one is not\nas documented"},
	})).To(Succeed())
	g.Expect(out.String()).To(MatchRegexp(`(?m)^1\.37 +conformant +1m2s +all as documented$`))
	g.Expect(out.String()).To(MatchRegexp(`(?m)^1\.36 +nonconformant +0s +one is not$`))
	g.Expect(out.String()).To(MatchRegexp(`(?m)NET-02 +conformant in 1, nonconformant in 2`))
	g.Expect(concludeMatrix(&out, filepath.Join(t.TempDir(), "absent"), nil)).NotTo(Succeed())
}
