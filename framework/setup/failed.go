package setup

import (
	"errors"
	"strings"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/framework/nodeimage"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/reports"
)

// ErrNothingFailed says that there is nothing to run again.
var ErrNothingFailed = errors.New("no claim failed in that record")

// ReadOptions reads the options of a run. Read does so over the options that it is given,
// which are weaker than all that it finds. Where they name a record (Options.Failed), the
// run is one of only the claims that failed in it, and is told what that record's run was
// told of profile and version, unless it is told otherwise. The error is ErrNothingFailed
// when there are none.
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
	if len(unknown) > 0 {
		return o, options.Usagef("failed: the record %s is of podproof %s, and this one (%s) has no claim %s; choose the claims by --focus",
			o.Failed, record.Run.Version, Version(), strings.Join(unknown, ", "))
	}
	if len(failed) == 0 && record.Run.SetupError == "" {
		return o, ErrNothingFailed
	}
	o, err = read(toldBefore(o, record))
	o.Focus = failed
	return o, err
}

// toldBefore are the defaults with what the run of a record was told of profile and
// version. A run that is told of another cluster takes its version from that.
func toldBefore(o options.Options, record reports.Record) options.Options {
	over := options.Defaults()
	over.Profile = record.Run.Profile
	if o.Existing() || o.Kubernetes != "" || o.NodeImage != "" || record.Run.Options["kubeconfig"] != "" || record.Run.Options["inCluster"] != "" {
		return over
	}
	if over.NodeImage = record.Run.Options["nodeImage"]; over.NodeImage != "" {
		return over
	}
	over.Kubernetes = record.Run.Options["kubernetes"]
	if record.Cluster == nil {
		return over
	}
	// The newest supported version may be another one by now, and its patch too.
	exact := strings.TrimPrefix(record.Cluster.ServerVersion, "v")
	if _, err := nodeimage.Find(exact); err == nil {
		over.Kubernetes = exact
	} else if major, rest, found := strings.Cut(exact, "."); found {
		minor, _, _ := strings.Cut(rest, ".")
		over.Kubernetes = major + "." + minor
	}
	return over
}
