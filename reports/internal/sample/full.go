package sample

import (
	"fmt"
	"time"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/internal/wording"
)

// The runs of these tests are made up, in the size and the shape of real ones: full
// has at least the 117 specs and 193 pods of a full run.

// Full is a run on all claims: one spec of each, further ones on the first claims,
// and as many pods for each as podsOf says.
func Full(specs int, podsOf func(spec int) int) reports.Record {
	var all []reports.Spec
	var proven []claims.Claim
	for _, c := range claims.All() {
		if !c.Law && c.Unreachable == "" {
			proven = append(proven, c)
		}
	}
	start := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for i := range specs {
		c := proven[i%len(proven)]
		s := reports.Spec{Text: fmt.Sprintf("%s, in way %d", wording.Shorten(c.Sentence, 90), i/len(proven)+1), Claims: []string{c.ID}, State: reports.Passed,
			Started: start, Seconds: 5.6 + float64(i%7), WaitSeconds: c.Wait.Seconds(), Process: i%8 + 1, APIRequests: 13,
			Location: fmt.Sprintf("%s/%s.go:%d", c.Subject, c.Subject, 20+i)}
		if i%2 == 0 {
			s.Measured = []reports.Measurement{{Claim: c.ID, What: "time from the request to the end", Documented: "at most 30 s", Measured: "12.3 s", Seconds: Seconds(12.3), OK: true}}
		}
		if c.Subject == "backoff" && i%2 == 0 {
			s.Measured = append(s.Measured, Rungs(c.ID, 6)...)
		}
		for n := range podsOf(i) {
			s.Timelines = append(s.Timelines, Pod(c.Subject, fmt.Sprintf("%s-%d", c.Subject, n+1), start))
		}
		all = append(all, s)
	}
	r := reports.New(claims.All(), reports.Run{ID: "20261123-120000-7f3a", Started: start, Finished: start.Add(17 * time.Minute), Version: "0.1.0",
		Profile: "full", Procs: 8, Seed: 17, SpecsSeconds: 1022.4, Options: map[string]string{"keep": "true"}}, all, Laws())
	r.Cluster = &reports.Cluster{Name: "podproof-7f3a", ServerVersion: "v1.37.2", Kind: true, Provider: "docker", Cgroup: "v1",
		Capabilities: []string{"kubectl", "node-access"}, Sources: map[string]string{"kubectl": "kubectl 1.37.2 of node control-plane",
			"node-access": "the nodes are containers of docker", "cgroup-v2": "the nodes use cgroup v1"},
		Gates: map[string]string{"ContainerRestartRules": "on"},
		Nodes: []reports.Node{
			{Name: "podproof-7f3a-control-plane", Role: "control-plane", Kubelet: "v1.37.2", Runtime: "containerd://2.4.2", OS: "linux"},
			{Name: "podproof-7f3a-worker", Role: "worker", Kubelet: "v1.37.2", Runtime: "containerd://2.4.2", OS: "linux"}}}
	r.Setup = []reports.Timing{{Step: "container engine", Seconds: 0.1}, {Step: "cluster", Seconds: 14.2}}
	return r
}

// LikeReal has the pods of a full run: one or two for each spec, four for some.
func LikeReal(spec int) int {
	if spec%10 == 0 {
		return 4
	}
	return 1 + spec%2
}

// Rungs are the steps of a back-off up to a restart.
func Rungs(claim string, last int) []reports.Measurement {
	var all []reports.Measurement
	for n, documented := range []float64{0, 10, 20, 40, 80, 160, 300}[:last] {
		late := documented + documented/5 + 1.2
		all = append(all, reports.Measurement{Claim: claim, What: fmt.Sprintf("delay before restart %d (shortest of 3)", n+1),
			Documented: fmt.Sprintf("%.0f s", documented), Measured: fmt.Sprintf("%.1f s", late), Seconds: Seconds(late), OK: true,
			Step: &reports.Step{Number: n + 1, Documented: documented, Low: documented - 0.1, High: documented*1.5 + 15, Measured: []float64{late, late + 1, late + documented/4}}})
	}
	return all
}

func code(n int) *int        { return &n }
func graceOf(n int64) *int64 { return &n }

// Pod is the timeline of a pod as specs of the subject have them.
func Pod(subject, name string, start time.Time) reports.Timeline {
	t := reports.Timeline{Pod: name, Node: "podproof-7f3a-worker", Started: start.Add(1200 * time.Millisecond), Seconds: 9.8}
	phase := reports.Lane{Kind: reports.PhaseLane, Moments: []reports.Moment{{State: "Pending"}, {At: 2.113, State: "Running"}}}
	ready := reports.Lane{Kind: reports.ConditionLane, Name: "Ready", Moments: []reports.Moment{{At: 0.031, State: "False", Text: "ContainersNotReady"}, {At: 2.113, State: "True"}}}
	w := reports.Lane{Kind: reports.ContainerLane, Name: "w", Moments: []reports.Moment{{At: 0.031, State: reports.StateWaiting, Text: "ContainerCreating"}, {At: 2.113, State: reports.StateRunning}}}
	events := reports.Lane{Kind: reports.EventLane, Moments: []reports.Moment{{At: 0.012, State: "Scheduled"}, {At: 1.2, State: "Pulled"}, {At: 1.31, State: "Created"}, {At: 1.52, State: "Started"}}}
	inside := reports.Lane{Kind: reports.ProcessLane, Name: "w", Moments: []reports.Moment{{At: 1.498, State: reports.ProcessStart}}}
	switch subject {
	case "backoff":
		t.Seconds = 75
		for n, at := range []float64{2.113, 4.5, 17.9, 45.2} {
			w.Moments = append(w.Moments, reports.Moment{At: at + 0.5, State: reports.StateTerminated, Text: "Error", Exit: code(1)}, reports.Moment{At: at + 1.1, State: reports.StateWaiting, Text: "CrashLoopBackOff"})
			if n > 0 {
				inside.Moments = append(inside.Moments, reports.Moment{At: at, State: reports.ProcessStart, Text: fmt.Sprintf("restart %d", n)})
			}
			inside.Moments = append(inside.Moments, reports.Moment{At: at + 0.3, State: reports.ProcessExit, Exit: code(1)})
			events.Moments = append(events.Moments, reports.Moment{At: at + 2, State: "BackOff", Warning: true, Count: n + 1})
		}
	case "deletion":
		t.Seconds = 36.4
		w.Moments = append(w.Moments, reports.Moment{At: 35.6, State: reports.StateTerminated, Text: "Error", Exit: code(137)})
		ready.Moments = append(ready.Moments, reports.Moment{At: 35.6, State: "False"})
		inside.Moments = append(inside.Moments, reports.Moment{At: 5.04, State: reports.ProcessSignal, Text: "SIGTERM"}, reports.Moment{At: 35.05, State: reports.ProcessLast})
		events.Moments = append(events.Moments, reports.Moment{At: 5.03, State: "Killing"})
		t.Outside = []reports.Lane{phase, {Kind: reports.DeletionLane, Moments: []reports.Moment{{At: 5, State: reports.DeletionRequested, Grace: graceOf(30)}, {At: 35.7, State: reports.DeletionChanged, Grace: graceOf(0)}, {At: 36.4, State: reports.DeletionGone}}}, ready, w, events}
		t.Inside = []reports.Lane{inside}
		return t
	case "probes":
		for at := 2.5; at < 9; at++ {
			inside.Moments = append(inside.Moments, reports.Moment{At: at, State: reports.ProcessProbe, Text: "/live: 200"})
		}
	default:
		phase.Moments = append(phase.Moments, reports.Moment{At: 4.2, State: "Succeeded"})
		w.Moments = append(w.Moments, reports.Moment{At: 3.4, State: reports.StateTerminated, Text: "Completed", Exit: code(0)})
		ready.Moments = append(ready.Moments, reports.Moment{At: 3.4, State: "False", Text: "PodCompleted"})
		t.Outside = []reports.Lane{phase, ready, w, events}
		return t
	}
	t.Outside, t.Inside = []reports.Lane{phase, ready, w, events}, []reports.Lane{inside}
	return t
}

// Failing makes the spec fail as the cluster's fault, with the message of a real failure.
func Failing(r reports.Record, spec int) reports.Record {
	s := r.Specs[spec]
	s.State, s.Failure, s.Message = reports.Failed, reports.ClusterFailure, "expected the last beat 1.8 s to 6 s after SIGTERM\ngot 0.04 s <b>&\n\nstory of pod x:\n  +0.000s ADDED: phase Pending"
	s.Evidence = []string{"evidence/some-spec-41"}
	if len(s.Measured) > 0 {
		s.Measured[0].OK = false
	}
	specs := append([]reports.Spec{}, r.Specs...)
	specs[spec] = s
	again := reports.New(claims.All(), r.Run, specs, r.Laws)
	again.Cluster, again.Setup = r.Cluster, r.Setup
	return again
}
