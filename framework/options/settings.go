package options

import (
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
)

// setting is one option as the outside can name it.
type setting struct {
	flag  string
	env   []string
	usage string
	bool  bool
	set   func(*Options, string) error
}

// settings lists every option once. Their environment names carry our prefix,
// since a shell that says CONTEXT or OUT seldom means us; `make e2e
// PROFILE=quick` turns its short names into flags. KUBECONFIG is the
// exception that every Kubernetes tool knows.
var settings = []setting{
	text("profile", "quick or full", func(o *Options) *string { return &o.Profile }, "PODPROOF_PROFILE"),
	text("k8s", "Kubernetes version of the kind cluster, such as 1.37 or 1.37.2 (default: the newest supported)", func(o *Options) *string { return &o.Kubernetes }, "PODPROOF_K8S"),
	text("node-image", "kind node image to use", func(o *Options) *string { return &o.NodeImage }, "PODPROOF_NODE_IMAGE"),
	text("provider", "container engine: docker, podman or nerdctl (default: the first that answers)", func(o *Options) *string { return &o.Provider }, "PODPROOF_PROVIDER"),
	text("kubeconfig", "run on this existing cluster, in namespaces of the run's own", func(o *Options) *string { return &o.Kubeconfig }, "PODPROOF_KUBECONFIG", "KUBECONFIG"),
	text("context", "context of the kubeconfig (default: the current one)", func(o *Options) *string { return &o.Context }, "PODPROOF_CONTEXT"),
	boolean("in-cluster", "in a pod: run on the cluster of the pod, as its service account, and end the log with the record", func(o *Options) *bool { return &o.InCluster }, "PODPROOF_IN_CLUSTER"),
	list("namespaces", "run in these existing namespaces only, one for each test process, with no rights outside them", func(o *Options) *[]string { return &o.Namespaces }, "PODPROOF_NAMESPACES"),
	{flag: "node-selector", env: []string{"PODPROOF_NODE_SELECTOR"}, usage: "use only nodes of the existing cluster that have these labels, KEY=VALUE separated by commas", set: func(o *Options, v string) error {
		selector, err := labels.ConvertSelectorToLabelsMap(v)
		if err != nil {
			return fmt.Errorf("%v; write KEY=VALUE, separated by commas", err)
		}
		o.NodeSelector = selector
		return nil
	}},
	text("witness", "image reference from which the existing cluster can pull the witness (default: it is on the nodes)", func(o *Options) *string { return &o.Witness }, "PODPROOF_WITNESS"),
	text("witness-twin", "reference of the witness's twin (default: the tag of the witness with -b after it)", func(o *Options) *string { return &o.WitnessTwin }, "PODPROOF_WITNESS_TWIN"),
	boolean("keep", "keep the kind cluster for the next run", func(o *Options) *bool { return &o.Keep }, "PODPROOF_KEEP"),
	boolean("offline", "never try to pull an image", func(o *Options) *bool { return &o.Offline }, "PODPROOF_OFFLINE"),
	text("name", "name of the kind cluster", func(o *Options) *string { return &o.Name }, "PODPROOF_NAME"),
	number("workers", fmt.Sprintf("worker nodes beside the control plane (default: %d)", Defaults().Workers), func(o *Options) *int { return &o.Workers }, "PODPROOF_WORKERS"),
	number("procs", fmt.Sprintf("parallel test processes (default: %d)", Defaults().Procs), func(o *Options) *int { return &o.Procs }, "PODPROOF_PROCS"),
	list("focus", "claim IDs or patterns, separated by commas, such as RESTART-03,BACKOFF-*", func(o *Options) *[]string { return &o.Focus }, "PODPROOF_FOCUS"),
	text("failed", "run only the claims that failed in this record (a run's directory, its record.json, or the log of a pod), on the version and with the profile of its run", func(o *Options) *string { return &o.Failed }, "PODPROOF_FAILED"),
	boolean("randomize", "shuffle all specs", func(o *Options) *bool { return &o.Randomize }, "PODPROOF_RANDOMIZE"),
	{flag: "seed", env: []string{"PODPROOF_SEED"}, usage: "seed of the random order (default: from the clock)", set: func(o *Options, v string) error {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return fmt.Errorf("not a whole number")
		}
		o.Seed = n
		return nil
	}},
	number("repeat", "how many times the specs run", func(o *Options) *int { return &o.Repeat }, "PODPROOF_REPEAT"),
	text("out", "directory for the reports, one sub-directory a run", func(o *Options) *string { return &o.Out }, "PODPROOF_OUT"),
}

// Register adds a flag for every option. Values land in o when the flag set
// is parsed, so o must already hold what the file and the environment said.
func Register(fs *flag.FlagSet, o *Options) {
	for _, s := range settings {
		set := func(v string) error { return s.set(o, v) }
		if s.bool {
			fs.BoolFunc(s.flag, s.usage, set)
		} else {
			fs.Func(s.flag, s.usage, set)
		}
	}
}

func text(flag, usage string, at func(*Options) *string, env ...string) setting {
	return setting{flag: flag, env: env, usage: usage, set: func(o *Options, v string) error {
		*at(o) = v
		return nil
	}}
}

// List reads words that are separated by commas or spaces.
func List(v string) []string {
	return strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' })
}

func list(flag, usage string, at func(*Options) *[]string, env ...string) setting {
	return setting{flag: flag, env: env, usage: usage, set: func(o *Options, v string) error {
		*at(o) = List(v)
		if len(*at(o)) == 0 {
			return errors.New("names nothing")
		}
		return nil
	}}
}

func number(flag, usage string, at func(*Options) *int, env ...string) setting {
	return setting{flag: flag, env: env, usage: usage, set: func(o *Options, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil {
			return fmt.Errorf("not a whole number")
		}
		*at(o) = n
		return nil
	}}
}

func boolean(flag, usage string, at func(*Options) *bool, env ...string) setting {
	return setting{flag: flag, env: env, usage: usage, bool: true, set: func(o *Options, v string) error {
		b, err := strconv.ParseBool(v)
		if err != nil {
			return fmt.Errorf("neither 1 nor 0")
		}
		*at(o) = b
		return nil
	}}
}
