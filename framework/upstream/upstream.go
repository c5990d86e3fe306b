// Package upstream builds Kubernetes' own end-to-end suite and runs it on a cluster of
// podproof, to compare its conformance specs on Pods with podproof's claims.
package upstream

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/podproof/podproof/framework/api"
	"github.com/podproof/podproof/framework/ground/kind"
	"github.com/podproof/podproof/framework/ground/workshop"
	"github.com/podproof/podproof/framework/namespace"
	"github.com/podproof/podproof/reports/mutantrun"
)

// runLabel marks the namespaces that the suite makes.
const runLabel = "e2e-run"

// ReportFile is the name of Ginkgo's report of a run, which Read reads.
const ReportFile = "upstream.json"

// Suite is the suite of the cluster's version, with its images on every node.
type Suite struct {
	binary              string
	kubeconfig, context string
}

// Prepare builds the suite and its images, or finds them in the workshop's cache, and
// loads the images into the nodes.
func Prepare(ctx context.Context, w *workshop.Workshop, c *kind.Cluster) (*Suite, error) {
	built, err := build(ctx, w)
	if err != nil {
		return nil, err
	}
	images, err := os.Open(built.images)
	if err != nil {
		return nil, err
	}
	defer images.Close()
	if err := c.LoadImage(ctx, "upstream's images", images); err != nil {
		return nil, err
	}
	return &Suite{binary: built.suite, kubeconfig: c.Kubeconfig, context: c.Context}, nil
}

// Run is how the suite is run once.
type Run struct {
	Dir     string        // where Ginkgo writes ReportFile
	Procs   int           // parallel processes
	Seed    int64         // of the order of specs
	Bound   time.Duration // after which Ginkgo ends it
	LeftOut []mutantrun.UpstreamLeftOut
}

// Arguments are those of Ginkgo's command line tool for the run.
func (s *Suite) Arguments(r Run) []string {
	args := []string{
		"--procs=" + strconv.Itoa(r.Procs), "--seed=" + strconv.FormatInt(r.Seed, 10), "--timeout=" + r.Bound.String(),
		"--no-color", "--silence-skips", "--output-dir=" + r.Dir, "--json-report=" + ReportFile, "--label-filter=" + labels, "--focus=" + focus,
	}
	for _, pattern := range skip(r.LeftOut) {
		args = append(args, "--skip="+pattern)
	}
	return append(args, s.binary, "--",
		"--kubeconfig="+s.kubeconfig, "--context="+s.context, "--provider=skeleton",
		// What waits for all nodes and system Pods to be well would keep a cluster with a
		// wrong component from being tested.
		"--allowed-not-ready-nodes=-1", "--minStartupPods=-1",
		"--dump-logs-on-failure=false")
}

// Clear removes what the suite left on the cluster, also one that was interrupted, and
// returns when it is gone.
func Clear(ctx context.Context, connection *api.Connection) error {
	ctx, cancel := context.WithTimeout(ctx, namespace.ClearTime)
	defer cancel()
	if left, err := namespace.AwaitRemoved(ctx, connection, runLabel); err != nil {
		return fmt.Errorf("namespaces of upstream's suite are still there: %s: %w", strings.Join(left, ", "), err)
	}
	return nil
}
