package progress

// Kind says what an Event tells.
type Kind string

// The kinds of events.
const (
	// SpecsTotal tells how many specs the run has, in Total.
	SpecsTotal Kind = "specs-total"
	SpecStart  Kind = "spec-start"
	SpecDone   Kind = "spec-done"
)

// Event is one thing that happened in a process of a run, for the Console of the
// process that started it.
type Event struct {
	Kind    Kind     `json:"kind"`
	Text    string   `json:"text,omitempty"` // of the spec
	Claims  []string `json:"claims,omitempty"`
	State   string   `json:"state,omitempty"`   // of a finished spec: "passed", "failed", "skipped" …
	Seconds float64  `json:"seconds,omitempty"` // that the spec took
	Total   int      `json:"total,omitempty"`
	Process int      `json:"process,omitempty"`
}
