// Package options holds the settings of a run, in one struct that the command,
// `go test` and importers share. A value comes from the defaults, then a YAML
// file, then the environment, then a flag: the later wins.
package options

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"
)

// Profiles that a run can have.
const (
	// Quick is every spec whose inherent wait is at most about a minute.
	Quick = "quick"
	// Full is every spec.
	Full = "full"
)

// Providers are the container engines that a kind cluster can be made with.
var Providers = []string{"docker", "podman", "nerdctl"}

// GroupRun is the heading in --help of the options that say how a run goes.
const GroupRun = "How it runs"

// Groups are the headings under which --help lists the options, in this order.
var Groups = []string{"What runs", "A kind cluster, which podproof makes", "An existing cluster", GroupRun}

// Options are all settings of a run. The zero value is not valid; start from Defaults.
//
// A new option is one field here. Its tags, which field explains, are all that the
// command line with its completion, Make, the environment, options files, and the Job
// and plugin manifests know of it; its JSON name is the one in options files and records.
type Options struct {
	// Profile is Quick or Full.
	Profile string `json:"profile" flag:"profile" group:"What runs" takes:"quick,full" job:"yes" value:"PROFILE" usage:"quick or full"`
	// Focus selects claims by ID or pattern; empty selects all claims of the profile.
	Focus []string `json:"focus,omitempty" flag:"focus" group:"What runs" takes:"claims" job:"yes" value:"CLAIMS" usage:"only these claims: IDs or patterns, separated by commas, such as RESTART-03,BACKOFF-*"`
	// Failed is the record of an earlier run, or its directory: only the claims that
	// failed in it run. See setup.ReadOptions.
	Failed string `json:"failed,omitempty" flag:"failed" group:"What runs" value:"RECORD" usage:"only the claims that failed in this record (a run's directory, its record.json, or the log of a pod), on the version and with the profile of its run"`
	// Randomize shuffles all specs, not only their containers. The longest still start
	// first.
	Randomize bool `json:"randomize,omitempty" flag:"randomize" group:"What runs" job:"yes" usage:"shuffle all specs"`
	// Seed is the seed of the random order; 0 takes one from the clock.
	Seed int64 `json:"seed,omitempty" flag:"seed" group:"What runs" job:"yes" value:"NUMBER" usage:"seed of the random order (default: from the clock)"`
	// Repeat is how many times the specs run, with a record each.
	Repeat int `json:"repeat" flag:"repeat" group:"What runs" value:"NUMBER" usage:"how many times the specs run"`

	// Kubernetes is the version of the kind cluster to make: a minor such as "1.37" or an
	// exact "1.37.2". Empty is the newest supported one.
	Kubernetes string `json:"kubernetes,omitempty" flag:"k8s" group:"A kind cluster, which podproof makes" takes:"versions" value:"VERSION" usage:"Kubernetes version, such as 1.37 or 1.37.2 (default: the newest supported)"`
	// NodeImage is the kind node image to use; empty lets podproof find, pull or build one
	// for the Kubernetes version.
	NodeImage string `json:"nodeImage,omitempty" flag:"node-image" group:"A kind cluster, which podproof makes" value:"IMAGE" usage:"kind node image to use"`
	// Provider is the container engine, one of Providers. Empty takes the first that
	// answers.
	Provider string `json:"provider,omitempty" flag:"provider" group:"A kind cluster, which podproof makes" takes:"docker,podman,nerdctl" value:"ENGINE" usage:"container engine: docker, podman or nerdctl (default: the first that answers)"`
	// Name is the name of the kind cluster.
	Name string `json:"name" flag:"name" group:"A kind cluster, which podproof makes" make:"no" value:"NAME" usage:"name of the cluster"`
	// Workers is the number of worker nodes beside the control plane.
	Workers int `json:"workers" flag:"workers" group:"A kind cluster, which podproof makes" value:"NUMBER" usage:"worker nodes beside the control plane"`
	// Keep leaves the cluster running, for the next run to use again.
	Keep bool `json:"keep,omitempty" flag:"keep" group:"A kind cluster, which podproof makes" usage:"keep the cluster for the next run"`
	// Offline never tries to pull an image.
	Offline bool `json:"offline,omitempty" flag:"offline" group:"A kind cluster, which podproof makes" usage:"never try to pull an image"`

	// Kubeconfig, when set, names an existing cluster to run on: podproof creates nothing
	// there outside namespaces of the run's own.
	Kubeconfig string `json:"kubeconfig,omitempty" flag:"kubeconfig" env:"KUBECONFIG" group:"An existing cluster" make:"no" value:"FILE" usage:"run on the cluster of this kubeconfig, in namespaces of the run's own (also KUBECONFIG)"`
	// Context is the kubeconfig context; empty is the current one.
	Context string `json:"context,omitempty" flag:"context" group:"An existing cluster" value:"CONTEXT" usage:"context of the kubeconfig (default: the current one)"`
	// InCluster says that podproof runs in a pod and tests that pod's cluster, with the
	// pod's service account: an existing cluster without a kubeconfig.
	InCluster bool `json:"inCluster,omitempty" flag:"in-cluster" group:"An existing cluster" make:"no" usage:"in a pod: run on the cluster of the pod, as its service account, and end the log with the record"`
	// Namespaces, when set, are the existing namespaces to which the run is confined: it
	// makes none, and asks for nothing outside them. Each test process has one of them.
	Namespaces []string `json:"namespaces,omitempty" flag:"namespaces" group:"An existing cluster" job:"yes" value:"NAMESPACES" usage:"run in these existing namespaces only, one for each test process, with no rights outside them"`
	// NodeSelector chooses the nodes of an existing cluster by their labels; empty is all.
	NodeSelector map[string]string `json:"nodeSelector,omitempty" flag:"node-selector" group:"An existing cluster" job:"yes" value:"LABELS" usage:"use only nodes with these labels, KEY=VALUE separated by commas"`
	// Witness is the reference from which an existing cluster can pull the witness image,
	// and WitnessTwin that of its twin. Without a twin podproof takes the tag of the
	// witness with "-b" after it. Without both the image is on the nodes, under the name
	// with which podproof builds it.
	Witness     string `json:"witness,omitempty" flag:"witness" group:"An existing cluster" job:"yes" value:"IMAGE" usage:"image reference from which the cluster can pull the witness (default: it is on the nodes)"`
	WitnessTwin string `json:"witnessTwin,omitempty" flag:"witness-twin" group:"An existing cluster" job:"yes" value:"IMAGE" usage:"reference of the witness's twin (default: the tag of the witness with -b after it)"`

	// Procs is the number of parallel test processes. Specs mostly wait, so this is more
	// than the number of cores. See Processes for a run in given namespaces.
	Procs int `json:"procs" flag:"procs" group:"How it runs" job:"yes" value:"NUMBER" usage:"parallel test processes"`
	// Out is the directory under which each run gets one of its own.
	Out string `json:"out" flag:"out" group:"How it runs" value:"DIRECTORY" usage:"directory for the results, with one directory for each run"`
}

// Defaults are the options of a plain `make e2e`.
func Defaults() Options {
	return Options{
		Profile: Full,
		Name:    "podproof",
		Workers: 2,
		Procs:   8,
		Repeat:  1,
		Out:     filepath.Join("reports", "out"),
	}
}

// Over fills in unset options from others: those whose zero value is not valid, and the
// kind cluster to make when none is named.
func (o Options) Over(others Options) Options {
	o.Profile = cmp.Or(o.Profile, others.Profile)
	if !o.Existing() && o.Kubernetes == "" && o.NodeImage == "" {
		o.Kubernetes, o.NodeImage = others.Kubernetes, others.NodeImage
	}
	o.Name = cmp.Or(o.Name, others.Name)
	o.Workers = cmp.Or(o.Workers, others.Workers)
	o.Procs = cmp.Or(o.Procs, others.Procs)
	o.Repeat = cmp.Or(o.Repeat, others.Repeat)
	o.Out = cmp.Or(o.Out, others.Out)
	return o
}

// UsageError says what was wrong with an option, where it came from, and
// what to do. It ends a run before anything is created.
type UsageError struct{ Problem string }

func (e *UsageError) Error() string { return e.Problem }

// Usagef makes a UsageError.
func Usagef(format string, args ...any) error {
	return &UsageError{Problem: fmt.Sprintf(format, args...)}
}

// Source is where the options of a run come from, the weaker first.
type Source struct {
	// File is an options file; when empty, PODPROOF_CONFIG may name one.
	File string
	// Lookup finds environment variables; nil is none.
	Lookup func(string) (string, bool)
	// Given are the options on the command line, in their order.
	Given []Value
}

// ConfigVariable is the environment variable that names an options file.
const ConfigVariable = "PODPROOF_CONFIG"

// Over reads the options over others, which hold where the source says nothing. Its
// errors are UsageErrors.
func (s Source) Over(o Options) (Options, error) {
	lookup := s.Lookup
	if lookup == nil {
		lookup = func(string) (string, bool) { return "", false }
	}
	path := s.File
	if path == "" {
		path, _ = lookup(ConfigVariable)
	}
	if path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			return o, Usagef("options file: %v", err)
		}
		if err := yaml.UnmarshalStrict(data, &o); err != nil {
			return o, Usagef("options file %s: %v", path, err)
		}
	}
	for _, f := range fields {
		if err := f.fromEnvironment(&o, lookup); err != nil {
			return o, err
		}
	}
	for _, v := range s.Given {
		if err := v.set(&o); err != nil {
			return o, Usagef("--%s=%q: %v", v.Flag, v.Text, err)
		}
	}
	return o, nil
}

// fromEnvironment sets the option when one of its variables is set.
func (f field) fromEnvironment(o *Options, lookup func(string) (string, bool)) error {
	for _, name := range []string{Variable(f.Name), f.env} {
		text, _ := lookup(name)
		if name == "" || text == "" {
			continue
		}
		if err := f.set(o, text); err != nil {
			return Usagef("environment variable %s=%q: %v", name, text, err)
		}
		return nil
	}
	return nil
}

// Validate finds unknown and contradictory options. Whether the Kubernetes
// version and the claims exist is checked by those who know them.
func (o Options) Validate() error {
	switch {
	case !slices.Contains([]string{Quick, Full}, o.Profile):
		return Usagef("profile %q is unknown; the profiles are quick and full", o.Profile)
	case o.Provider != "" && !slices.Contains(Providers, o.Provider):
		return Usagef("provider %q is unknown; the providers are %s", o.Provider, strings.Join(Providers, ", "))
	case o.InCluster && o.Kubeconfig != "":
		return Usagef("in-cluster and a kubeconfig (%s) contradict each other; unset one of them", o.Kubeconfig)
	case o.Kubeconfig == "" && o.Context != "":
		return Usagef("context %q is given without a kubeconfig; give --kubeconfig or KUBECONFIG too", o.Context)
	case !o.Existing() && o.onExisting() != "":
		return Usagef("%s given without a kubeconfig; give --kubeconfig or KUBECONFIG too", o.onExisting())
	case o.WitnessTwin != "" && o.Witness == "":
		return Usagef("witness-twin %q is given without a witness", o.WitnessTwin)
	case o.Existing() && (o.Kubernetes != "" || o.NodeImage != ""):
		given := fmt.Sprintf("a kubeconfig (%s)", o.Kubeconfig)
		if o.InCluster {
			given = "in-cluster"
		}
		return Usagef("%s and a Kubernetes version or node image for a new kind cluster contradict each other; unset one of them", given)
	case o.Workers < 1 || o.Workers > 10:
		return Usagef("workers is %d; it must be 1 to 10", o.Workers)
	case o.Procs < 1 || o.Procs > 64:
		return Usagef("procs is %d; it must be 1 to 64", o.Procs)
	case CheckNamespaces(o.Namespaces) != nil:
		return Usagef("namespaces: %v", CheckNamespaces(o.Namespaces))
	case o.Repeat < 1:
		return Usagef("repeat is %d; it must be at least 1", o.Repeat)
	case o.Out == "":
		return Usagef("out is empty; name a directory for the reports")
	case !validName(o.Name):
		return Usagef("cluster name %q is not usable; it must be podproof or start with podproof-, in lower-case letters, digits and dashes, so that clean-up can tell it is ours", o.Name)
	}
	return nil
}

// Existing says that the run is on a cluster that is there already.
func (o Options) Existing() bool { return o.Kubeconfig != "" || o.InCluster }

// Processes is how many test processes there are: Procs, but in given namespaces no
// more than one for each, since a namespace has one spec at a time.
func (o Options) Processes() int {
	if n := len(o.Namespaces); n > 0 {
		return min(n, o.Procs)
	}
	return o.Procs
}

// CheckNamespaces tells what is wrong with the given namespaces of a run.
func CheckNamespaces(names []string) error {
	for i, name := range names {
		if problems := validation.IsDNS1123Label(name); len(problems) > 0 {
			return fmt.Errorf("%q is no name of a namespace: %s", name, problems[0])
		}
		if slices.Contains(names[:i], name) {
			return fmt.Errorf("%s is named twice, but each test process needs a namespace of its own", name)
		}
	}
	return nil
}

// onExisting names the options that say something of an existing cluster, and are set.
func (o Options) onExisting() string {
	switch {
	case len(o.Namespaces) > 0:
		return fmt.Sprintf("namespaces %s are", strings.Join(o.Namespaces, ","))
	case len(o.NodeSelector) > 0:
		return "a node selector is"
	case o.Witness != "":
		return fmt.Sprintf("witness %q is", o.Witness)
	}
	return ""
}

func validName(name string) bool {
	if name != "podproof" && !strings.HasPrefix(name, "podproof-") {
		return false
	}
	return len(name) <= 40 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" && !strings.HasSuffix(name, "-")
}

// CacheDir is where podproof keeps what later runs can use again: built
// components, the witness, state of its clusters and engine. PODPROOF_CACHE
// overrides it. The path is absolute.
func CacheDir() (string, error) {
	if dir := os.Getenv("PODPROOF_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		// A service account often has no HOME; root's cache is still known.
		if os.Geteuid() == 0 {
			return "/var/cache/podproof", nil
		}
		return "", errors.Join(Usagef("no cache directory: set PODPROOF_CACHE to a directory that can be written"), err)
	}
	return filepath.Join(dir, "podproof"), nil
}
