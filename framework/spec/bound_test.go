package spec

import (
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func TestBound(t *testing.T) {
	b := Bound{Least: 5 * time.Second, Most: 9 * time.Second}
	for took, broken := range map[time.Duration]string{
		4999 * time.Millisecond: "it took only 4.999s, and not at least 5s",
		2 * time.Second:         "it took only 2s, and not at least 5s",
		5 * time.Second:         "",
		9 * time.Second:         "",
		9100 * time.Millisecond: "it took 9.1s, and a busy machine explains at most 9s",
	} {
		NewWithT(t).Expect(b.broken(took)).To(Equal(broken), took.String())
	}
	NewWithT(t).Expect(Bound{Least: time.Second}.broken(time.Hour)).To(BeEmpty(), "without an upper bound nothing is late")
}

func TestAttempts(t *testing.T) {
	g := NewWithT(t)
	left := time.Minute
	budget := func() time.Duration { left -= 25 * time.Second; return left }
	g.Expect(slices.Collect(attempts(2, 0, budget))).To(Equal([]int{1, 2}))
	left = time.Minute
	g.Expect(slices.Collect(attempts(9, 10*time.Second, budget))).To(Equal([]int{1, 2, 3}), "35 s and 10 s are enough for one more attempt, and less is not")
}
