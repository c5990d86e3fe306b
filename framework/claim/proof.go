// Package claim ties Ginkgo specs to the catalogue: a spec says which claims
// it proves, and gets from them its labels, its profile, its time limit and
// its place in the order of a run. A spec that names no claim, or one that
// the catalogue does not know, stops the tree from being built.
package claim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	"github.com/podproof/podproof/fixtures/claims"
)

// Proof is an argument of It that names what the spec proves.
type Proof struct {
	id, part string
	wait     time.Duration
	jitter   time.Duration
}

// Proves says that the spec proves the claim. Its inherent wait is that of
// the claim.
func Proves(id string) Proof { return Proof{id: id, wait: -1} }

// ProvesPart says that the spec proves the named part of the claim, which
// has a profile and an inherent wait of its own.
func ProvesPart(id, part string) Proof { return Proof{id: id, part: part, wait: -1} }

// Waiting gives the spec an inherent wait of its own, where it is less than
// that of the whole claim: the documented delays that no cluster can shorten.
func (p Proof) Waiting(wait time.Duration) Proof {
	p.wait = wait
	return p
}

// Jitter gives the spec more time, for what a conformant cluster may add to
// the documented delays where they are long. It is no part of the inherent wait.
func (p Proof) Jitter(most time.Duration) Proof {
	p.jitter = most
	return p
}

// Prefixes of the labels that a spec gets from its claims.
const (
	labelID       = "id:"
	labelSubject  = "subject:"
	labelStrength = "strength:"
	labelProfile  = "profile:"
	labelWait     = "wait:"
	labelPart     = "part:"
)

// patience is what a spec may take beyond its inherent wait before Ginkgo
// ends it. It only has to be longer than a conformant cluster on a busy
// machine needs for scheduling, starting and reporting pods (seconds), so
// that a spec which hangs is ended at all.
const patience = 2 * time.Minute

func init() {
	ginkgo.AddTreeConstructionNodeArgsTransformer(decorate)
}

// decorate turns the proofs of an It into Ginkgo's own decorators.
func decorate(node types.NodeType, _ ginkgo.Offset, text string, args []any) (string, []any, []error) {
	if !node.Is(types.NodeTypeIt) {
		return text, args, nil
	}
	var proofs []Proof
	args = slices.DeleteFunc(args, func(arg any) bool {
		p, ok := arg.(Proof)
		if ok {
			proofs = append(proofs, p)
		}
		return ok
	})
	if len(proofs) == 0 {
		return text, args, []error{fmt.Errorf("the spec %q names no claim; give it claim.Proves(ID)", text)}
	}
	var jitter time.Duration
	for _, p := range proofs {
		jitter = max(jitter, p.jitter)
	}
	labels, wait, err := describe(proofs)
	if err != nil {
		return text, args, []error{fmt.Errorf("the spec %q: %w", text, err)}
	}
	// The longest inherent waits start first, so that the others run beside
	// them and not after.
	return text, append(args, labels, ginkgo.SpecTimeout(wait+jitter+patience), ginkgo.SpecPriority(int(wait/time.Second))), nil
}

// describe works out the labels and the inherent wait of a spec.
func describe(proofs []Proof) (ginkgo.Labels, time.Duration, error) {
	var labels ginkgo.Labels
	var longest time.Duration
	profile := claims.Quick
	for _, p := range proofs {
		c, err := claims.Find(p.id)
		if err != nil {
			return nil, 0, err
		}
		part, err := c.Part(p.part)
		if err != nil {
			return nil, 0, err
		}
		wait := part.Wait.Duration
		if p.wait >= 0 {
			wait = p.wait
		}
		longest = max(longest, wait)
		if part.Profile == claims.Full {
			profile = claims.Full
		}
		if p.part != "" {
			labels = append(labels, labelPart+p.part)
		}
		labels = append(labels, labelID+c.ID, labelSubject+c.Subject, labelStrength+string(c.Strength))
	}
	labels = append(labels, labelProfile+string(profile), labelWait+longest.String())
	slices.Sort(labels)
	return slices.Compact(labels), longest, nil
}

// Of returns the claims that a spec with these labels proves.
func Of(labels []string) []claims.Claim {
	var proven []claims.Claim
	for _, id := range values(labels, labelID) {
		if c, err := claims.Find(id); err == nil {
			proven = append(proven, c)
		}
	}
	return proven
}

// PartsOf returns the names of the parts that a spec with these labels proves.
func PartsOf(labels []string) []string { return values(labels, labelPart) }

// InherentWait returns the documented delays that a spec with these labels
// has to sit through.
func InherentWait(labels []string) time.Duration {
	for _, v := range values(labels, labelWait) {
		if d, err := time.ParseDuration(v); err == nil {
			return d
		}
	}
	return 0
}

// TimeLeft is for how long at least the spec that runs may still go on before Ginkgo
// interrupts it. Its context cannot tell: Ginkgo gives it no deadline, and cancels it.
func TimeLeft() time.Duration {
	return timeLeft(ginkgo.CurrentSpecReport(), time.Now())
}

func timeLeft(spec types.SpecReport, now time.Time) time.Duration {
	return InherentWait(spec.Labels()) + patience - now.Sub(spec.StartTime)
}

// Filter is the Ginkgo label filter that selects the specs of a profile, and
// of those the ones that prove any of the chosen claims; no claims select all.
func Filter(profile claims.Profile, chosen []claims.Claim) string {
	var parts []string
	if !profile.Includes(claims.Full) {
		parts = append(parts, labelProfile+" consistsOf "+string(profile))
	}
	if len(chosen) > 0 {
		var ids []string
		for _, c := range chosen {
			ids = append(ids, c.ID)
		}
		parts = append(parts, labelID+" containsAny {"+strings.Join(ids, ", ")+"}")
	}
	return strings.Join(parts, " && ")
}

// Uncovered returns the IDs of claims that none of the given specs proves,
// although a spec could: those that are not laws, not spoken for by a law,
// and not unreachable.
func Uncovered(specs []types.SpecReport) []string {
	covered := map[string]bool{}
	for _, spec := range specs {
		for _, id := range values(spec.Labels(), labelID) {
			covered[id] = true
		}
	}
	for _, c := range claims.All() {
		if c.Law {
			for _, id := range c.SpeaksFor {
				covered[id] = true
			}
		}
	}
	var missing []string
	for _, c := range claims.All() {
		if !c.Law && c.Unreachable == "" && !covered[c.ID] {
			missing = append(missing, c.ID)
		}
	}
	return missing
}

func values(labels []string, prefix string) []string {
	var found []string
	for _, l := range labels {
		if v, ok := strings.CutPrefix(l, prefix); ok {
			found = append(found, strings.TrimSpace(v))
		}
	}
	return found
}
