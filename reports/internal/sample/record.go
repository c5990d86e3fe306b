// Package sample has made-up records, and a real one, for the tests of the reports.
package sample

import (
	"time"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/reports"
)

// Seconds is a value for the optional Seconds of a measurement.
func Seconds(s float64) *float64 { return &s }

// Specs has one spec of every fate, on claims of the real catalogue.
func Specs() []reports.Spec {
	return []reports.Spec{
		{Text: "Deletion by force lets the containers live for about 2 s", Claims: []string{"DELETE-06"}, State: reports.Failed,
			Failure: reports.ClusterFailure, Seconds: 9.31, WaitSeconds: 2, Process: 2, Location: "suites/deletion/force_test.go:41",
			Message: "\x1b[31mexpected\x1b[0m the last beat 1.8 s to 6 s after SIGTERM\ngot 0.04 s\n\nstory of pod victim\n  0.000 s  created, Pending\n  0.812 s  Running\x00\n",
			Measured: []reports.Measurement{{Claim: "DELETE-06", What: "SIGTERM to the last beat", Documented: "1.8 s to 6 s",
				Measured: "0.04 s", Seconds: Seconds(0.04)}},
			Evidence: []string{"evidence/DELETE-06/pod.yaml", "evidence/DELETE-06/journal.txt"}},
		{Text: "Back-off doubles: up to the 20 s step", Claims: []string{"BACKOFF-02"}, State: reports.Passed, Seconds: 47.2,
			WaitSeconds: 30, Process: 1, Measured: []reports.Measurement{
				{Claim: "BACKOFF-02", What: "delay before the 2nd restart", Documented: "10 s", Measured: "13.6 s", OK: true},
				{Claim: "BACKOFF-02", What: "delay before the 3rd restart", Documented: "20 s", Measured: "24.1 s", OK: true}}},
		{Text: "Back-off doubles: up to the 40 s step", Claims: []string{"BACKOFF-02"}, Part: "40 s step", State: reports.Filtered},
		{Text: "Back-off starts with an immediate restart", Claims: []string{"BACKOFF-03"}, State: reports.Passed, Seconds: 17.1, WaitSeconds: 10},
		{Text: "Network namespace is one for all containers", Claims: []string{"NET-02"}, State: reports.Failed, Failure: reports.SuiteFailure,
			Seconds: 30, Message: "the API server at https://127.0.0.1:41234 does not answer: connection refused"},
		{Text: "Volume is shared", Claims: []string{"VOL-01"}, State: reports.Passed, Seconds: 1.4},
		{Text: "STATUS column", Claims: []string{"CLI-STATUS-01"}, State: reports.Skipped, SkipReason: "needs kubectl within one minor of 1.37; found 1.32"},
		{Text: "Phase goes forward", Claims: []string{"LC-02", "PHASE-SUC-02"}, State: reports.Passed, Seconds: 2.2},
	}
}

// Laws are all laws of the real catalogue, unbroken.
func Laws() []reports.Law {
	var all []reports.Law
	for _, c := range claims.All() {
		if c.Law {
			all = append(all, reports.Law{ID: c.ID, Pods: 41, Versions: 612})
		}
	}
	return all
}

// Record is a run with a spec of every fate.
func Record() reports.Record {
	start := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	r := reports.New(claims.All(), reports.Run{
		ID: "20261123-120000-7f3a", Started: start, Finished: start.Add(3 * time.Minute), Version: "0.1.0", Profile: "quick",
		Procs: 4, Seed: 17, SpecsSeconds: 52.4,
	}, Specs(), Laws())
	r.Cluster = &reports.Cluster{Name: "podproof-7f3a", ServerVersion: "v1.37.2", Kind: true,
		Nodes: []reports.Node{{Name: "cp", Role: "control-plane", Kubelet: "v1.37.2", Runtime: "containerd://2.1.4"}, {Name: "w", Role: "worker"}}}
	r.Setup = []reports.Timing{{Step: "container engine", Seconds: 0.12}, {Step: "node image", Seconds: 1.2, Note: "on the machine already"},
		{Step: "cluster", Seconds: 31.4}, {Step: "witness image", Seconds: 2.81}, {Step: "first pod", Seconds: 2.2}}
	return r
}
