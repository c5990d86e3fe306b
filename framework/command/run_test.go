package command

import (
	"errors"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/framework/run"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/suites"
	"github.com/spf13/cobra"
)

func TestEveryClaimHasASpecAndEverySpecAClaim(t *testing.T) {
	g := NewWithT(t)
	specs, err := suites.Pods{}.Preview(options.Defaults())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(specs).NotTo(BeEmpty())
}

// told are the options of podproof run with these flags.
func told(args ...string) (o options.Options, err error) {
	cmd := &cobra.Command{Use: "run", Args: noArguments, SilenceErrors: true, SilenceUsage: true}
	flags := everyOption(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		o, err = flags.read(suites.Pods{})
		return err
	}
	parent := &cobra.Command{Use: "podproof"}
	parent.AddCommand(cmd)
	parent.SetFlagErrorFunc(wrongFlag)
	parent.SetArgs(append([]string{"run"}, args...))
	return o, errors.Join(parent.Execute())
}

func TestBadUsageIsFoundBeforeAnythingIsMade(t *testing.T) {
	for _, name := range []string{"KUBECONFIG", "PODPROOF_KUBECONFIG", "PODPROOF_FOCUS", "PODPROOF_PROFILE", "PODPROOF_K8S"} {
		t.Setenv(name, "")
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"unknown claim":                  {[]string{"--focus=BACKOF-02"}, `"BACKOF-02"; did you mean BACKOFF-02`},
		"pattern that matches nothing":   {[]string{"--focus=FOO-*"}, `"FOO-*"`},
		"claim that is only a law":       {[]string{"--focus=LAW-PHASE-KNOWN"}, "selects no spec"},
		"unknown profile":                {[]string{"--profile=fast"}, "profile \"fast\" is unknown"},
		"version that is too old":        {[]string{"--k8s=1.20"}, "older than the oldest supported version"},
		"version that is too new":        {[]string{"--k8s=1.99"}, "newer than the newest supported version"},
		"version that is none":           {[]string{"--k8s=latest"}, "latest"},
		"kubeconfig that is not there":   {[]string{"--kubeconfig=/absent/kubeconfig"}, "/absent/kubeconfig does not exist"},
		"unknown flag":                   {[]string{"--frobnicate"}, "-frobnicate"},
		"argument that is no flag":       {[]string{"quick"}, `unexpected argument "quick"`},
		"options file that is not there": {[]string{"--config=absent.yaml"}, "absent.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			_, err := told(c.args...)
			g.Expect(err).To(MatchError(ContainSubstring(c.want)))
			var usage *options.UsageError
			g.Expect(errors.As(err, &usage)).To(BeTrue(), "%v must be a usage error", err)
			g.Expect(run.Report(err)).To(Equal(reports.ExitUsage))
		})
	}
}

func TestGoodUsage(t *testing.T) {
	g := NewWithT(t)
	t.Setenv("KUBECONFIG", "")
	o, err := told("--focus=backoff-*", "--profile=quick", "--k8s=1.37", "--keep")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(o.Focus).To(Equal([]string{"backoff-*"}))
	g.Expect(o.Keep).To(BeTrue())
}

func TestWorseKeepsWhatSaysMore(t *testing.T) {
	g := NewWithT(t)
	g.Expect(reports.WorseExit(reports.ExitConformant, reports.ExitCouldNotTest)).To(Equal(reports.ExitCouldNotTest))
	g.Expect(reports.WorseExit(reports.ExitCouldNotTest, reports.ExitNonconformant)).To(Equal(reports.ExitNonconformant))
	g.Expect(reports.WorseExit(reports.ExitInterrupted, reports.ExitNonconformant)).To(Equal(reports.ExitInterrupted))
	g.Expect(reports.WorseExit(reports.ExitConformant, reports.ExitConformant)).To(Equal(reports.ExitConformant))
}

func TestBadUsageOfRBAC(t *testing.T) {
	g := NewWithT(t)
	for _, arg := range []string{"--namespaces=a,B", "--namespaces=a,a", "--serviceaccount=runner", "--everything", "a"} {
		g.Expect(podproof("rbac", arg)).To(Equal(reports.ExitUsage), arg)
	}
}
