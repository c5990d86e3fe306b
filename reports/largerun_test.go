package reports

import (
	"fmt"
	"time"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/framework/progress"
)

// The runs of these tests are made up, in the size and the shape of real ones: full
// has at least the 117 specs and 193 pods of a full run.

// full is a run on all claims: one spec of each, further ones on the first claims,
// and as many pods for each as podsOf says.
func full(specs int, podsOf func(spec int) int) Record {
	var all []Spec
	var proven []claims.Claim
	for _, c := range claims.All() {
		if !c.Law && c.Unreachable == "" {
			proven = append(proven, c)
		}
	}
	start := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for i := range specs {
		c := proven[i%len(proven)]
		s := Spec{Text: fmt.Sprintf("%s, in way %d", shorten(c.Sentence, 90), i/len(proven)+1), Claims: []string{c.ID}, State: Passed,
			Started: start, Seconds: 5.6 + float64(i%7), WaitSeconds: c.Wait.Seconds(), Process: i%8 + 1, APIRequests: 13,
			Location: fmt.Sprintf("%s/%s.go:%d", c.Subject, c.Subject, 20+i)}
		if i%2 == 0 {
			s.Measured = []Measurement{{Claim: c.ID, What: "time from the request to the end", Documented: "at most 30 s", Measured: "12.3 s", Seconds: seconds(12.3), OK: true}}
		}
		if c.Subject == "backoff" && i%2 == 0 {
			s.Measured = append(s.Measured, rungsOf(c.ID, 6)...)
		}
		for n := range podsOf(i) {
			s.Timelines = append(s.Timelines, podOf(c.Subject, fmt.Sprintf("%s-%d", c.Subject, n+1), start))
		}
		all = append(all, s)
	}
	r := New(claims.All(), Run{ID: "20261123-120000-7f3a", Started: start, Finished: start.Add(17 * time.Minute), Version: "0.1.0",
		Profile: "full", Procs: 8, Seed: 17, SpecsSeconds: 1022.4, Options: map[string]string{"keep": "true"}}, all, sampleLaws())
	r.Cluster = &Cluster{Name: "podproof-7f3a", ServerVersion: "v1.37.2", Kind: true, Provider: "docker", Cgroup: "v1",
		Capabilities: []string{"kubectl", "node-access"}, Sources: map[string]string{"kubectl": "kubectl 1.37.2 of node control-plane",
			"node-access": "the nodes are containers of docker", "cgroup-v2": "the nodes use cgroup v1"},
		Gates: map[string]string{"ContainerRestartRules": "on"},
		Nodes: []Node{{"podproof-7f3a-control-plane", "control-plane", "v1.37.2", "containerd://2.4.2", "linux"}, {"podproof-7f3a-worker", "worker", "v1.37.2", "containerd://2.4.2", "linux"}}}
	r.Setup = []progress.Timing{{Step: "container engine", Seconds: 0.1}, {Step: "cluster", Seconds: 14.2}}
	return r
}

// likeReal has the pods of a full run: one or two for each spec, four for some.
func likeReal(spec int) int {
	if spec%10 == 0 {
		return 4
	}
	return 1 + spec%2
}

// rungsOf are the steps of a back-off up to a restart.
func rungsOf(claim string, last int) []Measurement {
	var all []Measurement
	for n, documented := range []float64{0, 10, 20, 40, 80, 160, 300}[:last] {
		late := documented + documented/5 + 1.2
		all = append(all, Measurement{Claim: claim, What: fmt.Sprintf("delay before restart %d (shortest of 3)", n+1),
			Documented: fmt.Sprintf("%.0f s", documented), Measured: fmt.Sprintf("%.1f s", late), Seconds: seconds(late), OK: true,
			Step: &Step{Number: n + 1, Documented: documented, Low: documented - 0.1, High: documented*1.5 + 15, Measured: []float64{late, late + 1, late + documented/4}}})
	}
	return all
}

func code(n int) *int        { return &n }
func graceOf(n int64) *int64 { return &n }

// podOf is the timeline of a pod as specs of the subject have them.
func podOf(subject, name string, start time.Time) Timeline {
	t := Timeline{Pod: name, Node: "podproof-7f3a-worker", Started: start.Add(1200 * time.Millisecond), Seconds: 9.8}
	phase := Lane{Kind: PhaseLane, Moments: []Moment{{State: "Pending"}, {At: 2.113, State: "Running"}}}
	ready := Lane{Kind: ConditionLane, Name: "Ready", Moments: []Moment{{At: 0.031, State: "False", Text: "ContainersNotReady"}, {At: 2.113, State: "True"}}}
	w := Lane{Kind: ContainerLane, Name: "w", Moments: []Moment{{At: 0.031, State: StateWaiting, Text: "ContainerCreating"}, {At: 2.113, State: StateRunning}}}
	events := Lane{Kind: EventLane, Moments: []Moment{{At: 0.012, State: "Scheduled"}, {At: 1.2, State: "Pulled"}, {At: 1.31, State: "Created"}, {At: 1.52, State: "Started"}}}
	inside := Lane{Kind: ProcessLane, Name: "w", Moments: []Moment{{At: 1.498, State: ProcessStart}}}
	switch subject {
	case "backoff":
		t.Seconds = 75
		for n, at := range []float64{2.113, 4.5, 17.9, 45.2} {
			w.Moments = append(w.Moments, Moment{At: at + 0.5, State: StateTerminated, Text: "Error", Exit: code(1)}, Moment{At: at + 1.1, State: StateWaiting, Text: "CrashLoopBackOff"})
			if n > 0 {
				inside.Moments = append(inside.Moments, Moment{At: at, State: ProcessStart, Text: fmt.Sprintf("restart %d", n)})
			}
			inside.Moments = append(inside.Moments, Moment{At: at + 0.3, State: ProcessExit, Exit: code(1)})
			events.Moments = append(events.Moments, Moment{At: at + 2, State: "BackOff", Warning: true, Count: n + 1})
		}
	case "deletion":
		t.Seconds = 36.4
		w.Moments = append(w.Moments, Moment{At: 35.6, State: StateTerminated, Text: "Error", Exit: code(137)})
		ready.Moments = append(ready.Moments, Moment{At: 35.6, State: "False"})
		inside.Moments = append(inside.Moments, Moment{At: 5.04, State: ProcessSignal, Text: "SIGTERM"}, Moment{At: 35.05, State: ProcessLast})
		events.Moments = append(events.Moments, Moment{At: 5.03, State: "Killing"})
		t.Outside = []Lane{phase, {Kind: DeletionLane, Moments: []Moment{{At: 5, State: DeletionRequested, Grace: graceOf(30)}, {At: 35.7, State: DeletionChanged, Grace: graceOf(0)}, {At: 36.4, State: DeletionGone}}}, ready, w, events}
		t.Inside = []Lane{inside}
		return t
	case "probes":
		for at := 2.5; at < 9; at++ {
			inside.Moments = append(inside.Moments, Moment{At: at, State: ProcessProbe, Text: "/live: 200"})
		}
	default:
		phase.Moments = append(phase.Moments, Moment{At: 4.2, State: "Succeeded"})
		w.Moments = append(w.Moments, Moment{At: 3.4, State: StateTerminated, Text: "Completed", Exit: code(0)})
		ready.Moments = append(ready.Moments, Moment{At: 3.4, State: "False", Text: "PodCompleted"})
		t.Outside = []Lane{phase, ready, w, events}
		return t
	}
	t.Outside, t.Inside = []Lane{phase, ready, w, events}, []Lane{inside}
	return t
}

// failing makes the spec fail as the cluster's fault, in the way that it is told of
// after a real one.
func failing(r Record, spec int) Record {
	s := r.Specs[spec]
	s.State, s.Failure, s.Message = Failed, ClusterFailure, "expected the last beat 1.8 s to 6 s after SIGTERM\ngot 0.04 s <b>&\n\nstory of pod x:\n  +0.000s ADDED: phase Pending"
	s.Evidence = []string{"evidence/some-spec-41"}
	if len(s.Measured) > 0 {
		s.Measured[0].OK = false
	}
	specs := append([]Spec{}, r.Specs...)
	specs[spec] = s
	again := New(claims.All(), r.Run, specs, r.Laws)
	again.Cluster, again.Setup = r.Cluster, r.Setup
	return again
}
