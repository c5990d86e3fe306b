package nodeimage
import ("testing";"fmt")
func TestScratchApt(t *testing.T) {
	l := &lines{}
	err := ensureTools(t.Context(), []requirement{{"hello","hello",func() bool {return false}}}, l, "/tmp/ntest/apt.log")
	fmt.Println(err, l.said)
	err = ensureTools(t.Context(), []requirement{{"nothing","no-such-package-x",func() bool {return false}}}, l, "/tmp/ntest/apt.log")
	fmt.Println(err)
}
