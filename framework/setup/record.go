package setup

import (
	"time"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/reports"
)

// FailedSetup is the record of a run whose specs could not start.
func FailedSetup(env *Environment, started time.Time, interrupted bool, err error) reports.Record {
	facts, cluster := env.Facts()
	facts.Started, facts.Finished = started, time.Now()
	facts.Interrupted = interrupted
	facts.SetupError = err.Error()
	record := reports.New(claims.All(), facts, nil, nil)
	record.Cluster, record.Setup = cluster, env.Steps
	return record
}
