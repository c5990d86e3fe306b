package command

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/suites"
)

// bashCompletion is what cobra's script needs of the package bash-completion, for
// machines without it: the words of the line, which the test gives unbroken.
const bashCompletion = `
_get_comp_words_by_ref() {
	cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
}
`

// asPodproof makes the test binary podproof where a test starts it under that name. Under
// its own name, podproof.test, it would be the suite, and make a cluster.
const asPodproof = "PODPROOF_TEST_AS_COMMAND"

// installed is a directory in which the test binary is there as podproof.
func installed(t *testing.T) (dir string) {
	t.Helper()
	self, err := os.Executable()
	if err == nil {
		dir = t.TempDir()
		err = os.Symlink(self, filepath.Join(dir, "podproof"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// typed completes a command line in a real bash and returns what it offers.
func typed(t *testing.T, words ...string) []string {
	t.Helper()
	g := NewWithT(t)
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash here")
	}
	dir := installed(t)
	script := bashCompletion + `
source <(podproof completion bash) || exit 1
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_TYPE=63
COMP_POINT=${#COMP_LINE}
compopt() { :; } # it only works while a person types
# The function that the script gave bash for podproof.
function=$(complete -p podproof | sed 's/.* -F \([^ ]*\).*/\1/')
$function
printf '%s\n' "${COMPREPLY[@]}"
`
	cmd := exec.Command(bash, append([]string{"--norc", "--noprofile", "-c", script, "bash", "podproof"}, words...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), asPodproof+"=1", "COLUMNS=200")
	out, err := cmd.CombinedOutput()
	g.Expect(err).NotTo(HaveOccurred(), string(out))
	var offered []string
	for line := range strings.Lines(string(out)) {
		// A word, and what it means in parentheses.
		if word, _, _ := strings.Cut(strings.TrimSpace(line), " "); word != "" {
			offered = append(offered, word)
		}
	}
	return offered
}

func TestBashCompletes(t *testing.T) {
	for name, c := range map[string]struct {
		words    []string
		want     []string // among others
		unwanted []string
	}{
		"commands":                  {[]string{""}, []string{"run", "mutants", "completion"}, []string{"ginkgo"}},
		"the start of a command":    {[]string{"mu"}, []string{"mutants"}, []string{"run"}},
		"flags":                     {[]string{"run", "--"}, []string{"--focus", "--keep", "--profile"}, []string{"--mutant"}},
		"flags of another command":  {[]string{"mutants", "--mu"}, []string{"--mutant"}, []string{"--focus"}},
		"a claim":                   {[]string{"run", "--focus", "RESTART-0"}, []string{"RESTART-01", "RESTART-02"}, []string{"NET-01"}},
		"a claim after an equals":   {[]string{"run", "--focus=RESTART-0"}, []string{"RESTART-01"}, []string{"NET-01"}},
		"one more claim":            {[]string{"run", "--focus", "NET-01,RESTART-0"}, []string{"NET-01,RESTART-01"}, []string{"RESTART-01"}},
		"a mutant":                  {[]string{"mutants", "--mutant", "backoff-"}, []string{"backoff-"}, nil},
		"a profile":                 {[]string{"run", "--profile", ""}, []string{"quick", "full"}, nil},
		"a version":                 {[]string{"images", "--k8s", "1.3"}, []string{"1.37", "1.32"}, nil},
		"a format of this command":  {[]string{"list", "--format", ""}, []string{"markdown"}, nil},
		"a format of another one":   {[]string{"images", "--format", ""}, []string{"table", "json"}, []string{"markdown"}},
		"a shell":                   {[]string{"completion", ""}, []string{"bash", "zsh", "fish"}, nil},
		"nothing where nothing may": {[]string{"run", ""}, nil, []string{"run", "podproof"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			offered := typed(t, c.words...)
			for _, want := range c.want {
				g.Expect(offered).To(ContainElement(HavePrefix(want)))
			}
			for _, unwanted := range c.unwanted {
				g.Expect(offered).NotTo(ContainElement(unwanted))
			}
		})
	}
}

// Zsh and fish read their scripts where they are installed.
func TestOtherShellsReadTheirScripts(t *testing.T) {
	dir := installed(t)
	for _, shell := range shells {
		t.Run(shell, func(t *testing.T) {
			g := NewWithT(t)
			cmd := exec.Command(filepath.Join(dir, "podproof"), "completion", shell)
			cmd.Env = append(os.Environ(), asPodproof+"=1")
			script, err := cmd.Output()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(string(script)).To(ContainSubstring("podproof"))
			path, err := exec.LookPath(shell)
			if err != nil {
				t.Skipf("there is no %s here", shell)
			}
			file := filepath.Join(t.TempDir(), "script")
			g.Expect(os.WriteFile(file, script, 0o600)).To(Succeed())
			out, err := exec.Command(path, "-n", file).CombinedOutput()
			g.Expect(err).NotTo(HaveOccurred(), string(out))
		})
	}
}

func TestCompletionUsage(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want int
	}{
		"no shell": {nil, 2}, "two shells": {[]string{"bash", "zsh"}, 2}, "another shell": {[]string{"tcsh"}, 2}, "help": {[]string{"-h"}, 0},
	} {
		NewWithT(t).Expect(podproof(append([]string{"completion"}, c.args...)...)).To(Equal(c.want), name)
	}
}

func TestEveryCommandHelps(t *testing.T) {
	dir := installed(t)
	for _, c := range newRoot(suites.Pods{}).Commands() {
		if c.Hidden {
			continue
		}
		t.Run(c.Name(), func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(c.GroupID).NotTo(BeEmpty())
			g.Expect(c.Example).To(HavePrefix("  "), "the example that --help shows")
			cmd := exec.Command(filepath.Join(dir, "podproof"), c.Name(), "-h")
			cmd.Env = append(os.Environ(), asPodproof+"=1")
			out, err := cmd.CombinedOutput()
			g.Expect(err).NotTo(HaveOccurred(), string(out))
			g.Expect(string(out)).To(And(ContainSubstring("podproof "+c.Name()), ContainSubstring("Examples:")))
			g.Expect(string(out)).NotTo(ContainSubstring("panic"))
		})
	}
}
