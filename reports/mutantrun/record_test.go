package mutantrun

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/reports"
)

func verdicts(verdicts map[string]reports.Verdict) reports.Record {
	var r reports.Record
	for _, id := range []string{"NET-01", "NET-02", "LAW-IP-STABLE"} {
		if v, given := verdicts[id]; given {
			r.Claims = append(r.Claims, reports.ClaimResult{ID: id, Verdict: v, Reason: "why " + id})
		}
	}
	return r
}

func TestOutcomeOfAMutant(t *testing.T) {
	for name, c := range map[string]struct {
		expected []string
		verdicts map[string]reports.Verdict
		want     Outcome
	}{
		"all red that have to be":         {[]string{"NET-01", "NET-02"}, map[string]reports.Verdict{"NET-01": reports.Nonconformant, "NET-02": reports.Nonconformant}, Killed},
		"and one more":                    {[]string{"NET-01"}, map[string]reports.Verdict{"NET-01": reports.Nonconformant, "NET-02": reports.Nonconformant}, Killed},
		"one of two":                      {[]string{"NET-01", "NET-02"}, map[string]reports.Verdict{"NET-01": reports.Nonconformant, "NET-02": reports.Conformant}, KilledInPart},
		"one of two, other not decided":   {[]string{"NET-01", "NET-02"}, map[string]reports.Verdict{"NET-01": reports.Nonconformant, "NET-02": reports.Inconclusive}, KilledInPart},
		"one of two, other too new":       {[]string{"NET-01", "NET-02"}, map[string]reports.Verdict{"NET-01": reports.Nonconformant, "NET-02": reports.NotApplicable}, Killed},
		"only another":                    {[]string{"NET-01"}, map[string]reports.Verdict{"NET-01": reports.Conformant, "LAW-IP-STABLE": reports.Nonconformant}, KilledByOthers},
		"none":                            {[]string{"NET-01"}, map[string]reports.Verdict{"NET-01": reports.Conformant, "NET-02": reports.Conformant}, Survived},
		"none, and one inconclusive":      {[]string{"NET-01", "NET-02"}, map[string]reports.Verdict{"NET-01": reports.Conformant, "NET-02": reports.Inconclusive}, Survived},
		"none could be tested":            {[]string{"NET-01"}, map[string]reports.Verdict{"NET-01": reports.Inconclusive}, Undecided},
		"none applies":                    {[]string{"NET-01"}, map[string]reports.Verdict{"NET-01": reports.NotApplicable}, Undecided},
		"the claim is not in the record":  {[]string{"NET-01"}, nil, Undecided},
		"nothing can notice it":           {nil, map[string]reports.Verdict{"NET-01": reports.Conformant}, Unseen},
		"a known deviation is not a kill": {[]string{"NET-01"}, map[string]reports.Verdict{"NET-01": reports.KnownDeviation}, Undecided},
	} {
		t.Run(name, func(t *testing.T) {
			m := Result{ID: "m", Expected: c.expected}
			Judge(&m, verdicts(c.verdicts))
			NewWithT(t).Expect(m.Outcome).To(Equal(c.want))
		})
	}
}

func TestAMutantTellsWhatKilledIt(t *testing.T) {
	g := NewWithT(t)
	m := Result{ID: "m", Expected: []string{"NET-02"}}
	Judge(&m, verdicts(map[string]reports.Verdict{"NET-01": reports.Nonconformant, "NET-02": reports.Nonconformant}))
	g.Expect(m.Red).To(Equal([]RedClaim{
		{Claim: "NET-02", Expected: true, Verdict: reports.Nonconformant, Reason: "why NET-02"},
		{Claim: "NET-01", Verdict: reports.Nonconformant, Reason: "why NET-01"},
	}))
	g.Expect(m.Missed).To(BeEmpty())
}

func TestExitCodeOfMutants(t *testing.T) {
	for name, c := range map[string]struct {
		record Record
		want   int
	}{
		"all killed":                {Record{Mutants: []Result{{Outcome: Killed}, {Outcome: NotMeant}, {Outcome: Unseen}}, Afterwards: reports.Conformant}, reports.ExitConformant},
		"one survived":              {Record{Mutants: []Result{{Outcome: Killed}, {Outcome: Survived}}, Afterwards: reports.Conformant}, reports.ExitNonconformant},
		"one killed by others":      {Record{Mutants: []Result{{Outcome: KilledByOthers}}, Afterwards: reports.Conformant}, reports.ExitNonconformant},
		"one killed in part":        {Record{Mutants: []Result{{Outcome: KilledInPart}}, Afterwards: reports.Conformant}, reports.ExitNonconformant},
		"one could not be tested":   {Record{Mutants: []Result{{Outcome: KilledInPart, Missed: []RedClaim{{Verdict: reports.Inconclusive}}}}, Afterwards: reports.Conformant}, reports.ExitCouldNotTest},
		"one was not run":           {Record{Mutants: []Result{{Outcome: KilledInPart, Missed: []RedClaim{{Verdict: reports.NotRun}}}}, Afterwards: reports.Conformant}, reports.ExitCouldNotTest},
		"one was not built":         {Record{Mutants: []Result{{Outcome: Survived}, {Outcome: Broken}}, Afterwards: reports.Conformant}, reports.ExitCouldNotTest},
		"one does not fit":          {Record{Mutants: []Result{{Outcome: DoesNotFit}}}, reports.ExitCouldNotTest},
		"none for this version":     {Record{Mutants: []Result{{Outcome: NotMeant}}, Afterwards: reports.Conformant}, reports.ExitCouldNotTest},
		"not conformant afterwards": {Record{Mutants: []Result{{Outcome: Killed}}, Afterwards: reports.Nonconformant}, reports.ExitCouldNotTest},
		"no cluster":                {Record{Error: "no cluster"}, reports.ExitCouldNotTest},
		"interrupted":               {Record{Interrupted: true, Mutants: []Result{{Outcome: Survived}}}, reports.ExitInterrupted},
	} {
		t.Run(name, func(t *testing.T) {
			c.record.Conclude()
			NewWithT(t).Expect(c.record.ExitCode).To(Equal(c.want))
		})
	}
}

func TestClaimsThatNoMutantTurnsRedAreUnproven(t *testing.T) {
	g := NewWithT(t)
	r := Record{ID: "run", ServerVersion: "v1.37.2", Mutants: []Result{
		{ID: "first", Component: "kubelet", Wrong: "It is wrong.", Outcome: Killed, Expected: []string{"NET-01"}, Red: []RedClaim{{Claim: "NET-01", Expected: true, Reason: "the address is missing"}}},
		{ID: "second", Component: "kubelet", Wrong: "It is wrong, too.", Outcome: Survived, Expected: []string{"NET-02"}, Missed: []RedClaim{{Claim: "NET-02", Verdict: reports.Conformant}}},
	}}
	r.Conclude()
	g.Expect(r.Unproven()).To(And(ContainElement("NET-02"), Not(ContainElement("NET-01"))))

	text := Text(r, false)
	g.Expect(text).To(And(
		ContainSubstring("NET-01 red: the address is missing"),
		ContainSubstring("NET-02 NOT red but conformant"),
		ContainSubstring("2 mutants: 1 killed, 1 survived"),
		MatchRegexp(`(?m)^unproven, no mutant turned them red:`),
	))
	// Of some mutants alone nothing follows for the claims of the others.
	r.Filters = []string{"mutants first"}
	g.Expect(Text(r, false)).NotTo(ContainSubstring("unproven"))
}

func TestMutantsAreWrittenAsTheyAreRead(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	r := Record{Schema: Schema, ID: "run", Mutants: []Result{{ID: "first", Outcome: Killed}}}
	r.Conclude()
	g.Expect(Write(dir, r)).To(Succeed())
	data, err := os.ReadFile(filepath.Join(dir, File))
	g.Expect(err).NotTo(HaveOccurred())
	var read Record
	g.Expect(json.Unmarshal(data, &read)).To(Succeed())
	g.Expect(read).To(Equal(r))
}
