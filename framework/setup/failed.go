package setup

import (
	"errors"
	"strings"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/fixtures/versions"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/reports"
)

// ErrNothingFailed says that there is nothing to run again.
var ErrNothingFailed = errors.New("no claim failed in that record")

// ReadOptions reads the options of a run. Read does so over the options that it is given,
// which are weaker than all that it finds. Where they name a record (Options.Failed), the
// run is one of only the claims that failed in it, and is told what that record's run was
// told of profile and version, unless it is told otherwise. The error is ErrNothingFailed
// when the run of the record was conformant.
func ReadOptions(read func(over options.Options) (options.Options, error)) (options.Options, error) {
	o, err := read(options.Defaults())
	if err != nil || o.Failed == "" {
		return o, err
	}
	if len(o.Focus) > 0 {
		return o, options.Usagef("focus %s and failed (%s) both choose the claims; give one of them", strings.Join(o.Focus, ","), o.Failed)
	}
	record, err := reports.Read(o.Failed)
	if err != nil {
		return o, options.Usagef("failed: %v", err)
	}
	failed := reports.ToRepeat(record)
	var unknown []string
	for _, pattern := range failed {
		if _, err := claims.Match([]string{pattern}); err != nil {
			unknown = append(unknown, pattern)
		}
	}
	switch {
	case len(unknown) > 0:
		return o, options.Usagef("failed: the record %s is of podproof %s, and this one (%s) has no claim %s; choose the claims by --focus",
			o.Failed, record.Run.Version, Version(), strings.Join(unknown, ", "))
	case len(failed) > 0 || record.Run.SetupError != "":
	case record.Verdict == reports.Conformant:
		return o, ErrNothingFailed
	default:
		return o, options.Usagef("failed: the record %s says %s (%s), and names no claim that could be run again; choose the claims by --focus",
			o.Failed, record.Verdict, record.Reason)
	}
	over, err := toldBefore(o, record)
	if err != nil {
		return o, err
	}
	o, err = read(over)
	o.Focus = failed
	return o, err
}

// toldBefore are the defaults with what the run of a record was told of profile and
// version. A run that is told of another cluster takes its version from that.
func toldBefore(o options.Options, record reports.Record) (options.Options, error) {
	over := options.Defaults()
	over.Profile = record.Run.Profile
	if o.Existing() || o.Kubernetes != "" || o.NodeImage != "" {
		return over, nil
	}
	before := record.Run.Options
	if before["kubeconfig"] != "" || before["inCluster"] != "" {
		return over, options.Usagef("failed: the run of the record %s was on an existing cluster; give its kubeconfig, or by --k8s the version of a kind cluster to make instead", o.Failed)
	}
	if over.NodeImage = before["nodeImage"]; over.NodeImage != "" {
		return over, nil
	}
	over.Kubernetes = before["kubernetes"]
	if record.Cluster == nil {
		return over, nil
	}
	// The newest supported version may be another one by now, and its patch too.
	exact := strings.TrimPrefix(record.Cluster.ServerVersion, "v")
	if _, err := versions.Find(exact); err == nil {
		over.Kubernetes = exact
	} else if major, rest, found := strings.Cut(exact, "."); found {
		minor, _, _ := strings.Cut(rest, ".")
		over.Kubernetes = major + "." + minor
	}
	return over, nil
}
