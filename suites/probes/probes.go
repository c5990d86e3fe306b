// Package probes holds the specs on how the kubelet probes containers.
package probes

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
)

// space is the namespace of a spec, with this subject's own containers.
type space struct{ *spec.Space }

// awaitListening waits until all containers of the Pod run and the witness in one of them
// listens on that many ports.
func (s space) awaitListening(ctx SpecContext, story *journal.Story, container string, ports int) {
	GinkgoHelper()
	spec.Must(story.Await(ctx, pod.AllRunning()))
	spec.Must(s.AwaitListening(ctx, story, container, ports))
}

// turnTime is how long the result of a probe may take to show in the API: a probe period of
// a second, the timeout, and the delays of a busy machine.
const turnTime = 30 * time.Second

// expectTurn waits until a container has turned ready, or not ready, after the given
// version (nil: from the beginning). Its failure names what the readiness probe finds, the
// reason for the turn. It returns the version of the turn, for the next call.
//
// The tables of what passes and what fails are judged in turns, so that each entry shows
// its effect: what passes must make a container ready that was not, and what fails must
// undo that. So one container is enough for a whole table, and no container has to be
// watched for what must not happen.
func expectTurn(ctx SpecContext, story *journal.Story, container string, ready bool, finds string, after *journal.Version) *journal.Version {
	GinkgoHelper()
	state, must := pod.ContainerReady(container), "pass and make the container ready"
	if !ready {
		state, must = pod.ContainerNotReady(container), "fail and make the container not ready"
	}
	soon, cancel := context.WithTimeout(ctx, turnTime)
	defer cancel()
	var version journal.Version
	var err error
	if after == nil {
		version, err = story.Await(soon, state)
	} else {
		version, err = story.AwaitAfter(soon, *after, state)
	}
	if journal.IsUnmet(err) {
		err = fmt.Errorf("the readiness probe of container %s finds %s, so it must %s\n%w", container, finds, must, err)
	}
	spec.Do(err)
	return &version
}

// expectEnded waits until a container has ended in a Pod without restarts. Its failure
// names what the liveness probe finds, the reason for the end. It is not enough that such a
// container is never ready: a probe that decides nothing does not make it ready either.
func expectEnded(ctx SpecContext, story *journal.Story, container, finds string) {
	GinkgoHelper()
	soon, cancel := context.WithTimeout(ctx, turnTime)
	defer cancel()
	_, err := story.Await(soon, pod.ContainerTerminated(container))
	if journal.IsUnmet(err) {
		err = fmt.Errorf("the liveness probe of container %s finds %s, so it must fail and end the container\n%w", container, finds, err)
	}
	spec.Do(err)
}
