package sample

import (
	_ "embed"
	"encoding/json"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/reports"
)

//go:embed testdata/quick.json
var quick []byte

// Real is a quick run of November 2026 on a machine that was far too busy, with its
// specs on the back-off and on deletion only. Two of them failed, one by a mistake of
// the suite. The record was made before there were timelines: those of the two were
// put together from the stories and logs in their evidence.
func Real() reports.Record {
	var part reports.Record
	if err := json.Unmarshal(quick, &part); err != nil {
		panic("testdata/quick.json: " + err.Error())
	}
	r := reports.New(claims.All(), part.Run, part.Specs, part.Laws)
	r.Cluster, r.Setup = part.Cluster, part.Setup
	return r
}
