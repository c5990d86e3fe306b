// Package spec is what the suites' specs are written with: a namespace of
// their own for each spec, and what happens around every spec (gates before
// it, evidence and laws after it).
package spec

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/kubectl"
	"github.com/podproof/podproof/framework/namespace"
	corev1 "k8s.io/api/core/v1"
)

// Times that the work around a spec may take. They are patience, not claims:
// long enough for a busy machine, short enough that a cluster which has died
// does not hold up the run.
const (
	openTime     = 30 * time.Second
	closeTime    = 30 * time.Second
	evidenceTime = 20 * time.Second
	// apiPatience is how long an API server that does not answer may take to
	// come back before the whole run is given up.
	apiPatience = 15 * time.Second
)

var (
	ground *namespace.Ground
	facts  claim.Facts
	// gatesOnce guards learnGates, and gatesUnknown is why it learned nothing.
	gatesOnce    sync.Once
	gatesUnknown error
	// runDir is the run's directory, for evidence.
	runDir string
	// late says of the running spec that it failed because something was late.
	late bool
)

// Use gives this test process the ground that its specs run on, and the run's directory,
// where evidence goes. In a run that is confined to given namespaces the process takes one
// of them.
func Use(ctx context.Context, g *namespace.Ground, dir string) error {
	if given := g.Cluster.Namespaces; g.Cluster.Confined() {
		process := GinkgoParallelProcess()
		if process > len(given) {
			return fmt.Errorf("test process %d has no namespace of its own: %d are given", process, len(given))
		}
		g.Given = given[process-1]
	}
	f, err := detect(ctx, g)
	if err != nil {
		return err
	}
	ground, facts, runDir = g, f, dir
	return nil
}

// Capabilities are those that were found on the cluster under test.
func Capabilities() []string { return facts.Capabilities }

// Sources says of every capability how it was found, or why it is not there.
func Sources() map[string]string { return facts.Sources }

// Space is the namespace of the running spec; see Namespace.
type Space struct{ *namespace.Space }

// Namespace gives each spec of the container in which it is called a
// namespace of its own, at Pod Security level restricted.
func Namespace() *Space { return atLevel("restricted") }

// PrivilegedNamespace is Namespace for the few specs whose pods use what
// restricted forbids, such as the host's network.
func PrivilegedNamespace() *Space { return atLevel("privileged") }

func atLevel(level string) *Space {
	space := &Space{}
	BeforeEach(func(ctx SpecContext) {
		labels := CurrentSpecReport().Labels()
		for _, c := range claim.Of(labels) {
			if c.Gate != "" {
				learnGates(ctx)
			}
			if reason := facts.NotApplicable(c, claim.PartsOf(labels)...); reason != "" {
				Skip(reason)
			}
		}
		ground.API.Meter.Reset()
		late = false
		opened, err := namespace.Open(ctx, ground, level)
		space.Space = opened
		if err != nil {
			if opened != nil {
				DeferCleanup(opened.Close, NodeTimeout(closeTime))
			}
			giveUpWithoutAPI(ctx)
			Fail(err.Error())
		}
		DeferCleanup(func(ctx SpecContext) { finish(ctx, opened) }, NodeTimeout(closeTime))
		DeferOnFailure(func(ctx SpecContext) {
			explain(ctx, opened)
			collect(ctx, opened)
		}, NodeTimeout(evidenceTime))
	}, NodeTimeout(openTime))
	return space
}

// finish checks the laws on all that the journal saw, closes the namespace,
// and says how many API requests the spec took.
func finish(ctx context.Context, space *namespace.Space) {
	// What was proven on a history that lags behind, or has a hole, is not.
	whole := space.Journal().CaughtUp(ctx)
	var broken error
	if whole == nil {
		broken = claim.CheckLaws(space.Journal(), deviationFromLaw)
	} else {
		claim.Inconclusive(whole.Error())
	}
	keepTimelines(space, CurrentSpecReport().Failed() || broken != nil)
	claim.Requests(ground.API.Meter.Requests())
	// A namespace that cannot be removed is the run's business at its end,
	// where it is waited for, and none of the spec's.
	if err := space.Close(ctx); err != nil {
		fmt.Fprintf(GinkgoWriter, "clean-up: %v\n", err)
	}
	if err := errors.Join(whole, broken); err != nil {
		Fail(err.Error())
	}
}

// explain finds reasons on our side for which the failed spec says nothing
// about the cluster.
func explain(ctx context.Context, space *namespace.Space) {
	if err := space.Journal().CaughtUp(ctx); err != nil {
		claim.Inconclusive(err.Error())
	}
	for _, o := range space.Journal().Outages() {
		if o.To.IsZero() {
			o.To = time.Now()
		}
		if away := o.To.Sub(o.From); away > journal.TolerableOutage {
			claim.Inconclusive(fmt.Sprintf("the watch on the API's %s was away for %.1f s: %s", o.What, away.Seconds(), o.Err))
		}
	}
	for _, f := range ground.API.Meter.Faults() {
		claim.Inconclusive(fmt.Sprintf("the API failed a request: %s", f))
	}
	for _, story := range space.Journal().Stories() {
		if reason := withoutWitness(story.Last()); reason != "" {
			claim.Inconclusive(reason)
		}
	}
	overdue, limit := late, slowStart
	if CurrentSpecReport().State.Is(types.SpecStateTimedout) {
		overdue, limit = true, slowForAll
	}
	if reason := tooSlow(space.Journal().Stories(), limit); overdue && reason != "" {
		claim.Inconclusive(reason)
	}
	// On a cluster of our own nobody but a broken component does such things.
	if !ground.Cluster.Own {
		for _, reason := range obstacles(space) {
			claim.Inconclusive(reason)
		}
		for _, c := range claim.Of(CurrentSpecReport().Labels()) {
			if ground.Cluster.Confined() && maybeTooOld(c, facts.Server) {
				claim.Inconclusive(fmt.Sprintf("%s holds since Kubernetes %s, and nodes can be older than the API server; %v", c.ID, c.Since, errConfined))
			}
		}
	}
}

// withoutWitness tells a pod that waits for our own image, which is then not
// on its node.
func withoutWitness(p *corev1.Pod) string {
	if p == nil {
		return ""
	}
	for _, s := range append(p.Status.InitContainerStatuses, p.Status.ContainerStatuses...) {
		if s.State.Waiting == nil || s.Image != ground.Cluster.WitnessImage && s.Image != ground.Cluster.WitnessTwin {
			continue
		}
		switch s.State.Waiting.Reason {
		case "ErrImageNeverPull", "ErrImagePull", "ImagePullBackOff":
			return fmt.Sprintf("the witness image %s is not on node %s (%s)", s.Image, p.Spec.NodeName, s.State.Waiting.Reason)
		}
	}
	return ""
}

// giveUpWithoutAPI ends the whole run when the API server stays away: every
// further spec could only say the same.
func giveUpWithoutAPI(ctx context.Context) {
	deadline := time.Now().Add(apiPatience)
	for {
		err := ground.API.Reachable(ctx, 5*time.Second)
		if err == nil {
			return
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			AbortSuite(fmt.Sprintf("the run is given up: %v", err))
		}
		// There is nothing to watch on a server that is away: look again soon.
		time.Sleep(time.Second)
	}
}

// Must returns the value of a step, or fails the spec with its error.
func Must[T any](value T, err error) T {
	GinkgoHelper()
	Do(err)
	return value
}

// Do fails the spec with the error of a step, if it has one. A step that could
// not see what happened, or had no answer from the API server, makes the spec
// inconclusive; one whose time was up does so as Late says.
func Do(err error) {
	GinkgoHelper()
	if err == nil {
		return
	}
	if errors.Is(err, journal.ErrGap) || errors.Is(err, journal.ErrClosed) || errors.Is(err, kubectl.ErrEngine) || unanswered(err) {
		claim.Inconclusive(err.Error())
	}
	late = late || errors.Is(err, context.DeadlineExceeded)
	Fail(err.Error())
}

// Inconclusive ends the spec because it cannot judge the cluster: what is in the way is
// on our side, or the claim is not about such a cluster. The reason is a sentence for
// people who read the report, "the machine is too busy: …".
func Inconclusive(format string, args ...any) {
	GinkgoHelper()
	reason := fmt.Sprintf(format, args...)
	claim.Inconclusive(reason)
	Fail(reason)
}

// TooBusy is Inconclusive for a machine that did not keep up with the spec.
func TooBusy(format string, args ...any) {
	GinkgoHelper()
	Inconclusive("the machine is too busy: "+format, args...)
}

// Late fails the spec because something came later than it may, or not in its time. On
// nodes that are too slow to tell whose fault that is, the spec is inconclusive.
func Late(message string) {
	GinkgoHelper()
	late = true
	Fail(message)
}

// unanswered tells a step that ended while the API server had not answered its request
// at all, such as when the time of the spec was up. Of a pod or a node that does not
// answer, the API server says so itself.
func unanswered(err error) bool {
	var request *url.Error // http.Client's, for want of an answer
	return errors.As(err, &request)
}
