package setup

import (
	"testing"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/options"
	"k8s.io/apimachinery/pkg/util/validation"
)

func TestRunsOfTheSameSecondAreDistinct(t *testing.T) {
	g := NewWithT(t)
	o := options.Defaults()
	g.Expect(distinct(o, "20261126-004921")).To(Equal("20261126-004921"))
	o.InCluster = true
	one, other := distinct(o, "20261126-004921"), distinct(o, "20261126-004921")
	g.Expect(one).NotTo(Equal(other))
	g.Expect(validation.IsValidLabelValue(one + "-n999")).To(BeEmpty())

	o.Out = t.TempDir()
	e := &Environment{Options: o}
	g.Expect(e.Again()).To(Succeed())
	g.Expect(e.Dir).To(BeADirectory())
	g.Expect(e.RunID).NotTo(BeEmpty())
}
