package setup

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/files"
)

// recorded writes a record with one spec, and returns its directory.
func recorded(t *testing.T, change func(*reports.Record)) string {
	t.Helper()
	spec := reports.Spec{Text: "x", Claims: []string{"NET-02"}, State: reports.Failed, Failure: reports.ClusterFailure, Message: "because"}
	record := reports.New(claims.All(), reports.Run{Version: "v9", Profile: options.Quick}, []reports.Spec{spec}, nil)
	record.Cluster = &reports.Cluster{Kind: true, ServerVersion: "v1.36.99"}
	if change != nil {
		change(&record)
	}
	dir := t.TempDir()
	NewWithT(t).Expect(files.Write(dir, record)).To(Succeed())
	return dir
}

// told reads options as from a command line that says this.
func told(say func(*options.Options)) func(options.Options) (options.Options, error) {
	return func(over options.Options) (options.Options, error) {
		say(&over)
		return over, nil
	}
}

func TestWhatFailedIsRunAgain(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*reports.Record)
		say    func(*options.Options)
		want   func(*options.Options)
	}{
		"as it was": {want: func(o *options.Options) { o.Profile, o.Kubernetes = options.Quick, "1.36" }},
		"unless told otherwise": {
			say:  func(o *options.Options) { o.Profile, o.Kubernetes = options.Full, "1.35" },
			want: func(o *options.Options) { o.Profile, o.Kubernetes = options.Full, "1.35" },
		},
		"on a cluster that is there": {
			say:  func(o *options.Options) { o.Kubeconfig = "/k" },
			want: func(o *options.Options) { o.Profile, o.Kubeconfig = options.Quick, "/k" },
		},
		"with its node image": {
			change: func(r *reports.Record) { r.Run.Options = map[string]string{"nodeImage": "mine:1"} },
			want:   func(o *options.Options) { o.Profile, o.NodeImage = options.Quick, "mine:1" },
		},
		"set-up failed": {
			change: func(r *reports.Record) {
				r.Run.SetupError, r.Run.Filters, r.Cluster = "no engine", []string{"NET-02"}, nil
			},
			want: func(o *options.Options) { o.Profile = options.Quick },
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			dir := recorded(t, c.change)
			o, err := ReadOptions(told(func(o *options.Options) {
				o.Failed = dir
				if c.say != nil {
					c.say(o)
				}
			}))
			g.Expect(err).NotTo(HaveOccurred())
			want := options.Defaults()
			want.Failed, want.Focus = dir, []string{"NET-02"}
			c.want(&want)
			g.Expect(o).To(Equal(want))
		})
	}
}

func TestRecordsThatCannotBeRunAgain(t *testing.T) {
	later := filepath.Join(t.TempDir(), "record.json")
	if err := os.WriteFile(later, []byte(`{"schema":"podproof.record/v2"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	nameless := recorded(t, func(r *reports.Record) {
		r.Claims = []reports.ClaimResult{{ID: "NET-01", Verdict: reports.Conformant}}
	})
	elsewhere := recorded(t, func(r *reports.Record) { r.Run.Options = map[string]string{"kubeconfig": "/k"} })
	other := recorded(t, func(r *reports.Record) {
		r.Claims = []reports.ClaimResult{{ID: "OLD-01", Verdict: reports.Nonconformant}}
	})
	for name, c := range map[string]struct {
		path  string
		focus []string
		want  string
	}{
		"absent":                           {path: "absent", want: "absent does not exist"},
		"of another schema":                {path: later, want: `has the schema "podproof.record/v2"`},
		"of another version":               {path: other, want: "is of podproof v9, and this one ("},
		"of a bad run without a bad claim": {path: nameless, want: "says nonconformant ("},
		"of an existing cluster":           {path: elsewhere, want: "give its kubeconfig"},
		"and a focus":                      {path: other, focus: []string{"NET-01"}, want: "both choose the claims"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			_, err := ReadOptions(told(func(o *options.Options) { o.Failed, o.Focus = c.path, c.focus }))
			g.Expect(err).To(MatchError(ContainSubstring(c.want)))
			var usage *options.UsageError
			g.Expect(err).To(BeAssignableToTypeOf(usage))
		})
	}
}

func TestNothingFailed(t *testing.T) {
	good := recorded(t, func(r *reports.Record) {
		r.Claims, r.Verdict = []reports.ClaimResult{{ID: "NET-01", Verdict: reports.Conformant}}, reports.Conformant
	})
	_, err := ReadOptions(told(func(o *options.Options) { o.Failed = good }))
	NewWithT(t).Expect(err).To(MatchError(ErrNothingFailed))
}
