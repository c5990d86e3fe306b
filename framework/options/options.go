// Package options holds what a run can be told, in one struct that the
// command, `go test` and importers share. A value comes from the defaults,
// then a YAML file, then the environment, then a flag: the later wins.
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

// Options is all that a run can be told. The zero value is not valid; start
// from Defaults.
type Options struct {
	// Profile is Quick or Full.
	Profile string `json:"profile"`
	// Kubernetes is the version of the kind cluster to make: a minor such as
	// "1.37" or an exact "1.37.2". Empty is the newest that is supported.
	Kubernetes string `json:"kubernetes,omitempty"`
	// NodeImage is the kind node image to use; empty lets podproof find,
	// pull or build one for the Kubernetes version.
	NodeImage string `json:"nodeImage,omitempty"`
	// Provider is the container engine: docker, podman or nerdctl. Empty
	// takes the first of them that answers.
	Provider string `json:"provider,omitempty"`
	// Kubeconfig, when set, is an existing cluster to run on: nothing is
	// created there outside namespaces of the run's own.
	Kubeconfig string `json:"kubeconfig,omitempty"`
	// Context is the kubeconfig context; empty is the current one.
	Context string `json:"context,omitempty"`
	// InCluster says that podproof runs in a pod and tests that pod's cluster, with the
	// pod's service account: an existing cluster without a kubeconfig.
	InCluster bool `json:"inCluster,omitempty"`
	// Namespaces, when set, are existing namespaces of the kubeconfig's cluster
	// that the run is confined to: it makes none, and asks for nothing outside
	// them. Each test process has one of them.
	Namespaces []string `json:"namespaces,omitempty"`
	// NodeSelector chooses the nodes of the kubeconfig's cluster that are
	// used, by their labels; empty is all.
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// Witness is the reference under which the kubeconfig's cluster can pull
	// the witness image, and WitnessTwin that of its twin. An empty twin has
	// the tag of the witness with "-b" after it. Empty says that the image is
	// on the nodes, under the name that podproof builds it with.
	Witness     string `json:"witness,omitempty"`
	WitnessTwin string `json:"witnessTwin,omitempty"`
	// Keep leaves the kind cluster running, for the next run to use again.
	Keep bool `json:"keep,omitempty"`
	// Offline never tries to pull an image.
	Offline bool `json:"offline,omitempty"`
	// Name of the kind cluster.
	Name string `json:"name"`
	// Workers is the number of worker nodes beside the control plane.
	Workers int `json:"workers"`
	// Procs is the number of parallel test processes. Specs mostly wait, so
	// this is more than the number of cores. Of a run that is confined to
	// namespaces there are at most as many as these: see Processes.
	Procs int `json:"procs"`
	// Focus selects claims by ID or pattern, such as BACKOFF-*; empty is all
	// claims of the profile.
	Focus []string `json:"focus,omitempty"`
	// Failed is the record of an earlier run, or its directory: only the claims run
	// that failed in it. See setup.ReadOptions.
	Failed string `json:"failed,omitempty"`
	// Randomize shuffles all specs, not only their containers. The longest
	// still start first.
	Randomize bool `json:"randomize,omitempty"`
	// Seed of the random order; 0 takes one from the clock.
	Seed int64 `json:"seed,omitempty"`
	// Repeat is how many times the specs run, one record each.
	Repeat int `json:"repeat"`
	// Out is the directory under which each run gets one of its own.
	Out string `json:"out"`
}

// Defaults are the options of a plain `make e2e`.
func Defaults() Options {
	return Options{
		Profile: Full,
		Name:    "podproof",
		Workers: 2,
		Procs:   10,
		Repeat:  1,
		Out:     filepath.Join("reports", "out"),
	}
}

// Over puts others in the place of options that are left out; all those of which the zero
// value is not valid, and what kind cluster to make when none is named.
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

// Load reads the options: defaults, then the file (when path is not empty, or
// PODPROOF_CONFIG names one), then the environment as given by lookup.
// Errors are UsageErrors.
func Load(path string, lookup func(string) (string, bool)) (Options, error) {
	return LoadOver(Defaults(), path, lookup)
}

// LoadOver does as Load does, with these options in the place of the defaults.
func LoadOver(o Options, path string, lookup func(string) (string, bool)) (Options, error) {
	if v, ok := lookup("PODPROOF_CONFIG"); ok && path == "" {
		path = v
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
	for _, s := range settings {
		for _, name := range s.env {
			v, ok := lookup(name)
			if !ok || v == "" {
				continue
			}
			if err := s.set(&o, v); err != nil {
				return o, Usagef("environment variable %s=%q: %v", name, v, err)
			}
			break
		}
	}
	return o, nil
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
		return Usagef("context %q is given without a kubeconfig; give KUBECONFIG too", o.Context)
	case !o.Existing() && o.onExisting() != "":
		return Usagef("%s given without a kubeconfig; give KUBECONFIG too", o.onExisting())
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

// CheckNamespaces tells what is wrong with namespaces that a run is to be confined to.
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
