package reports

import "time"

// Timeline is the history of one pod of a spec. The outside view is what the API showed,
// the inside view is what the pod's own processes logged.
type Timeline struct {
	Pod  string `json:"pod"`
	Node string `json:"node,omitempty"`
	// Started is when the first version of the pod arrived. All other times are
	// seconds since then: those of the outside view are of arrival, those of the
	// inside view are by the clock of the node.
	Started time.Time `json:"started"`
	// Seconds is how long the pod was looked at.
	Seconds float64 `json:"seconds"`
	Outside []Lane  `json:"outside"`
	// Inside holds the logs that the spec read. After a failure, everything that could
	// still be read was read.
	Inside []Lane `json:"inside,omitempty"`
	// Gap says what is missing from the outside view, if anything.
	Gap string `json:"gap,omitempty"`
}

// LaneKind is what a lane of a timeline is about.
type LaneKind string

// The kinds of lanes.
const (
	PhaseLane         LaneKind = "phase"
	DeletionLane      LaneKind = "deletion" // its moments are the Deletion… states
	ConditionLane     LaneKind = "condition"
	InitContainerLane LaneKind = "init container"
	ContainerLane     LaneKind = "container"
	EphemeralLane     LaneKind = "ephemeral container"
	EventLane         LaneKind = "events"  // its moments are ticks, and no states that last
	ProcessLane       LaneKind = "process" // of the inside view; the same
)

// Lane is the history of one thing about a pod.
type Lane struct {
	Kind    LaneKind `json:"kind"`
	Name    string   `json:"name,omitempty"` // of the container or condition
	Moments []Moment `json:"moments"`
	// LeftOut counts moments that are missing from the middle of a very long lane.
	LeftOut int `json:"leftOut,omitempty"`
}

// Moment is a change: the state lasts until the next moment of the lane.
type Moment struct {
	At    float64 `json:"at"` // seconds since Timeline.Started
	State string  `json:"state"`
	// Text says more: a reason, a message.
	Text string `json:"text,omitempty"`
	// Exit is the exit code where something ended.
	Exit *int `json:"exit,omitempty"`
	// Grace is the grace period of a deletion in seconds.
	Grace *int64 `json:"grace,omitempty"`
	// Warning marks an event of type Warning.
	Warning bool `json:"warning,omitempty"`
	// Count is how often an event had been seen by then, if more than once.
	Count int `json:"count,omitempty"`
}

// States of containers, deletions and processes. Those of a phase or a condition are
// the API's own words, those of an event are its reason.
const (
	StateWaiting    = "waiting"
	StateRunning    = "running"
	StateTerminated = "terminated"

	DeletionRequested = "requested"
	DeletionChanged   = "grace changed"
	DeletionGone      = "gone"

	ProcessStart  = "start"
	ProcessExit   = "exit"
	ProcessSignal = "signal" // Text names it
	ProcessProbe  = "probe"  // Text says how it was answered
	ProcessLast   = "last sign"
)

// Step is one step of a ladder of delays, in seconds, for which a Measurement is the
// result in words.
type Step struct {
	Number     int     `json:"number"` // of the restart that it comes before
	Documented float64 `json:"documented"`
	// What is measured counts as documented from Low to High.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// Measured has every container that was measured; the shortest one counts.
	Measured []float64 `json:"measured"`
}
