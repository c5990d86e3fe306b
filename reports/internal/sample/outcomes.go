package sample

import (
	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/reports"
)

// Catalogue is a small one: two claims for specs, one that only a law proves, one for both,
// one that nothing can show, and the law.
func Catalogue() []claims.Claim {
	return []claims.Claim{
		{ID: "A-01", Subject: "a", Sentence: "A is so."},
		{ID: "B-01", Subject: "b", Sentence: "B is so."},
		{ID: "C-01", Subject: "c", Sentence: "C is so."},
		{ID: "U-01", Subject: "u", Sentence: "U is so.", Unreachable: "nothing writes it"},
		{ID: "LAW-C", Subject: "laws", Sentence: "C always holds.", Law: true, SpeaksFor: []string{"C-01", "B-01"}},
	}
}

// Pass is a spec of the claim that passed.
func Pass(id string) reports.Spec {
	return reports.Spec{Text: "good " + id, Claims: []string{id}, State: reports.Passed}
}

// Fail is a spec of the claim that failed.
func Fail(id string, kind reports.FailureKind) reports.Spec {
	return reports.Spec{Text: "bad " + id, Claims: []string{id}, State: reports.Failed, Failure: kind, Message: "because"}
}

// Skip is a spec of the claim that was skipped.
func Skip(id, reason string) reports.Spec {
	return reports.Spec{Text: "skipped " + id, Claims: []string{id}, State: reports.Skipped, SkipReason: reason}
}

// Deviate is a spec of the claim that found a known deviation.
func Deviate(id string) reports.Spec {
	return reports.Spec{Text: "deviating " + id, Claims: []string{id}, State: reports.Deviated, Deviation: &reports.Deviation{
		Claim: id, Short: "kubernetes/kubernetes#1", Component: "kubelet", Version: "v1.36.3", Summary: "It does not."}}
}

// InState is a spec of the claim that ended so.
func InState(id string, s reports.State) reports.Spec {
	return reports.Spec{Text: string(s), Claims: []string{id}, State: s}
}

// LawDeviates is the law of the small catalogue, broken by a known bug.
var LawDeviates = []reports.Law{{ID: "LAW-C", Pods: 3, Versions: 20, Deviated: []reports.DeviatedLaw{{Pod: "ns/p", Spec: "passing A-01", Deviation: reports.Deviation{
	Claim: "LAW-C", Issue: "https://github.com/kubernetes/kubernetes/issues/1", Short: "kubernetes/kubernetes#1", Summary: "C does not hold.", Component: "kubelet", Version: "v1.36.3", Found: "it broke C",
}}}}}

// LawHolds is the law of the small catalogue, unbroken.
var LawHolds = []reports.Law{{ID: "LAW-C", Pods: 3, Versions: 20}}
