package kubectl

import (
	"testing"

	. "github.com/onsi/gomega"
)

func TestCellsAreFoundUnderTheirColumn(t *testing.T) {
	g := NewWithT(t)
	table := "NAME      READY   STATUS    RESTARTS     AGE   IP           NODE     NOMINATED NODE\n" +
		"running   1/1     Running   1 (5s ago)   9s    10.244.1.2   worker   <none>\n" +
		"run       0/1     Pending   0            9s    <none>       <none>   <none>\n" +
		"blank     0/1     Pending   0            9s                          <none>\n"
	g.Expect(cell(table, "running", "IP")).To(Equal("10.244.1.2"))
	g.Expect(cell(table, "running", "NODE")).To(Equal("worker"))
	g.Expect(cell(table, "running", "NAME")).To(Equal("running"))
	g.Expect(cell(table, "run", "NODE")).To(Equal("<none>"))
	g.Expect(cell(table, "run", "NOMINATED NODE")).To(Equal("<none>"))
	g.Expect(cell(table, "running", "RESTARTS")).To(Equal("1 (5s ago)"))
	g.Expect(cell(table, "blank", "IP")).To(BeEmpty(), "the text under the next column does not belong to it")
	g.Expect(cell(table, "blank", "NODE")).To(BeEmpty())
	g.Expect(cell(table, "run", "NO")).To(BeEmpty(), "part of a column's name is none")
	g.Expect(cell(table, "ru", "NODE")).To(BeEmpty(), "part of a name is none")
	g.Expect(cell("", "run", "NODE")).To(BeEmpty())
	g.Expect(cell("No resources found\n", "run", "NODE")).To(BeEmpty())
}
