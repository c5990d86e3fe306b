package reports

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
)

func verdicts(verdicts map[string]Verdict) Record {
	var r Record
	for _, id := range []string{"NET-01", "NET-02", "LAW-IP-STABLE"} {
		if v, given := verdicts[id]; given {
			r.Claims = append(r.Claims, ClaimResult{ID: id, Verdict: v, Reason: "why " + id})
		}
	}
	return r
}

func TestOutcomeOfAMutant(t *testing.T) {
	for name, c := range map[string]struct {
		expected []string
		verdicts map[string]Verdict
		want     Outcome
	}{
		"all red that have to be":         {[]string{"NET-01", "NET-02"}, map[string]Verdict{"NET-01": Nonconformant, "NET-02": Nonconformant}, Killed},
		"and one more":                    {[]string{"NET-01"}, map[string]Verdict{"NET-01": Nonconformant, "NET-02": Nonconformant}, Killed},
		"one of two":                      {[]string{"NET-01", "NET-02"}, map[string]Verdict{"NET-01": Nonconformant, "NET-02": Conformant}, KilledInPart},
		"one of two, other not decided":   {[]string{"NET-01", "NET-02"}, map[string]Verdict{"NET-01": Nonconformant, "NET-02": Inconclusive}, KilledInPart},
		"one of two, other too new":       {[]string{"NET-01", "NET-02"}, map[string]Verdict{"NET-01": Nonconformant, "NET-02": NotApplicable}, Killed},
		"only another":                    {[]string{"NET-01"}, map[string]Verdict{"NET-01": Conformant, "LAW-IP-STABLE": Nonconformant}, KilledByOthers},
		"none":                            {[]string{"NET-01"}, map[string]Verdict{"NET-01": Conformant, "NET-02": Conformant}, Survived},
		"none, and one inconclusive":      {[]string{"NET-01", "NET-02"}, map[string]Verdict{"NET-01": Conformant, "NET-02": Inconclusive}, Survived},
		"none could be tested":            {[]string{"NET-01"}, map[string]Verdict{"NET-01": Inconclusive}, Undecided},
		"none applies":                    {[]string{"NET-01"}, map[string]Verdict{"NET-01": NotApplicable}, Undecided},
		"the claim is not in the record":  {[]string{"NET-01"}, nil, Undecided},
		"nothing can notice it":           {nil, map[string]Verdict{"NET-01": Conformant}, Unseen},
		"a known deviation is not a kill": {[]string{"NET-01"}, map[string]Verdict{"NET-01": KnownDeviation}, Undecided},
	} {
		t.Run(name, func(t *testing.T) {
			m := MutantResult{ID: "m", Expected: c.expected}
			JudgeMutant(&m, verdicts(c.verdicts))
			NewWithT(t).Expect(m.Outcome).To(Equal(c.want))
		})
	}
}

func TestAMutantTellsWhatKilledIt(t *testing.T) {
	g := NewWithT(t)
	m := MutantResult{ID: "m", Expected: []string{"NET-02"}}
	JudgeMutant(&m, verdicts(map[string]Verdict{"NET-01": Nonconformant, "NET-02": Nonconformant}))
	g.Expect(m.Red).To(Equal([]RedClaim{
		{Claim: "NET-02", Expected: true, Verdict: Nonconformant, Reason: "why NET-02"},
		{Claim: "NET-01", Verdict: Nonconformant, Reason: "why NET-01"},
	}))
	g.Expect(m.Missed).To(BeEmpty())
}

func TestExitCodeOfMutants(t *testing.T) {
	for name, c := range map[string]struct {
		record MutantsRecord
		want   int
	}{
		"all killed":                {MutantsRecord{Mutants: []MutantResult{{Outcome: Killed}, {Outcome: NotMeant}, {Outcome: Unseen}}, Afterwards: Conformant}, ExitConformant},
		"one survived":              {MutantsRecord{Mutants: []MutantResult{{Outcome: Killed}, {Outcome: Survived}}, Afterwards: Conformant}, ExitNonconformant},
		"one killed by others":      {MutantsRecord{Mutants: []MutantResult{{Outcome: KilledByOthers}}, Afterwards: Conformant}, ExitNonconformant},
		"one killed in part":        {MutantsRecord{Mutants: []MutantResult{{Outcome: KilledInPart}}, Afterwards: Conformant}, ExitNonconformant},
		"one could not be tested":   {MutantsRecord{Mutants: []MutantResult{{Outcome: KilledInPart, Missed: []RedClaim{{Verdict: Inconclusive}}}}, Afterwards: Conformant}, ExitCouldNotTest},
		"one was not run":           {MutantsRecord{Mutants: []MutantResult{{Outcome: KilledInPart, Missed: []RedClaim{{Verdict: NotRun}}}}, Afterwards: Conformant}, ExitCouldNotTest},
		"one was not built":         {MutantsRecord{Mutants: []MutantResult{{Outcome: Survived}, {Outcome: Broken}}, Afterwards: Conformant}, ExitCouldNotTest},
		"one does not fit":          {MutantsRecord{Mutants: []MutantResult{{Outcome: DoesNotFit}}}, ExitCouldNotTest},
		"none for this version":     {MutantsRecord{Mutants: []MutantResult{{Outcome: NotMeant}}, Afterwards: Conformant}, ExitCouldNotTest},
		"not conformant afterwards": {MutantsRecord{Mutants: []MutantResult{{Outcome: Killed}}, Afterwards: Nonconformant}, ExitCouldNotTest},
		"no cluster":                {MutantsRecord{Error: "no cluster"}, ExitCouldNotTest},
		"interrupted":               {MutantsRecord{Interrupted: true, Mutants: []MutantResult{{Outcome: Survived}}}, ExitInterrupted},
	} {
		t.Run(name, func(t *testing.T) {
			c.record.Conclude()
			NewWithT(t).Expect(c.record.ExitCode).To(Equal(c.want))
		})
	}
}

func TestClaimsThatNoMutantTurnsRedAreUnproven(t *testing.T) {
	g := NewWithT(t)
	r := MutantsRecord{ID: "run", ServerVersion: "v1.37.2", Mutants: []MutantResult{
		{ID: "first", Component: "kubelet", Wrong: "It is wrong.", Outcome: Killed, Expected: []string{"NET-01"}, Red: []RedClaim{{Claim: "NET-01", Expected: true, Reason: "the address is missing"}}},
		{ID: "second", Component: "kubelet", Wrong: "It is wrong, too.", Outcome: Survived, Expected: []string{"NET-02"}, Missed: []RedClaim{{Claim: "NET-02", Verdict: Conformant}}},
	}}
	r.Conclude()
	g.Expect(r.Unproven()).To(And(ContainElement("NET-02"), Not(ContainElement("NET-01"))))

	text := MutantsText(r, false)
	g.Expect(text).To(And(
		ContainSubstring("NET-01 red: the address is missing"),
		ContainSubstring("NET-02 NOT red but conformant"),
		ContainSubstring("2 mutants: 1 killed, 1 survived"),
		MatchRegexp(`(?m)^unproven, no mutant turned them red:`),
	))
	// Of some mutants alone nothing follows for the claims of the others.
	r.Filters = []string{"mutants first"}
	g.Expect(MutantsText(r, false)).NotTo(ContainSubstring("unproven"))
}

func TestMutantsAreWrittenAsTheyAreRead(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	r := MutantsRecord{Schema: MutantsSchema, ID: "run", Mutants: []MutantResult{{ID: "first", Outcome: Killed}}}
	r.Conclude()
	g.Expect(WriteMutants(dir, r)).To(Succeed())
	data, err := os.ReadFile(filepath.Join(dir, MutantsFile))
	g.Expect(err).NotTo(HaveOccurred())
	var read MutantsRecord
	g.Expect(json.Unmarshal(data, &read)).To(Succeed())
	g.Expect(read).To(Equal(r))
}
