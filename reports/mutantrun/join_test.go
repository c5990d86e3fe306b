package mutantrun

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/fixtures/mutants"
	"github.com/podproof/podproof/reports"
)

// allKilled is the record of a run of all mutants, each of which turned its claims red.
func allKilled(id string) Record {
	r := Record{Schema: Schema, ID: id, ServerVersion: "v1.37.2", Afterwards: reports.Conformant}
	for _, m := range mutants.All() {
		result := Result{ID: m.ID, Component: m.Component, Expected: m.Claims, Outcome: Killed}
		for _, c := range m.Claims {
			result.Red = append(result.Red, RedClaim{Claim: c, Expected: true, Verdict: reports.Nonconformant})
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
	whole, err := Join([]Record{second, first})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(whole.Mutants).To(HaveLen(len(mutants.All())))
	g.Expect(whole.Mutants).To(HaveEach(HaveField("Outcome", Killed)))
	g.Expect(whole.ExitCode).To(Equal(reports.ExitConformant))
	g.Expect(whole.Filters).To(BeEmpty(), "all mutants were run, so that what is unproven is told")

	second.Mutants[5].Outcome, second.Mutants[5].Red = Survived, nil
	second.Mutants = second.Mutants[:len(second.Mutants)-1]
	last := mutants.All()[len(mutants.All())-1].ID
	whole, err = Join([]Record{first, second})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(whole.ExitCode).To(Equal(reports.ExitCouldNotTest))
	g.Expect(whole.Error).To(Equal("no result for 1 mutant: " + last))
	g.Expect(Text(whole, false)).To(And(ContainSubstring("1 survived"), ContainSubstring(last)))

	third := allKilled("3")
	third.Afterwards, third.AfterwardsReason = reports.Nonconformant, "1 claim not as documented"
	whole, err = Join([]Record{third, allKilled("4")})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(whole.Afterwards).To(Equal(reports.Nonconformant))
	g.Expect(whole.ExitCode).To(Equal(reports.ExitCouldNotTest))
}

func TestJoinedRecordsOfRunsThatDidNotComeToTheirEnd(t *testing.T) {
	g := NewWithT(t)
	whole := allKilled("1")
	failed := Record{Schema: Schema, ID: "2", Error: "set-up failed"}
	joined, err := Join([]Record{whole, failed})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(joined.ServerVersion).To(Equal("v1.37.2"))
	g.Expect(joined.ExitCode).To(Equal(reports.ExitConformant), "all that the run would have had is there")
	whole.Mutants = whole.Mutants[1:]
	joined, err = Join([]Record{whole, failed})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(joined.Error).To(And(ContainSubstring("run 2: set-up failed"), ContainSubstring("no result for 1 mutant")))

	// Interrupted while the restored cluster was looked at.
	cut := allKilled("3")
	cut.Mutants, cut.Afterwards, cut.Interrupted = cut.Mutants[:1], "", true
	cut.Mutants[0].Record = "somewhere"
	joined, err = Join([]Record{whole, cut})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(joined.Error).To(HavePrefix("run 3 did not check the cluster"))
	g.Expect(joined.ExitCode).To(Equal(reports.ExitCouldNotTest))
}

func TestRecordsOfMutantsThatDoNotGoTogether(t *testing.T) {
	g := NewWithT(t)
	other, foreign := allKilled("2"), allKilled("2")
	other.ServerVersion = "v1.36.3"
	_, err := Join([]Record{allKilled("1"), other})
	g.Expect(err).To(MatchError(ContainSubstring("of Kubernetes v1.37.2 and v1.36.3")))
	foreign.Mutants = append(foreign.Mutants, Result{ID: "not-there", Outcome: Killed})
	_, err = Join([]Record{foreign})
	g.Expect(err).To(MatchError(ContainSubstring("does not know the mutants not-there:")))
	_, err = Read(t.TempDir())
	g.Expect(err).To(MatchError(ContainSubstring("there is no mutants.json below")))

	dir := t.TempDir()
	g.Expect(Write(dir, allKilled("1"))).To(Succeed())
	read, err := Read(dir)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(read).To(HaveExactElements(HaveField("ID", "1")))
}
