package namespace

import (
	"slices"

	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/journal"
	"k8s.io/apimachinery/pkg/types"
)

// Seen is what a spec has read of the processes in one container: the inside view,
// as far as it is known.
type Seen struct {
	Pod       types.UID
	Container string
	Lines     []record.Line // each once, in the order of the node's clock
}

// Saw keeps lines that were read of a container, for the spec's timelines. Log and
// FollowLog do that; others who read lines in another way call it themselves. Lines
// that were read before are kept once.
func (s *Space) Saw(story *journal.Story, container string, lines []record.Line) {
	uid := story.UID()
	if uid == "" {
		return // nothing was seen of the pod, so there is no timeline
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.seen, func(k Seen) bool { return k.Pod == uid && k.Container == container })
	if i < 0 {
		i = len(s.seen)
		s.seen = append(s.seen, Seen{Pod: uid, Container: container})
	}
	s.seen[i].Lines = append(s.seen[i].Lines, lines...)
}

// Seen is what Saw was told of a pod, by container.
func (s *Space) Seen(uid types.UID) []Seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Seen
	for _, k := range s.seen {
		if k.Pod == uid {
			k.Lines = once(k.Lines)
			all = append(all, k)
		}
	}
	return all
}

// once sorts lines by time and leaves each there once.
func once(lines []record.Line) []record.Line {
	sorted := slices.Clone(lines)
	slices.SortStableFunc(sorted, func(a, b record.Line) int {
		if a.Instance == b.Instance {
			return int(a.Seq - b.Seq)
		}
		return int(a.BT - b.BT)
	})
	return slices.CompactFunc(sorted, func(a, b record.Line) bool { return a.Instance == b.Instance && a.Seq == b.Seq })
}
