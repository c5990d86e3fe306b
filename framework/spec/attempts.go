package spec

import (
	"iter"
	"time"

	"github.com/podproof/podproof/framework/claim"
)

// Attempts counts from 1 to most, and ends earlier when the spec has not the time left
// that one more attempt needs. It is for what a busy machine blurs or delays by chance,
// while a broken component does the same each time: the spec leaves the loop as soon as
// an attempt decides, and judges the last one when none did.
//
//	for attempt := range spec.Attempts(3, lookAgain) {
//		took = measure(attempt)
//		if right(took) || never(took) {
//			break
//		}
//	}
func Attempts(most int, needs time.Duration) iter.Seq[int] {
	return attempts(most, needs, claim.TimeLeft)
}

func attempts(most int, needs time.Duration, left func() time.Duration) iter.Seq[int] {
	return func(yield func(int) bool) {
		for attempt := 1; attempt <= most; attempt++ {
			if attempt > 1 && left() < needs {
				return
			}
			if !yield(attempt) {
				return
			}
		}
	}
}
