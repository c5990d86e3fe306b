package upstream

import (
	"regexp"
	"slices"

	"github.com/podproof/podproof/reports/mutantrun"
)

// Selection says in words which of upstream's specs are run.
const Selection = "conformance specs of [sig-node] and of [sig-storage] EmptyDir volumes, without [Serial], [Disruptive] and [Slow]"

// labels is Selection as Ginkgo's filter, and focus what it leaves of SIG Storage, which
// is about volumes of every kind: podproof has claims on emptyDir only.
const (
	labels = "Conformance && (sig-node || sig-storage) && !Serial && !Disruptive && !Slow"
	focus  = `\[sig-node\]|\[sig-storage\] EmptyDir volumes`
)

// leftOut are the specs of the selection that could say nothing about Pods, and those that
// need what is not there; a spec is named by the beginning of its name.
var leftOut = []mutantrun.UpstreamLeftOut{
	{Spec: "[sig-node] Lease", Why: "makes no Pod"},
	{Spec: "[sig-node] PodTemplates", Why: "makes no Pod"},
	{Spec: "[sig-node] RuntimeClass should support RuntimeClasses API operations", Why: "makes no Pod"},
	{Spec: "[sig-node] Node Lifecycle", Why: "makes a Node, and no Pod"},
	{Spec: "[sig-node] ImageVolume", Why: "pulls its image from a registry every time"},
}

// LeftOut are the specs that are left out on every cluster.
func LeftOut() []mutantrun.UpstreamLeftOut { return slices.Clone(leftOut) }

// skip are Ginkgo's regular expressions for specs that are left out.
func skip(specs []mutantrun.UpstreamLeftOut) []string {
	var patterns []string
	for _, s := range specs {
		patterns = append(patterns, regexp.QuoteMeta(s.Spec))
	}
	return patterns
}
