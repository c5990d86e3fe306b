package command

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"

	"github.com/podproof/podproof/fixtures/mutants"
)

// workflow is what these tests read of a file under .github/workflows.
type workflow struct {
	Permissions map[string]string `json:"permissions"`
	Concurrency map[string]any    `json:"concurrency"`
	Jobs        map[string]job    `json:"jobs"`
}

type job struct {
	Needs    string            `json:"needs"`
	Timeout  int               `json:"timeout-minutes"`
	Env      map[string]string `json:"env"`
	Strategy struct {
		Matrix map[string]any `json:"matrix"`
	} `json:"strategy"`
	Steps []step `json:"steps"`
}

type step struct {
	If   string         `json:"if"`
	Uses string         `json:"uses"`
	Run  string         `json:"run"`
	With map[string]any `json:"with"`
}

func workflows(t *testing.T) map[string]workflow {
	t.Helper()
	g := NewWithT(t)
	paths, err := filepath.Glob(".github/workflows/*.yml")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(paths).NotTo(BeEmpty())
	all := map[string]workflow{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		g.Expect(err).NotTo(HaveOccurred())
		var w workflow
		g.Expect(yaml.Unmarshal(data, &w)).To(Succeed(), path)
		all[strings.TrimSuffix(filepath.Base(path), ".yml")] = w
	}
	return all
}

// inOrder gives the names of the jobs, each after the one that it needs.
func (w workflow) inOrder() []string {
	depth := func(name string) int {
		n := 0
		for ; w.Jobs[name].Needs != ""; name = w.Jobs[name].Needs {
			n++
		}
		return n
	}
	return slices.SortedFunc(maps.Keys(w.Jobs), func(a, b string) int {
		return cmp.Or(cmp.Compare(depth(a), depth(b)), cmp.Compare(a, b))
	})
}

// What actionlint does not look at.
func TestWorkflowsKeepTheRules(t *testing.T) {
	release := regexp.MustCompile(`^[\w-]+/[\w-]+@v\d+\.\d+\.\d+$`)
	module, err := os.ReadFile("go.mod")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	minor := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(module))[1]
	for name, w := range workflows(t) {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(w.Permissions).To(Equal(map[string]string{"contents": "read"}))
			g.Expect(w.Concurrency).To(HaveKey("group"))
			for name, job := range w.Jobs {
				g.Expect(job.Timeout).To(BeNumerically(">", 0), "timeout-minutes of %s", name)
				for _, s := range job.Steps {
					g.Expect(s.Run == "").NotTo(Equal(s.Uses == ""), "a step either runs or uses: %v", s)
					g.Expect(s.Run).NotTo(ContainSubstring("${{"), "what a step runs takes values from its environment")
					if s.Uses != "" {
						g.Expect(s.Uses).To(MatchRegexp(release.String()), "actions are pinned to a release")
					}
					if version, given := s.With["go-version"]; given {
						g.Expect(version).To(Equal(minor+".x"), "the minor of go.mod")
					}
				}
			}
		})
	}
}

func TestMutantsWorkflowKnowsEveryComponent(t *testing.T) {
	g := NewWithT(t)
	var want []any
	for _, component := range mutants.Components() {
		want = append(want, component)
	}
	g.Expect(workflows(t)["mutants"].Jobs["mutants"].Strategy.Matrix["component"]).To(ConsistOf(want...))
}

func TestJobsOfAWorkflowInOrder(t *testing.T) {
	g := NewWithT(t)
	nightly := workflows(t)["nightly"]
	g.Expect(nightly.inOrder()).To(Equal([]string{"versions", "full", "compare"}))
	r := &workflowRun{outputs: map[string]map[string]string{"versions": {"versions": `[{"minor":"1.37"},{"minor":"1.36"},{"minor":"1.35"}]`}}, values: 2}
	values, err := r.matrix(nightly.Jobs["full"])
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(values).To(HaveLen(2))
	g.Expect(r.expand(nightly.Jobs["full"].Env["K8S"], values[1])).To(Equal("1.36"))
	values, err = r.matrix(nightly.Jobs["compare"])
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(values).To(HaveLen(1), "a job without a matrix runs once")
}

func TestStepsOfAWorkflowAreRun(t *testing.T) {
	g := NewWithT(t)
	source := t.TempDir()
	for _, args := range [][]string{{"init", "--quiet"}, {"-c", "user.name=x", "-c", "user.email=x@x", "commit", "--quiet", "--allow-empty", "--message=x"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir = source
		g.Expect(cmd.Run()).To(Succeed())
	}
	r := &workflowRun{source: source, dir: t.TempDir(), outputs: map[string]map[string]string{}}
	values := map[string]any{"version": map[string]any{"minor": "1.37"}}
	upload := step{If: "always()", Uses: "actions/upload-artifact@v7.0.1", With: map[string]any{"name": "k-${{ matrix.version.minor }}", "path": "out"}}

	g.Expect(r.job(t, "make", job{Env: map[string]string{"K8S": "${{ matrix.version.minor }}"}, Steps: []step{
		{Uses: "actions/checkout@v7.0.1"},
		{Run: "mkdir -p out/run && echo $K8S > out/run/record\necho versions=[1] >> $GITHUB_OUTPUT"},
		{Run: "false | true"}, // must not pass
		{Run: "rm out/run/record"},
		upload,
	}}, values)).NotTo(Succeed())
	g.Expect(r.outputs["make"]).To(HaveKeyWithValue("versions", "[1]"))
	g.Expect(r.job(t, "take", job{Steps: []step{
		{Uses: "actions/download-artifact@v8.0.1", With: map[string]any{"pattern": "k-*", "path": "results"}},
		{Run: `test "$(cat results/k-1.37/run/record)" = 1.37`},
	}}, nil)).To(Succeed(), "what was uploaded after the step that failed")
}

// TestWorkflowSteps runs what the workflows named in PODPROOF_WORKFLOWS (such as
// nightly,mutants) run, job after job, each on a clean clone of the last commit. That
// takes hours, and makes clusters, so `make test` leaves it out:
//
//	PODPROOF_WORKFLOWS=pull-request,nightly,mutants go test -count=1 -timeout=0 -v -run WorkflowSteps ./framework/command
//
// Of a matrix it takes the first PODPROOF_WORKFLOWS_VALUES values, or two. Artifacts go
// from job to job through a directory; other actions do nothing. A narrower run is had by
// podproof's own variables, such as PODPROOF_FOCUS.
func TestWorkflowSteps(t *testing.T) {
	names := os.Getenv(workflowsVariable)
	if names == "" {
		t.Skip(workflowsVariable + " names no workflow")
	}
	values, err := strconv.Atoi(cmp.Or(os.Getenv("PODPROOF_WORKFLOWS_VALUES"), "2"))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	all := workflows(t)
	for name := range strings.SplitSeq(names, ",") {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(all).To(HaveKey(name))
			w := all[name]
			r := &workflowRun{source: ".", outputs: map[string]map[string]string{}, values: values, dir: t.TempDir()}
			g.Expect(r.prepare()).To(Succeed())
			for _, name := range w.inOrder() {
				job := w.Jobs[name]
				g.Expect(job.Steps).NotTo(BeEmpty(), "steps of job %s", name)
				matrix, err := r.matrix(job)
				g.Expect(err).NotTo(HaveOccurred())
				for _, values := range matrix {
					if err := r.job(t, name, job, values); err != nil {
						t.Errorf("job %s %v: %v", name, values, err)
					}
				}
			}
		})
	}
}

// workflowsVariable names the workflows that TestWorkflowSteps runs.
const workflowsVariable = "PODPROOF_WORKFLOWS"

// workflowRun runs the steps of one workflow.
type workflowRun struct {
	source  string // the repository
	dir     string // of clones, artifacts and what steps write for GitHub
	values  int    // of a matrix
	outputs map[string]map[string]string
}

// prepare makes sudo do nothing where there is none and nothing to do.
func (r *workflowRun) prepare() error {
	if _, err := exec.LookPath("sudo"); err == nil || os.Geteuid() != 0 {
		return nil
	}
	bin := filepath.Join(r.dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		return err
	}
	script := "#!/bin/sh\nwhile [ \"${1#-}\" != \"$1\" ]; do shift; done\nexec \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "sudo"), []byte(script), 0o755); err != nil {
		return err
	}
	return os.Setenv("PATH", bin+":"+os.Getenv("PATH"))
}

var (
	matrixExpression = regexp.MustCompile(`\$\{\{ matrix\.([\w.]+) \}\}`)
	outputExpression = regexp.MustCompile(`^\$\{\{ fromJSON\(needs\.(\w+)\.outputs\.(\w+)\) \}\}$`)
)

// matrix gives the values with which a job runs; of one dimension, as ours have it.
func (r *workflowRun) matrix(j job) ([]map[string]any, error) {
	if len(j.Strategy.Matrix) == 0 {
		return []map[string]any{nil}, nil
	}
	var all []map[string]any
	for name, given := range j.Strategy.Matrix {
		values, listed := given.([]any)
		if m := outputExpression.FindStringSubmatch(fmt.Sprint(given)); !listed && m != nil {
			if err := json.Unmarshal([]byte(r.outputs[m[1]][m[2]]), &values); err != nil {
				return nil, fmt.Errorf("output %s of job %s: %w", m[2], m[1], err)
			}
		}
		for _, value := range values[:min(r.values, len(values))] {
			all = append(all, map[string]any{name: value})
		}
	}
	return all, nil
}

// expand replaces the expressions on the matrix, the only ones that our steps' values
// have.
func (r *workflowRun) expand(text string, matrix map[string]any) string {
	return matrixExpression.ReplaceAllStringFunc(text, func(expression string) string {
		var value any = matrix
		for key := range strings.SplitSeq(matrixExpression.FindStringSubmatch(expression)[1], ".") {
			object, _ := value.(map[string]any)
			value = object[key]
		}
		return fmt.Sprint(value)
	})
}

// job runs the steps of a job; after one that failed only those that always run.
func (r *workflowRun) job(t *testing.T, name string, j job, matrix map[string]any) error {
	clone, err := os.MkdirTemp(r.dir, name+"-")
	if err != nil {
		return err
	}
	if out, err := exec.Command("git", "clone", "--quiet", r.source, clone).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	output := filepath.Join(r.dir, name+".output")
	// Without the name of the workflow: `make test` is one of the steps.
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, workflowsVariable+"=") })
	env = append(env, "CI=true", "GITHUB_OUTPUT="+output, "GITHUB_STEP_SUMMARY="+filepath.Join(r.dir, "summary.md"))
	for variable, value := range j.Env {
		env = append(env, variable+"="+r.expand(value, matrix))
	}
	var failed error
	for _, s := range j.Steps {
		if failed != nil && s.If != "always()" {
			continue
		}
		action, _, _ := strings.Cut(s.Uses, "@")
		with := func(input string) string { return r.expand(fmt.Sprint(s.With[input]), matrix) }
		switch action {
		case "":
			t.Logf("%s %v: %s", name, matrix, s.Run)
			cmd := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", s.Run)
			cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = clone, env, os.Stdout, os.Stderr
			err = cmd.Run()
		case "actions/upload-artifact":
			err = copyAll(filepath.Join(r.dir, "artifacts", with("name")), clone, strings.Fields(with("path"))...)
		case "actions/download-artifact":
			err = copyAll(filepath.Join(clone, with("path")), filepath.Join(r.dir, "artifacts"), with("pattern"))
		}
		if failed = cmp.Or(failed, err); err != nil {
			t.Logf("%s %v: %v", name, matrix, err)
		}
	}
	data, _ := os.ReadFile(output) // which most jobs do not write
	for line := range bytes.Lines(data) {
		if key, value, found := strings.Cut(strings.TrimSpace(string(line)), "="); found {
			if r.outputs[name] == nil {
				r.outputs[name] = map[string]string{}
			}
			r.outputs[name][key] = value
		}
	}
	return failed
}

// copyAll copies what the patterns match in the directory from, the content of a single
// directory, as artifacts are packed.
func copyAll(to, from string, patterns ...string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, pattern := range patterns {
		paths, err := filepath.Glob(filepath.Join(from, pattern))
		if err != nil {
			return err
		}
		for _, path := range paths {
			source := path
			if info, err := os.Stat(path); err == nil && info.IsDir() && path == filepath.Join(from, pattern) {
				source += "/."
			}
			if out, err := exec.Command("cp", "--recursive", source, to).CombinedOutput(); err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
		}
	}
	return nil
}
