package reports

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/fixtures/mutants"
)

// allKilled is the record of a run of all mutants, each of which turned its claims red.
func allKilled(id string) MutantsRecord {
	r := MutantsRecord{Schema: MutantsSchema, ID: id, ServerVersion: "v1.37.2", Afterwards: Conformant}
	for _, m := range mutants.All() {
		result := MutantResult{ID: m.ID, Component: m.Component, Expected: m.Claims, Outcome: Killed}
		for _, c := range m.Claims {
			result.Red = append(result.Red, RedClaim{Claim: c, Expected: true, Verdict: Nonconformant})
		}
		r.Mutants = append(r.Mutants, result)
	}
	return r
}

func TestRecordsOfMutantsAreJoined(t *testing.T) {
	g := NewWithT(t)
	first, second := allKilled("1"), allKilled("2")
	first.Mutants, second.Mutants = first.Mutants[:40], second.Mutants[39:]
	// Number 40 was decided by the first run, and left open by the second.
	second.Mutants[0].Outcome, second.Mutants[0].Red = Undecided, nil
	second.Filters = []string{"component kubelet"}
	whole, err := JoinMutants([]MutantsRecord{second, first})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(whole.Mutants).To(HaveLen(len(mutants.All())))
	g.Expect(whole.Mutants).To(HaveEach(HaveField("Outcome", Killed)))
	g.Expect(whole.ExitCode).To(Equal(ExitConformant))
	g.Expect(whole.Filters).To(BeEmpty(), "all mutants were run, so that what is unproven is told")

	second.Mutants[5].Outcome, second.Mutants[5].Red = Survived, nil
	second.Mutants = second.Mutants[:len(second.Mutants)-1]
	last := mutants.All()[len(mutants.All())-1].ID
	whole, err = JoinMutants([]MutantsRecord{first, second})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(whole.ExitCode).To(Equal(ExitCouldNotTest))
	g.Expect(whole.Error).To(Equal("no result of 1 mutant: " + last))
	g.Expect(MutantsText(whole, false)).To(And(ContainSubstring("1 survived"), ContainSubstring(last)))

	third := allKilled("3")
	third.Afterwards, third.AfterwardsReason = Nonconformant, "1 claim not as documented"
	whole, err = JoinMutants([]MutantsRecord{third, allKilled("4")})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(whole.Afterwards).To(Equal(Nonconformant))
	g.Expect(whole.ExitCode).To(Equal(ExitCouldNotTest))
}

func TestJoinedRecordsOfRunsThatDidNotComeToTheirEnd(t *testing.T) {
	g := NewWithT(t)
	whole := allKilled("1")
	failed := MutantsRecord{Schema: MutantsSchema, ID: "2", Error: "set-up failed"}
	joined, err := JoinMutants([]MutantsRecord{whole, failed})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(joined.ServerVersion).To(Equal("v1.37.2"))
	g.Expect(joined.ExitCode).To(Equal(ExitConformant), "all that the run would have had is there")
	whole.Mutants = whole.Mutants[1:]
	joined, err = JoinMutants([]MutantsRecord{whole, failed})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(joined.Error).To(And(ContainSubstring("run 2: set-up failed"), ContainSubstring("no result of 1 mutant")))

	// Interrupted while the restored cluster was looked at.
	cut := allKilled("3")
	cut.Mutants, cut.Afterwards, cut.Interrupted = cut.Mutants[:1], "", true
	cut.Mutants[0].Record = "somewhere"
	joined, err = JoinMutants([]MutantsRecord{whole, cut})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(joined.Error).To(HavePrefix("run 3 has not looked at the cluster"))
	g.Expect(joined.ExitCode).To(Equal(ExitCouldNotTest))
}

func TestRecordsOfMutantsThatDoNotGoTogether(t *testing.T) {
	g := NewWithT(t)
	other, foreign := allKilled("2"), allKilled("2")
	other.ServerVersion = "v1.36.3"
	_, err := JoinMutants([]MutantsRecord{allKilled("1"), other})
	g.Expect(err).To(MatchError(ContainSubstring("of Kubernetes v1.37.2 and of v1.36.3")))
	foreign.Mutants = append(foreign.Mutants, MutantResult{ID: "not-there", Outcome: Killed})
	_, err = JoinMutants([]MutantsRecord{foreign})
	g.Expect(err).To(MatchError(ContainSubstring("mutants that this podproof has not, not-there:")))
	_, err = ReadMutants(t.TempDir())
	g.Expect(err).To(MatchError(ContainSubstring("there is no mutants.json below")))

	dir := t.TempDir()
	g.Expect(WriteMutants(dir, allKilled("1"))).To(Succeed())
	read, err := ReadMutants(dir)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(read).To(HaveExactElements(HaveField("ID", "1")))
}
