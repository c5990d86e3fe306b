// Package progress is how set-up and the run tell a person what they do:
// steps with their time, one line per finished spec, and a heartbeat when
// nothing has been said for a while.
package progress

import "time"

// Log is where set-up says what it does. Implementations are safe for use
// from several goroutines.
type Log interface {
	// Step announces one step. The estimate is what the step usually takes;
	// 0 says that nobody knows.
	Step(name string, estimate time.Duration) Step
	// Info says one line that belongs to no step.
	Info(format string, args ...any)
}

// Step is one announced step; it ends with Done or Fail, exactly once.
type Step interface {
	// Update replaces the detail shown while the step runs, for instance
	// "3 of 7: kube-apiserver".
	Update(detail string)
	// Done ends the step. The note, when there is one, says what came out.
	Done(note string)
	// Fail ends the step with what went wrong.
	Fail(err error)
}

// Discard is a Log that says nothing.
func Discard() Log { return discard{} }

type discard struct{}

func (discard) Step(string, time.Duration) Step { return discard{} }
func (discard) Info(string, ...any)             {}
func (discard) Update(string)                   {}
func (discard) Done(string)                     {}
func (discard) Fail(error)                      {}
