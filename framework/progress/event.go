package progress

// Kind says what an Event tells.
type Kind string

const (
	// SpecsTotal tells how many specs the run has, in Total.
	SpecsTotal Kind = "specs-total"
	SpecStart  Kind = "spec-start"
	SpecDone   Kind = "spec-done"

	// The following carry a Log from one process to another; ID joins the events of
	// one step.
	stepStart  Kind = "step-start"
	stepUpdate Kind = "step-update"
	stepDone   Kind = "step-done"
	stepFail   Kind = "step-fail"
	info       Kind = "info"
)

// Event is one thing that happened in a process of a run, for the Console of the
// process that started it.
type Event struct {
	Kind Kind `json:"kind"`
	// Text is the spec's text, the step's name or detail, or the line to say.
	Text    string   `json:"text,omitempty"`
	Claims  []string `json:"claims,omitempty"`
	State   string   `json:"state,omitempty"`   // of a finished spec: "passed", "failed", "skipped" …
	Seconds float64  `json:"seconds,omitempty"` // that the spec took, or the step usually takes
	Total   int      `json:"total,omitempty"`
	Process int      `json:"process,omitempty"`
	ID      int64    `json:"id,omitempty"`
}
