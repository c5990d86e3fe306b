package options_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/options"
)

func env(pairs map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := pairs[name]
		return v, ok
	}
}

func TestLaterSourceWins(t *testing.T) {
	g := NewWithT(t)
	file := filepath.Join(t.TempDir(), "podproof.yaml")
	g.Expect(os.WriteFile(file, []byte("profile: quick\nprocs: 3\nworkers: 1\n"), 0o600)).To(Succeed())

	o, err := options.Source{
		File:   file,
		Lookup: env(map[string]string{"PODPROOF_PROCS": "5", "PODPROOF_FOCUS": "NET-01, BACKOFF-*", "PODPROOF_KEEP": "1"}),
		Given:  []options.Value{{Flag: "workers", Text: "4"}},
	}.Over(options.Defaults())
	g.Expect(err).NotTo(HaveOccurred())

	g.Expect(o.Profile).To(Equal("quick"), "from the file")
	g.Expect(o.Procs).To(Equal(5), "the environment beats the file")
	g.Expect(o.Workers).To(Equal(4), "a flag beats the file")
	g.Expect(o.Focus).To(Equal([]string{"NET-01", "BACKOFF-*"}))
	g.Expect(o.Keep).To(BeTrue())
	g.Expect(o.Validate()).To(Succeed())
}

func TestOwnEnvironmentNameBeatsTheShortOne(t *testing.T) {
	g := NewWithT(t)
	o, err := options.Source{Lookup: env(map[string]string{"PODPROOF_KUBECONFIG": "/a", "KUBECONFIG": "/b"})}.Over(options.Defaults())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(o.Kubeconfig).To(Equal("/a"))
}

func TestBadInputSaysWhatAndWhere(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("profil: quick\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file string
		env  map[string]string
		want string
	}{
		"unknown key in the file":       {file: bad, want: `unknown field "profil"`},
		"file that is not there":        {file: "absent.yaml", want: "absent.yaml"},
		"number that is none":           {env: map[string]string{"PODPROOF_PROCS": "many"}, want: `PROCS="many": not a whole number`},
		"unknown profile":               {env: map[string]string{"PODPROOF_PROFILE": "quik"}, want: `profile "quik" is unknown; the profiles are quick and full`},
		"unknown provider":              {env: map[string]string{"PODPROOF_PROVIDER": "lxc"}, want: `provider "lxc" is unknown`},
		"version of a cluster not ours": {env: map[string]string{"KUBECONFIG": "/k", "PODPROOF_K8S": "1.37"}, want: "contradict"},
		"context without kubeconfig":    {env: map[string]string{"PODPROOF_CONTEXT": "prod"}, want: "without a kubeconfig"},
		"namespaces without kubeconfig": {env: map[string]string{"PODPROOF_NAMESPACES": "a,b"}, want: "namespaces a,b are given without a kubeconfig"},
		"selector without kubeconfig":   {env: map[string]string{"PODPROOF_NODE_SELECTOR": "pool=tests"}, want: "a node selector is given without a kubeconfig"},
		"witness without kubeconfig":    {env: map[string]string{"PODPROOF_WITNESS": "r.test/w:1"}, want: `witness "r.test/w:1" is given without a kubeconfig`},
		"twin without witness":          {env: map[string]string{"KUBECONFIG": "/k", "PODPROOF_WITNESS_TWIN": "r.test/w:1"}, want: "without a witness"},
		"namespace that is none":        {env: map[string]string{"KUBECONFIG": "/k", "PODPROOF_NAMESPACES": "a,B"}, want: `"B" is no name of a namespace`},
		"namespace twice":               {env: map[string]string{"KUBECONFIG": "/k", "PODPROOF_NAMESPACES": "a,a"}, want: "a is named twice"},
		"selector that is none":         {env: map[string]string{"KUBECONFIG": "/k", "PODPROOF_NODE_SELECTOR": "pool"}, want: "write KEY=VALUE"},
		"no process":                    {env: map[string]string{"PODPROOF_PROCS": "0"}, want: "procs is 0"},
		"somebody else's cluster name":  {env: map[string]string{"PODPROOF_NAME": "kind"}, want: "must be podproof or start with podproof-"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			o, err := options.Source{File: c.file, Lookup: env(c.env)}.Over(options.Defaults())
			if err == nil {
				err = o.Validate()
			}
			g.Expect(err).To(MatchError(ContainSubstring(c.want)))
			var usage *options.UsageError
			g.Expect(errors.As(err, &usage)).To(BeTrue(), "must be a usage error")
		})
	}
}

func TestOptionsOfAnExistingCluster(t *testing.T) {
	g := NewWithT(t)
	o, err := options.Source{Lookup: env(map[string]string{"KUBECONFIG": "/k", "PODPROOF_NAMESPACES": "a, b", "PODPROOF_NODE_SELECTOR": "pool=tests,disk=", "PODPROOF_WITNESS": "r.test/w:1"})}.Over(options.Defaults())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(o.Validate()).To(Succeed())
	g.Expect(o.Namespaces).To(Equal([]string{"a", "b"}))
	g.Expect(o.NodeSelector).To(Equal(map[string]string{"pool": "tests", "disk": ""}))
	g.Expect(o.Processes()).To(Equal(2), "each process has a namespace")
	o.Procs = 1
	g.Expect(o.Processes()).To(Equal(1), "fewer may be asked for")
	o.Namespaces, o.Procs = nil, 8
	g.Expect(o.Processes()).To(Equal(8))
}

func TestBadFlagIsRefused(t *testing.T) {
	g := NewWithT(t)
	g.Expect(options.Value{Flag: "procs", Text: "x"}.Check()).To(MatchError("not a whole number"))
	g.Expect(options.Value{Flag: "procs", Text: "2"}.Check()).To(Succeed())
	g.Expect(options.Value{Flag: "prox", Text: "2"}.Check()).NotTo(Succeed())
}

// An option is one field with its tags: what is missing there is missing everywhere.
func TestEveryFieldIsAnOption(t *testing.T) {
	g := NewWithT(t)
	flags := options.Flags()
	g.Expect(flags).To(HaveLen(reflect.TypeFor[options.Options]().NumField()))
	for _, f := range flags {
		g.Expect(f.Name).To(MatchRegexp("^[a-z0-9-]+$"))
		g.Expect(f.Usage).NotTo(BeEmpty(), f.Name)
		g.Expect(options.Groups).To(ContainElement(f.Group), f.Name)
		g.Expect(f.Value == "").To(Equal(f.Switch), f.Name)
		text := map[bool]string{true: "1", false: "2"}[f.Switch]
		if f.Name == "node-selector" {
			text = "a=b"
		}
		g.Expect(options.Value{Flag: f.Name, Text: text}.Check()).To(Succeed(), f.Name)
	}
}

func TestWhatIsLeftOutIsTakenFromOthers(t *testing.T) {
	g := NewWithT(t)
	g.Expect(options.Options{}.Over(options.Defaults())).To(Equal(options.Defaults()))
	given := options.Options{Kubeconfig: "/k", Profile: options.Quick, Procs: 2}
	g.Expect(given.Over(options.Options{Profile: options.Full, Kubernetes: "1.37", Procs: 8, Workers: 2})).To(
		Equal(options.Options{Kubeconfig: "/k", Profile: options.Quick, Procs: 2, Workers: 2}), "what is given stays, and an existing cluster has its version")
}
