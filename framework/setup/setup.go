// Package setup makes what a run stands on: the engine, the node image, the
// kind cluster (or a look at the existing one), the witness on every node,
// and proof that a pod can run there.
package setup

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/podproof/podproof/fixtures/versions"
	"github.com/podproof/podproof/framework/api"
	"github.com/podproof/podproof/framework/cluster"
	"github.com/podproof/podproof/framework/ground/engine"
	"github.com/podproof/podproof/framework/ground/existing"
	"github.com/podproof/podproof/framework/ground/kind"
	"github.com/podproof/podproof/framework/ground/nodeimage"
	"github.com/podproof/podproof/framework/ground/trial"
	"github.com/podproof/podproof/framework/namespace"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/framework/owner"
	"github.com/podproof/podproof/framework/progress"
	"github.com/podproof/podproof/framework/witness"
	"github.com/podproof/podproof/framework/witness/witnessimage"
	"github.com/podproof/podproof/reports"
)

// Environment variables through which the podproof binary tells the test
// processes what it has set up, and where its console listens.
const (
	EnvironmentVariable = "PODPROOF_ENVIRONMENT" // a file that holds a marshalled Environment
	ProgressVariable    = "PODPROOF_PROGRESS"    // a socket for progress.Dial
)

// userAgent names podproof in the API server's audit log.
const userAgent = "podproof"

// Environment is what a run stands on. It travels to the test processes as
// JSON.
type Environment struct {
	Options options.Options `json:"options"`
	RunID   string          `json:"runID"`
	// Dir is the run's directory, for the record and the evidence.
	Dir string `json:"dir"`
	// Owner is the process that the run's namespaces belong to.
	Owner     string        `json:"owner"`
	Cluster   *cluster.Info `json:"cluster"`
	NodeImage string        `json:"nodeImage,omitempty"`
	// Doubt is what the nodes of an existing cluster say of the pods of set-up that
	// cannot be; see trial.DoubtError.
	Doubt string           `json:"doubt,omitempty"`
	Steps []reports.Timing `json:"steps,omitempty"`

	// trial is what proves that pods run, and advice what to do where they lack their
	// image; of the process that has set up.
	trial  trial.Request
	advice string
}

// NewRun makes the directory for a run under the options' Out and returns the
// run's ID and the directory.
func NewRun(o options.Options) (id, dir string, err error) {
	out, err := filepath.Abs(o.Out)
	if err != nil {
		return "", "", err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return "", "", options.Usagef("the reports cannot be written: %v; give another directory with --out", err)
	}
	start := time.Now().UTC().Format("20060102-150405")
	for n := 1; ; n++ {
		id = start
		if n > 1 {
			id = fmt.Sprintf("%s-%d", start, n)
		}
		dir = filepath.Join(out, id)
		err := os.Mkdir(dir, 0o755)
		if err == nil {
			return id, dir, nil
		}
		if !os.IsExist(err) {
			return "", "", options.Usagef("the reports cannot be written: %v; give another directory with --out", err)
		}
	}
}

// distinct is the ID of a run on an existing cluster, made one that no other run has: of
// those that start in the same second elsewhere, such as the shards of a Job, each would
// remove the others' namespaces with its own. On a cluster of its own a run is alone.
func distinct(o options.Options, id string) string {
	if !o.Existing() {
		return id
	}
	return id + "-" + strings.ToLower(rand.Text()[:5])
}

// Again makes the environment that of one more run.
func (e *Environment) Again() error {
	id, dir, err := NewRun(e.Options)
	if err != nil {
		return err
	}
	e.RunID, e.Dir = distinct(e.Options, id), dir
	return nil
}

// Up makes the environment. When it fails or ctx ends, nothing that it made
// is left, but for what the next run can use again (images, built components),
// and the environment that it returns only tells how far it came.
func Up(ctx context.Context, o options.Options, id, dir string, log *progress.Console) (*Environment, error) {
	env, err := UpUntried(ctx, o, id, dir, log)
	if err == nil && o.Existing() {
		if err = env.try(ctx, log); err != nil {
			env.Cluster = nil
		}
		env.Steps = log.Timings()
	}
	return env, err
}

// UpUntried does as Up does, but for the proof that pods run on an existing cluster:
// that is left to the environments of single nodes, see OnNode.
func UpUntried(ctx context.Context, o options.Options, id, dir string, log *progress.Console) (*Environment, error) {
	env := &Environment{Options: o, RunID: distinct(o, id), Dir: dir, Owner: owner.Current()}
	cache, err := options.CacheDir()
	if err != nil {
		return env, err
	}
	if o.Existing() {
		err = env.existing(ctx, cache, log)
	} else {
		err = env.create(ctx, cache, log)
	}
	env.Steps = log.Timings()
	return env, err
}

// create makes (or finds again) a kind cluster of our own. The witness is
// built beside it, since neither needs the other.
func (e *Environment) create(ctx context.Context, cache string, log progress.Log) error {
	o := e.Options
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	image := make(chan error, 1)
	var built *witnessimage.Image
	go func() {
		var err error
		built, err = buildWitness(ctx, cache, log)
		image <- err
	}()

	eng, err := engine.Ensure(ctx, engine.Request{Provider: o.Provider, StateDir: filepath.Join(cache, "engine"), Log: log})
	if err != nil {
		return err
	}
	node, err := nodeimage.Resolve(ctx, eng, nodeimage.Request{Image: o.NodeImage, Kubernetes: o.Kubernetes, CacheDir: cache, Offline: o.Offline, Log: log})
	if err != nil {
		return err
	}
	e.NodeImage = node.Image
	if err := <-image; err != nil {
		return err
	}
	for {
		made, err := kind.Up(ctx, kind.Request{
			Name: o.Name, StateDir: filepath.Join(cache, "clusters"), Engine: eng,
			NodeImage: node.Image, Workers: o.Workers, Keep: o.Keep,
			Log: log, LogsDir: filepath.Join(e.Dir, "cluster-logs"),
		})
		if err != nil {
			return err
		}
		e.Cluster = made.Info
		if err = e.prepare(ctx, built, log); err == nil {
			return nil
		}
		// Nobody gets a cluster that is half usable, now or later.
		e.Cluster = nil
		if downErr := remove(ctx, made); downErr != nil {
			return fmt.Errorf("%w; and the cluster could not be removed: %w", err, downErr)
		}
		if !made.Reused || ctx.Err() != nil {
			return err
		}
		log.Info("The kept cluster %s was of no use any more (%v): making a new one.", made.Name, err)
	}
}

// remove deletes a cluster of ours, also one that was to be kept, and also when
// ctx has ended.
func remove(ctx context.Context, made *kind.Cluster) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	defer cancel()
	made.Keep = false
	return made.Down(ctx)
}

// prepare loads the witness and proves that a pod runs on every node. In a kept
// cluster there may be pods of a run that was killed: they go first.
func (e *Environment) prepare(ctx context.Context, image *witnessimage.Image, log progress.Log) error {
	archive, err := os.Open(image.Archive)
	if err != nil {
		return err
	}
	defer archive.Close()
	if err := kind.Of(e.Cluster).LoadImage(ctx, "witness", archive); err != nil {
		return err
	}
	e.Cluster.WitnessImage, e.Cluster.WitnessTwin, e.Cluster.WitnessBuild = image.Reference, image.Twin, image.Build
	if e.Cluster.Reused {
		if err := Sweep(ctx, e.Cluster, e.RunID, log); err != nil {
			return err
		}
	}
	e.trial = trial.Request{Images: []string{image.Reference}, Args: witness.Version()}
	e.trial.Log = log
	return trial.Run(ctx, e.Cluster, e.trial)
}

// existing looks at the cluster of the kubeconfig. Nothing is loaded into its
// nodes: the witness has to be there, or to be had by a pull.
func (e *Environment) existing(ctx context.Context, cache string, log progress.Log) error {
	o := e.Options
	reference, twin, err := witnessimage.Named(o.Witness, o.WitnessTwin)
	if err != nil {
		return options.Usagef("%v", err)
	}
	kubeconfig := o.Kubeconfig
	if o.InCluster {
		if kubeconfig, err = existing.InCluster(filepath.Join(cache, "in-cluster")); err != nil {
			return options.Usagef("in-cluster: %v", err)
		}
	}
	info, err := existing.Look(ctx, existing.Request{
		Kubeconfig: kubeconfig, Context: o.Context, Namespaces: o.Namespaces, NodeSelector: o.NodeSelector, Log: log,
	})
	var nowhere *existing.NoSuchNodeError
	if errors.As(err, &nowhere) {
		return options.Usagef("%v", err)
	}
	if err != nil {
		return err
	}
	if !versions.Covers(info.ServerVersion) {
		all := versions.Supported()
		log.Info("Kubernetes %s is not among the versions that the claims were checked on (%s to %s): what differs from them may be the version's own",
			info.ServerVersion, all[len(all)-1].Minor, all[0].Minor)
	}
	image, err := buildWitness(ctx, cache, log)
	if err != nil {
		return err
	}
	info.WitnessImage, info.WitnessTwin, info.WitnessBuild = image.Reference, image.Twin, image.Build
	e.advice = whereToGetWitness(image)
	e.trial = trial.Request{Args: witness.Version(), Prints: image.Build, RunID: e.RunID}
	if reference != "" {
		info.WitnessImage, info.WitnessTwin = reference, twin
		e.advice = fmt.Sprintf("Both images of %s have to be in the registry, as %s and %s.", archiveOf(image), reference, twin)
		e.trial.Patience = trial.PullPatience
	}
	e.trial.Images = []string{info.WitnessImage, info.WitnessTwin}
	if err := Sweep(ctx, info, e.RunID, log); err != nil {
		return err
	}
	e.Cluster = info
	return nil
}

// try proves that pods run, and tells where they get their image if they lack it.
// What cannot be true of what the nodes tell is no error but a doubt: whether that is how
// pods are to be treated is for the specs to say.
func (e *Environment) try(ctx context.Context, log progress.Log) error {
	e.trial.Log = log
	err := trial.Run(ctx, e.Cluster, e.trial)
	var image *trial.ImageError
	if errors.As(err, &image) && e.advice != "" {
		return fmt.Errorf("%w\n%s", err, e.advice)
	}
	var doubt *trial.DoubtError
	if errors.As(err, &doubt) {
		e.Doubt = doubt.Problem
		log.Info("The specs run all the same: what the nodes say of pods is what they judge.")
		return nil
	}
	return err
}

// Sweep removes from a cluster the namespaces that dead runs left there, or, for a run
// that is confined to given ones, what dead runs left in these. Without a run it says what
// it leaves alone.
func Sweep(ctx context.Context, info *cluster.Info, runID string, log progress.Log) error {
	cfg, err := info.RESTConfig(userAgent)
	if err != nil {
		return err
	}
	connection, err := api.Connect(cfg)
	if err != nil {
		return err
	}
	if info.Confined() {
		for _, name := range info.Namespaces {
			if err := namespace.Vacate(ctx, connection, name, runID); err != nil {
				return err
			}
		}
		return nil
	}
	n, live, err := namespace.Sweep(ctx, connection)
	if n > 0 {
		log.Info("removed %d namespaces that earlier runs had left", n)
	}
	if len(live) > 0 && runID == "" {
		log.Info("left alone: %d namespaces whose runs may be alive, such as %s; what ran in a pod or on another machine counts as dead after %s", len(live), live[0], owner.AbandonedAfter)
	}
	return err
}

// whereToGetWitness says how the witness comes to the nodes of an existing cluster.
func whereToGetWitness(image *witnessimage.Image) string {
	return fmt.Sprintf("The witness image must be on every node of an existing cluster. On a kind cluster load %s with\n  kind load image-archive FILE --name CLUSTER\nA cluster that pulls from a registry is told where it is by --witness.", archiveOf(image))
}

// archiveOf names the file that has the witness and its twin.
func archiveOf(image *witnessimage.Image) string {
	if image.Archive == "" {
		return "the archive that `podproof image` wrote"
	}
	return "the archive " + image.Archive
}

// buildWitness builds the image, or knows it where podproof is in an image of its own:
// there is no Go in that.
func buildWitness(ctx context.Context, cache string, log progress.Log) (*witnessimage.Image, error) {
	if build := os.Getenv(witnessimage.BuildVariable); build != "" {
		return witnessimage.Known(build), nil
	}
	step := log.Step("build the witness image", 10*time.Second)
	image, err := witnessimage.Build(ctx, filepath.Join(cache, "witness"))
	if err != nil {
		step.Fail(err)
		return nil, err
	}
	step.Done(image.Reference)
	return image, nil
}

// Ground connects a test process to the environment's cluster.
func (e *Environment) Ground() (*namespace.Ground, error) {
	cfg, err := e.Cluster.RESTConfig(userAgent)
	if err != nil {
		return nil, err
	}
	connection, err := api.Connect(cfg)
	if err != nil {
		return nil, err
	}
	return &namespace.Ground{API: connection, Cluster: e.Cluster, RunID: e.RunID, Owner: e.Owner}, nil
}

// Stays says whether what the specs leave on the cluster outlives them: it does
// not when the cluster itself is removed next.
func (e *Environment) Stays() bool {
	return !e.Cluster.Own || e.Options.Keep || e.Options.Repeat > 1
}

// Down removes what Up made: a kind cluster that is not to be kept, or, on a
// cluster that stays, what the run's specs left there in the background.
func (e *Environment) Down(ctx context.Context, log progress.Log) error {
	if e.Cluster == nil {
		return nil
	}
	if e.Cluster.Own && !e.Options.Keep {
		step := log.Step("remove the cluster", 5*time.Second)
		if err := kind.Of(e.Cluster).Down(ctx); err != nil {
			step.Fail(err)
			return fmt.Errorf("the cluster %s could not be removed, `make clean` will try again: %w", e.Cluster.Name, err)
		}
		step.Done("")
		return nil
	}
	step := log.Step("remove the run's namespaces", 20*time.Second)
	if err := e.Cleared(ctx); err != nil {
		step.Fail(err)
		return err
	}
	step.Done("")
	if !e.Cluster.Own {
		return nil
	}
	log.Info("the cluster stays: KUBECONFIG=%s, until a run without keep, or podproof clean", e.Cluster.Kubeconfig)
	return kind.Of(e.Cluster).Down(ctx) // of a kept one it only lets go
}

// Cleared removes what the run's specs left on the cluster in the background, and
// returns when it is gone.
func (e *Environment) Cleared(ctx context.Context) error {
	ground, err := e.Ground()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, namespace.ClearTime)
	defer cancel()
	if left, err := namespace.AwaitCleared(ctx, ground); err != nil {
		return fmt.Errorf("namespaces of this run are still there, `make clean` will remove them: %v: %w", left, err)
	}
	return nil
}

// Marshal and Unmarshal carry the environment to test processes.
func (e *Environment) Marshal() ([]byte, error) { return json.Marshal(e) }

// Unmarshal reads what Marshal wrote.
func Unmarshal(data []byte) (*Environment, error) {
	e := &Environment{}
	if err := json.Unmarshal(data, e); err != nil {
		return nil, fmt.Errorf("the environment of the run: %w", err)
	}
	kind.Attach(e.Cluster)
	return e, nil
}
