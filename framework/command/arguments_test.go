package command

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/reports"
	"github.com/spf13/cobra"
)

// said runs podproof in a process of its own and returns what it prints and its exit code.
func said(t *testing.T, args ...string) (string, int) {
	t.Helper()
	cmd := exec.Command(filepath.Join(installed(t), "podproof"), args...)
	cmd.Env = append(os.Environ(), asPodproof+"=1")
	out, _ := cmd.CombinedOutput()
	return string(out), cmd.ProcessState.ExitCode()
}

func TestWhatIsMisspeltIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"a command":             {[]string{"rn"}, `unknown command "rn"; did you mean run?`},
		"a command of nothing":  {[]string{"xyzzy"}, `unknown command "xyzzy"; podproof --help lists the commands`},
		"a flag":                {[]string{"run", "--profil=quick"}, "unknown flag: --profil; did you mean --profile?"},
		"a flag with one dash":  {[]string{"run", "-profile=quick"}, "did you mean --profile?"},
		"a flag of nothing":     {[]string{"run", "--frobnicate"}, "unknown flag: --frobnicate; podproof run --help lists the flags"},
		"a value":               {[]string{"run", "--procs=many"}, "not a whole number"},
		"an argument too many":  {[]string{"run", "quick"}, `unexpected argument "quick"; podproof run --help lists the flags`},
		"nothing at all":        {nil, "Run the specs:"},
		"a form of a list":      {[]string{"versions", "--format=yaml"}, `format "yaml" is unknown; the formats are table and json`},
		"a record too few":      {[]string{"compare", "a"}, "compare needs at least two records, and was given 1"},
		"an unknown claim":      {[]string{"run", "--focus=BACKOF-02"}, "did you mean BACKOFF-02"},
		"a flag without value":  {[]string{"run", "--profile"}, "flag needs an argument: --profile"},
		"an empty value":        {[]string{"run", "--failed="}, "--failed is empty: give it a value, or leave it out"},
		"rights for nothing":    {[]string{"rbac", "--namespaces=,"}, "--namespaces is empty"},
		"help of what is not":   {[]string{"help", "rnu"}, `unknown command "rnu"; did you mean run?`},
		"two kinds of list":     {[]string{"mutants", "--list", "--check"}, "exclude each other"},
		"a number that is none": {[]string{"mutants", "--every=x"}, `invalid argument "x" for "--every" flag: not a whole number`},
		"results that are none": {[]string{"fleet", "go.mod"}, "it contains no results of nodes"},
		"a switch with a value": {[]string{"run", "--keep=maybe"}, "neither 1 nor 0"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			text, code := said(t, c.args...)
			g.Expect(text).To(ContainSubstring(c.want))
			g.Expect(code).To(Equal(reports.ExitUsage))
		})
	}
}

func TestHelpShowsFlagsAsTheyAreWritten(t *testing.T) {
	g := NewWithT(t)
	text, code := said(t, "run", "--help")
	g.Expect(code).To(BeZero())
	for _, want := range []string{"Examples:", "What runs:", "An existing cluster:", "--k8s VERSION", "--keep ", "PODPROOF_NODE_IMAGE for --node-image"} {
		g.Expect(text).To(ContainSubstring(want))
	}
	g.Expect(text).NotTo(MatchRegexp(`(^| )-[a-z]+=`))
	text, code = said(t, "--help")
	g.Expect(code).To(BeZero())
	g.Expect(text).To(And(ContainSubstring("Use results:"), ContainSubstring("  compare"), Not(ContainSubstring("ginkgo"))))
}

// Make passes its variables on in the environment: `make rbac NAMESPACES=a,b` is
// `podproof rbac --namespaces=a,b`.
func TestVariablesOfMakeAreFlags(t *testing.T) {
	g := NewWithT(t)
	t.Setenv(makeSays, "")
	t.Setenv("NAMESPACES", "a,B")
	text, code := said(t, "rbac")
	g.Expect(code).To(BeZero(), text)
	t.Setenv(makeSays, "make NAMESPACES")
	text, code = said(t, "rbac")
	g.Expect(code).To(Equal(reports.ExitUsage))
	g.Expect(text).To(ContainSubstring(`"B" is no name of a namespace`))
	text, code = said(t, "rbac", "--namespaces=a")
	g.Expect(code).To(BeZero(), "a flag beats a variable: %s", text)

	t.Setenv(makeSays, "make")
	t.Setenv("NAMESPACES", "")
	t.Setenv("PROCS", "many")
	text, code = said(t, "run")
	g.Expect(code).To(Equal(reports.ExitUsage))
	g.Expect(text).To(ContainSubstring("PROCS=many: not a whole number"))
	t.Setenv("PROCS", "")
	t.Setenv("NAME", "not ours") // as the Windows Subsystem for Linux sets it
	t.Setenv("FOCUS", "NONE-*")
	text, _ = said(t, "run")
	g.Expect(text).To(And(ContainSubstring("NONE-*"), Not(ContainSubstring("not ours"))))

	t.Setenv(makeSays, "make MUTANT")
	t.Setenv("MUTANT", "")
	cmd := &cobra.Command{}
	cmd.Flags().String("mutant", "", "")
	g.Expect(fromMake(cmd)).To(Succeed())
	_, code = said(t, "rbac")
	g.Expect(code).To(BeZero(), "what podproof starts was not started by make")

	t.Setenv(makeSays, " ")
	_, code = said(t, "rbac")
	g.Expect(code).To(BeZero(), "a blank says that make did not start it")
	t.Setenv(makeSays, "make HELP")
	_, code = said(t, "rbac")
	g.Expect(code).To(Equal(reports.ExitUsage))
	t.Setenv(makeSays, "make PROFIL")
	text, code = said(t, "run")
	g.Expect(code).To(Equal(reports.ExitUsage))
	g.Expect(text).To(ContainSubstring("PROFIL is not a setting of this target; did you mean PROFILE?"))
}
