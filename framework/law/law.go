// Package law judges what the journal recorded: laws are claims that hold for every pod at
// every moment of its life, and are checked on the pods of all specs.
package law

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/framework/journal"
)

// Law is a claim that holds for every pod at every moment of its life. Laws are
// checked on every story of a run, so each must be impossible to break on a
// cluster that does what is documented; what is only usual is no law.
type Law struct {
	// ID is the ID of the claim, which has the law's sentence.
	ID string
	// Exempt says what a spec may do itself that takes its pods out of the
	// law, "" when nothing does. Such a spec says so by calling Exempt.
	Exempt string
	// Check judges all versions of one pod, in the order of the watch, and
	// says where the law is broken first.
	Check func([]journal.Version) error
	// Known says where the versions break the law first in the way of a known bug of
	// Kubernetes; Check leaves that out. Nil where no such bug is known. Which versions
	// have the bug is in claims.Deviations.
	Known func([]journal.Version) error
	// About says whether the versions are such that they could break the law, so
	// that a law is held by no pod that only never came to what it is about. Nil
	// stands for all pods.
	About func([]journal.Version) bool
}

// Broken is one law that a story breaks.
type Broken struct {
	Law     string // its ID
	Message string // which pod, when, and what was there
	// Known says that it is broken in the way of a known bug (Law.Known). Where the pod's
	// kubelet does not have the bug, the law is broken like any other.
	Known bool
}

// All are all laws.
var All = []Law{
	{
		ID:     "LAW-PHASE-KNOWN",
		Exempt: "a spec that writes pods/status itself",
		Check:  phaseKnown,
	},
	{
		ID:     "LAW-PHASE-FORWARD",
		Exempt: "a spec that writes pods/status itself",
		Check:  phaseForward,
		About:  changed,
	},
	{
		ID:     "LAW-RESTARTS-GROW",
		Exempt: "a spec that restarts a node or takes containers from its runtime",
		Check:  restartsGrow,
		About:  func(versions []journal.Version) bool { return someBefore(versions, restarted) },
	},
	{
		ID:     "LAW-RUNNING-CREATED",
		Exempt: "a spec that writes pods/status itself",
		Check:  runningCreated,
		About:  func(versions []journal.Version) bool { return slices.ContainsFunc(versions, isRunning) },
	},
	{
		ID:     "LAW-IP-STABLE",
		Exempt: "a spec that writes pods/status itself",
		Check:  ipStable,
		About:  func(versions []journal.Version) bool { return someBefore(versions, runsWithIP) },
	},
	{
		ID:    "LAW-NODE-STABLE",
		Check: nodeStable,
		About: func(versions []journal.Version) bool { return someBefore(versions, isBound) },
	},
	{
		ID:    "LAW-CONTAINERS-FIXED",
		Check: containersFixed,
		About: changed,
	},
	{
		ID:    "LAW-DELETION-FINAL",
		Check: deletionFinal,
		About: func(versions []journal.Version) bool { return someBefore(versions, isDeleted) },
	},
	{
		ID:     "LAW-TERMINAL-BEFORE-GONE",
		Exempt: "a spec that deletes a pod with grace period 0 while it is being deleted gracefully",
		Check:  terminalBeforeGone,
		About: func(versions []journal.Version) bool {
			_, waits := goneAfterGrace(versions)
			return waits
		},
	},
	{
		ID:     "LAW-TERMINAL-STOPPED",
		Exempt: "a spec that writes pods/status itself",
		Check:  terminalStopped,
		About: func(versions []journal.Version) bool {
			return slices.ContainsFunc(versions, ended) && slices.ContainsFunc(versions, someRuns)
		},
	},
	{
		ID:    "LAW-STATE-ONE",
		Check: eachStatus(oneState),
		About: someStatus(func(container) bool { return true }),
	},
	{
		ID:    "LAW-WAITING-REASON",
		Check: eachStatus(waitingReason),
		About: someStatus(func(c container) bool { return c.State.Waiting != nil }),
	},
	{
		ID:    "LAW-TERMINATED-REASON",
		Check: eachStatus(terminatedReason),
		About: someStatus(func(c container) bool { return len(c.ends()) > 0 }),
	},
	{
		ID:    "LAW-TERMINATED-TIMES",
		Check: eachStatus(terminatedTimes),
		About: someStatus(func(c container) bool { return len(c.ends()) > 0 }),
	},
	{
		ID:    "LAW-STARTED-RUNS",
		Check: eachStatus(startedRuns),
		About: someStatus(func(c container) bool { return !c.runs() && !c.lost() }),
	},
	{
		ID:    "LAW-READY-RUNS",
		Check: eachStatus(readyRuns),
		About: someStatus(func(c container) bool { return !c.runs() && !c.lost() || c.completes }),
	},
	{
		ID:     "LAW-STARTED-STAYS",
		Exempt: "a spec that restarts the kubelet",
		Check:  ofInstances(startedStays).broken,
		Known:  ofInstances(startedStays).inherited,
		About:  func(versions []journal.Version) bool { return someBefore(versions, someStarted) },
	},
	{
		ID:    "LAW-READY-STARTED",
		Check: ofInstances(readyStarted).broken,
		Known: ofInstances(readyStarted).inherited,
		About: someStatus(func(c container) bool { return c.runs() && c.spec.StartupProbe != nil }),
	},
	{
		ID:     "LAW-READY-ANEW",
		Exempt: "a spec that restarts the kubelet",
		Check:  ofInstances(readyAnew).broken,
		Known:  ofInstances(readyAnew).inherited,
		About:  someStatus(func(c container) bool { return c.runs() && c.isProbed() && c.RestartCount > 0 }),
	},
	{
		ID:     "LAW-READY-CONTAINERS",
		Exempt: "a spec that writes pods/status itself",
		Check:  readyImplies(corev1.ContainersReady),
		About:  func(versions []journal.Version) bool { return slices.ContainsFunc(versions, isReady) },
	},
	{
		ID:     "LAW-READY-SCHEDULED",
		Exempt: "a spec that writes pods/status itself",
		Check:  readyImplies(corev1.PodScheduled),
		About:  func(versions []journal.Version) bool { return slices.ContainsFunc(versions, isReady) },
	},
	{
		ID:     "LAW-TRANSITION-MOVES",
		Exempt: "a spec that writes pods/status itself",
		Check:  transitionMoves,
		About:  func(versions []journal.Version) bool { return someBefore(versions, hasConditions) },
	},
	{
		ID:     "LAW-TRANSITION-FORWARD",
		Exempt: "a spec that writes pods/status itself",
		Check:  transitionForward,
		About:  func(versions []journal.Version) bool { return someBefore(versions, hasConditions) },
	},
	{
		ID:     "LAW-RESTART-ID",
		Exempt: "a spec that restarts a node or takes containers from its runtime",
		Check:  restartID,
		About:  func(versions []journal.Version) bool { return slices.ContainsFunc(versions, restarted) },
	},
	{
		ID:     "LAW-GENERATION-REACHED",
		Exempt: "a spec that writes pods/status itself",
		Check:  generationReached,
		About:  func(versions []journal.Version) bool { return slices.ContainsFunc(versions, observesGeneration) },
	},
	{
		ID:     "LAW-GENERATION-FORWARD",
		Exempt: "a spec that writes pods/status itself",
		Check:  generationForward,
		About:  func(versions []journal.Version) bool { return someBefore(versions, observesGeneration) },
	},
}

// Check judges all versions of one pod by all laws but those with the
// exempted IDs. It is only for histories without a hole.
func Check(versions []journal.Version, exempt ...string) []Broken {
	var broken []Broken
	for _, law := range All {
		if slices.Contains(exempt, law.ID) {
			continue
		}
		if err := law.Check(versions); err != nil {
			broken = append(broken, law.brokenBy(versions[0].Pod, err))
		}
		if law.Known == nil {
			continue
		}
		if err := law.Known(versions); err != nil {
			known := law.brokenBy(versions[0].Pod, err)
			known.Known = true
			broken = append(broken, known)
		}
	}
	return broken
}

func (l Law) brokenBy(pod *corev1.Pod, err error) Broken {
	return Broken{Law: l.ID, Message: fmt.Sprintf("pod %s/%s broke %s (%s): %v", pod.Namespace, pod.Name, l.ID, l.sentence(), err)}
}

// sentence is the law as the catalogue of claims has it.
func (l Law) sentence() string {
	c, err := claims.Find(l.ID)
	if err != nil {
		return err.Error()
	}
	return c.Sentence
}

// Exempt takes the story's pod out of a law, for a spec that itself does to the pod what
// the law's Exempt names. A law that knows no exemption, or none at all by that ID, is an
// error.
func Exempt(story *journal.Story, id string) error {
	if !slices.ContainsFunc(All, func(l Law) bool { return l.ID == id && l.Exempt != "" }) {
		return fmt.Errorf("no pod can be exempt from the law %q", id)
	}
	return story.Exempt(id)
}
