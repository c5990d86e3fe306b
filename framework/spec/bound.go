package spec

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/reports"
)

// Bound is how long something may take, beside what is documented.
type Bound struct {
	// What is measured, for the report: "start of a preStop hook of 5 s to SIGTERM".
	What string
	// Documented is the documented time in words, "5 s".
	Documented string
	// Least is the strict lower bound: a faster cluster breaks the claim. Zero is none.
	Least time.Duration
	// Most is the upper bound, the documented time and what a busy machine may add. What
	// takes longer is late, so that on nodes that are too slow the spec is inconclusive.
	// Zero is none.
	Most time.Duration
	// Must begins the message of a failure: "SIGTERM must come when the hook has ended".
	Must string
}

// Judge puts the measured time into the report, and fails the spec, which proves one claim,
// when it is out of the bound. The evidence, such as the story of a Pod, ends the message.
func (b Bound) Judge(took time.Duration, evidence fmt.Stringer) {
	GinkgoHelper()
	broken := b.broken(took)
	claim.MeasureTime("", b.What, b.Documented, took, broken == "")
	if broken == "" {
		return
	}
	message := fmt.Sprintf("%s, but %s\n%s", b.Must, broken, evidence)
	if took < b.Least {
		Fail(message)
	}
	Late(message)
}

// broken says how the time is out of the bound, "" when it is not.
func (b Bound) broken(took time.Duration) string {
	switch {
	case took < b.Least:
		return fmt.Sprintf("it took only %s, and not at least %s", inWords(took), inWords(b.Least))
	case b.Most > 0 && took > b.Most:
		return fmt.Sprintf("it took %s, and a busy machine explains at most %s", inWords(took), inWords(b.Most))
	}
	return ""
}

func inWords(d time.Duration) string { return d.Round(time.Millisecond).String() }

// Measured puts a value beside the documented one that is not a time. It asserts nothing.
func Measured(what, documented, measured string, ok bool) {
	claim.Measure(reports.Measurement{What: what, Documented: documented, Measured: measured, OK: ok})
}

// Observed puts a time into the report for which no bound is promised. It asserts nothing.
func Observed(what, documented string, took time.Duration) {
	claim.MeasureTime("", what, documented, took, true)
}
