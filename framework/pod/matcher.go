package pod

import (
	"fmt"
	"slices"
	"strings"

	"github.com/onsi/gomega/gcustom"
	"github.com/onsi/gomega/types"
	corev1 "k8s.io/api/core/v1"

	"github.com/podproof/podproof/framework/journal"
)

// HaveBeen matches a story with at least one version in which the state holds.
//
// Like all matchers here it fails with one sentence and then the story. A
// story without any version, or one that the journal does not have as a whole
// (journal.ErrGap), is an error and neither a match nor a mismatch.
func HaveBeen(state journal.State) types.GomegaMatcher {
	return overVersions(func(versions []journal.Version) finding {
		for i, v := range versions {
			if state.Holds(v.Pod) {
				return finding{
					matched: true,
					message: fmt.Sprintf("never %s, but it was %s", state.Text, moment(versions, i)),
				}
			}
		}
		return finding{message: fmt.Sprintf("at some moment %s, but it was not in any of its versions", state.Text)}
	})
}

// BeNow matches a story whose last version is in the state.
func BeNow(state journal.State) types.GomegaMatcher {
	return overVersions(func(versions []journal.Version) finding {
		last := versions[len(versions)-1].Pod
		if state.Holds(last) {
			return finding{matched: true, message: fmt.Sprintf("by now no longer %s, but it is: %s", state.Text, journal.Describe(last))}
		}
		return finding{message: fmt.Sprintf("by now %s, but it is: %s", state.Text, journal.Describe(last))}
	})
}

// AlwaysBe matches a story in all of whose versions the state holds.
func AlwaysBe(state journal.State) types.GomegaMatcher {
	return overVersions(func(versions []journal.Version) finding {
		for i, v := range versions {
			if !state.Holds(v.Pod) {
				return finding{message: fmt.Sprintf("always %s, but it was not %s", state.Text, moment(versions, i))}
			}
		}
		return finding{matched: true, message: fmt.Sprintf("at some moment not %s, but it was in all of its versions", state.Text)}
	})
}

// NeverBe matches a story in none of whose versions the state holds.
func NeverBe(state journal.State) types.GomegaMatcher {
	return overVersions(func(versions []journal.Version) finding {
		for i, v := range versions {
			if state.Holds(v.Pod) {
				return finding{message: fmt.Sprintf("never %s, but it was %s", state.Text, moment(versions, i))}
			}
		}
		return finding{matched: true, message: fmt.Sprintf("at some moment %s, but it was not in any of its versions", state.Text)}
	})
}

// HaveOnlyPhases matches a story that went through the given phases in this
// order, where any may be missing: the kubelet publishes snapshots, so a short
// phase need not be seen.
func HaveOnlyPhases(phases ...corev1.PodPhase) types.GomegaMatcher {
	return overVersions(func(versions []journal.Version) finding {
		var seen []corev1.PodPhase
		for _, v := range versions {
			if n := len(seen); n == 0 || seen[n-1] != v.Pod.Status.Phase {
				seen = append(seen, v.Pod.Status.Phase)
			}
		}
		rest := phases
		for _, phase := range seen {
			at := slices.Index(rest, phase)
			if at < 0 {
				return finding{message: fmt.Sprintf("to go through no phases but %s in this order, but it went through %s", arrows(phases), arrows(seen))}
			}
			rest = rest[at+1:]
		}
		return finding{matched: true, message: fmt.Sprintf("not to go only through %s, but it went through %s", arrows(phases), arrows(seen))}
	})
}

// finding is what a matcher found: its message is what was expected of the pod
// and what came instead, in the words for a failure of what was found.
type finding struct {
	matched bool
	message string
}

// overVersions makes a matcher over all versions of a story.
func overVersions(judge func([]journal.Version) finding) types.GomegaMatcher {
	// The message tells of the versions that were judged: the story may have
	// grown when Gomega asks for it.
	var failed struct{ Text string }
	return gcustom.MakeMatcher(func(story *journal.Story) (bool, error) {
		if err := story.Err(); err != nil {
			return false, fmt.Errorf("pod %s cannot be judged: %w\n%s", story.Name(), err, story)
		}
		versions := story.Versions()
		if len(versions) == 0 {
			return false, fmt.Errorf("pod %s cannot be judged: no version of it was seen", story.Name())
		}
		found := judge(versions)
		failed.Text = fmt.Sprintf("expected pod %s %s\n%s", story.Name(), found.message, story)
		return found.matched, nil
	}).WithTemplate("{{.Data.Text}}", &failed)
}

// moment says when a version was and how the pod was then.
func moment(versions []journal.Version, i int) string {
	v := versions[i]
	return fmt.Sprintf("%.3fs after its first version: %s", v.At.Sub(versions[0].At).Seconds(), journal.Describe(v.Pod))
}

func arrows(phases []corev1.PodPhase) string {
	texts := make([]string, len(phases))
	for i, phase := range phases {
		texts[i] = string(phase)
	}
	return strings.Join(texts, "→")
}
