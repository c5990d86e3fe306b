// Package mutantrun is the record of a run on mutants: which wrong components turned which
// claims red, and so which claims are proven to be real checks.
package mutantrun

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/reports"
)

// Schema names the layout of a Record; a change that breaks readers
// changes it.
const Schema = "podproof.mutants/v1"

// File and TextFile are the files that Write makes.
const (
	File     = "mutants.json"
	TextFile = "mutants.txt"
)

// Record is what running the suite against wrong components found out.
type Record struct {
	Schema        string `json:"schema"`
	ID            string `json:"id"`
	Version       string `json:"version"` // of podproof
	ServerVersion string `json:"serverVersion,omitempty"`
	// Filters are what selected the mutants; without any, all were.
	Filters []string `json:"filters,omitempty"`
	Mutants []Result `json:"mutants"`
	// Upstream is Kubernetes' own suite, when it was run on the mutants as well.
	Upstream *UpstreamSuite `json:"upstream,omitempty"`
	// Proven lists, for every claim of the catalogue, the mutants that turned it red.
	Proven []ProvenClaim `json:"proven"`
	// Afterwards is the verdict of the same claims on the restored cluster, and
	// AfterwardsReason why it is not conformant.
	Afterwards       reports.Verdict `json:"afterwards,omitempty"`
	AfterwardsReason string          `json:"afterwardsReason,omitempty"`
	Interrupted      bool            `json:"interrupted,omitempty"`
	// Error is why the mutants could not be run at all.
	Error    string `json:"error,omitempty"`
	ExitCode int    `json:"exitCode"`
}

// Outcome is what became of one mutant.
type Outcome string

const (
	// Killed is a mutant that turned all expected claims red.
	Killed Outcome = "killed"
	// KilledInPart is one that turned only some of them red.
	KilledInPart Outcome = "killed in part"
	// KilledByOthers is one that turned only unexpected claims red.
	KilledByOthers Outcome = "killed by others"
	// Survived is one that nothing noticed.
	Survived Outcome = "survived"
	// Unseen is one that no spec can notice, as the catalogue says.
	Unseen Outcome = "cannot be seen"
	// Undecided is one whose claims do not apply here, or could not be tested.
	Undecided Outcome = "undecided"
	// DoesNotFit is one whose edit does not match the source of this version.
	DoesNotFit Outcome = "does not fit"
	// NotMeant is one that is not for this version.
	NotMeant Outcome = "not for this version"
	// Broken is one that was not built, or did not work as a component.
	Broken Outcome = "error"
)

// Result is what the suite said about one mutant.
type Result struct {
	ID        string   `json:"id"`
	Component string   `json:"component"`
	Version   string   `json:"version"`
	Wrong     string   `json:"wrong"`
	Expected  []string `json:"expected,omitempty"` // claims that have to turn red
	Outcome   Outcome  `json:"outcome"`
	Reason    string   `json:"reason,omitempty"`
	// Red lists the claims that turned red, the expected ones first.
	Red []RedClaim `json:"red,omitempty"`
	// Missed lists the expected claims that did not.
	Missed []RedClaim `json:"missed,omitempty"`
	// Record is the directory of the run's record, relative to this one.
	Record string `json:"record,omitempty"`
	// Upstream is what the specs of Kubernetes' own suite said.
	Upstream *UpstreamRun `json:"upstream,omitempty"`
	Seconds  Seconds      `json:"seconds"`
}

// Seconds is what the steps of one mutant took.
type Seconds struct {
	Build    float64 `json:"build"`
	Swap     float64 `json:"swap"`
	Specs    float64 `json:"specs"`
	Upstream float64 `json:"upstream,omitempty"` // Kubernetes' own suite
	Restore  float64 `json:"restore"`
}

// RedClaim is the verdict on one claim under a mutant, with its reason.
type RedClaim struct {
	Claim    string          `json:"claim"`
	Expected bool            `json:"expected"`
	Verdict  reports.Verdict `json:"verdict"`
	Reason   string          `json:"reason"`
}

// ProvenClaim is one claim of the catalogue with the mutants that turned it red.
type ProvenClaim struct {
	Claim   string   `json:"claim"`
	Mutants []string `json:"mutants,omitempty"`
	// Unreachable is why no cluster can show the claim, so that nothing can break it.
	Unreachable string `json:"unreachable,omitempty"`
}

// Judge says what became of a mutant from the record of the run on it.
func Judge(m *Result, r reports.Record) {
	verdicts := map[string]reports.ClaimResult{}
	for _, c := range r.Claims {
		verdicts[c.ID] = c
	}
	var apart []RedClaim
	for _, id := range m.Expected {
		c := verdicts[id]
		claim := RedClaim{Claim: id, Expected: true, Verdict: c.Verdict, Reason: c.Reason}
		switch c.Verdict {
		case reports.Nonconformant:
			m.Red = append(m.Red, claim)
		case reports.NotApplicable: // such as a claim that is newer than the cluster
			apart = append(apart, claim)
		default:
			m.Missed = append(m.Missed, claim)
		}
	}
	if len(m.Red)+len(m.Missed) == 0 {
		m.Missed = apart
	}
	expected := len(m.Red)
	for _, c := range r.Claims {
		if c.Verdict == reports.Nonconformant && !slices.Contains(m.Expected, c.ID) {
			m.Red = append(m.Red, RedClaim{Claim: c.ID, Verdict: c.Verdict, Reason: c.Reason})
		}
	}
	undecided := !slices.ContainsFunc(m.Missed, func(c RedClaim) bool { return c.Verdict == reports.Conformant })
	switch {
	case expected > 0 && len(m.Missed) == 0:
		m.Outcome = Killed
	case expected > 0:
		m.Outcome = KilledInPart
	case len(m.Red) > 0:
		m.Outcome = KilledByOthers
	case len(m.Expected) == 0:
		m.Outcome = Unseen
	case undecided:
		m.Outcome, m.Reason = Undecided, m.Missed[0].Reason
	default:
		m.Outcome = Survived
	}
}

// Conclude fills in what follows from the mutants' results: which claims are proven to
// be real checks, and the exit code.
func (r *Record) Conclude() {
	killers := map[string][]string{}
	for _, m := range r.Mutants {
		for _, c := range m.Red {
			killers[c.Claim] = append(killers[c.Claim], m.ID)
		}
	}
	r.Proven = nil
	for _, c := range claims.All() {
		r.Proven = append(r.Proven, ProvenClaim{Claim: c.ID, Mutants: killers[c.ID], Unreachable: c.Unreachable})
	}
	has := func(outcomes ...Outcome) bool {
		return slices.ContainsFunc(r.Mutants, func(m Result) bool { return slices.Contains(outcomes, m.Outcome) })
	}
	switch {
	case r.Interrupted:
		r.ExitCode = reports.ExitInterrupted
	case r.Error != "" || has(Broken, DoesNotFit, Undecided) || slices.ContainsFunc(r.Mutants, inDoubt) || r.Afterwards != "" && r.Afterwards != reports.Conformant:
		r.ExitCode = reports.ExitCouldNotTest
	case has(Survived, KilledByOthers, KilledInPart):
		r.ExitCode = reports.ExitNonconformant
	case !has(Killed, Unseen): // none is meant for this version, which shows nothing
		r.ExitCode = reports.ExitCouldNotTest
	default:
		r.ExitCode = reports.ExitConformant
	}
}

// inDoubt says whether an expected claim could not be tested.
func inDoubt(m Result) bool {
	return slices.ContainsFunc(m.Missed, func(c RedClaim) bool { return c.Verdict == reports.Inconclusive || c.Verdict == reports.NotRun })
}

// Unproven lists the claims that no mutant has turned red, although a cluster can
// break them.
func (r *Record) Unproven() []string {
	var ids []string
	for _, c := range r.Proven {
		if len(c.Mutants) == 0 && c.Unreachable == "" {
			ids = append(ids, c.Claim)
		}
	}
	return ids
}

// Write makes the record's files in dir, which is there. Each file is complete
// or not there at all, whenever the program ends.
func Write(dir string, r Record) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write the mutants' record as JSON: %w", err)
	}
	if err := reports.WriteFile(filepath.Join(dir, File), append(data, '\n')); err != nil {
		return err
	}
	return reports.WriteFile(filepath.Join(dir, TextFile), []byte(Text(r, false)))
}
