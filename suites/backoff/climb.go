package backoff

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
)

const (
	crasher    = "crasher"
	recordPath = "/shared/crasher.jsonl"
	statePath  = "/shared/instances"
	port       = 8080
	// short is how long an instance lives: long enough for the kubelet to
	// notice it, and too short to count as stable.
	short = 300 * time.Millisecond
)

// place is what kind of container crashes.
type place string

const (
	app           place = "container"
	initContainer place = "init container"
	sidecar       place = "sidecar"
)

// killed is the exit code of an instance that SIGKILL ended.
const killed = 137

// lives says how long the instances of a crasher live and how they end, and what kind of
// container it is. The last span and the last code apply to all later instances.
type lives struct {
	spans []time.Duration
	codes []int
	place place
}

// crashing makes short lives that end with the codes, one after the other.
func crashing(codes ...int) lives { return lives{[]time.Duration{short}, codes, app} }

// in is the same lives of another kind of container.
func (l lives) in(p place) lives {
	l.place = p
	return l
}

// span is how long the given instance, from 0, lives.
func (l lives) span(instance int) time.Duration { return l.spans[min(instance, len(l.spans)-1)] }

// code is how the given instance, from 0, ends.
func (l lives) code(instance int) int { return l.codes[min(instance, len(l.codes)-1)] }

func (l lives) args() []string {
	var schedule []witness.Life
	for instance := range max(len(l.spans), len(l.codes)) {
		life := witness.ExitAfter(l.span(instance), l.code(instance))
		if l.code(instance) == killed {
			life = witness.KillAfter(l.span(instance), "KILL")
		}
		schedule = append(schedule, life)
	}
	return witness.Run(witness.Schedule(statePath, schedule...), witness.Record(recordPath))
}

// beside makes the pod of a crasher. The recorder beside it outlives the crasher and
// serves what it wrote.
func (l lives) beside(ns *spec.Space, name string, args []string, options ...pod.ContainerOption) *corev1.Pod {
	mount := pod.Mount("shared", "/shared")
	recorder := witness.Serve(witness.HTTP(port))
	options = append(options, mount)
	all := []pod.Option{pod.Volume("shared")}
	switch l.place {
	case initContainer:
		all = append(all, ns.Sidecar("recorder", recorder, mount), ns.InitContainer(crasher, args, options...), ns.Witness("app", witness.Run()))
	case sidecar:
		all = append(all, ns.Sidecar("recorder", recorder, mount), ns.Sidecar(crasher, args, options...), ns.Witness("app", witness.Run()))
	default:
		all = append(all, ns.Witness("recorder", recorder, mount), ns.Witness(crasher, args, options...))
	}
	if slices.Contains(l.codes, killed) {
		// A process cannot kill itself as the first one of its PID namespace.
		all = append(all, pod.ShareProcesses())
	}
	return pod.New(name, all...)
}

// climber is a pod whose container crashes. A pod has only one such container:
// since Kubernetes 1.35 two would disturb each other's timing.
type climber struct {
	story *journal.Story
	lives
	instances []witness.Instance // those that have ended, and the next one
	course
	since time.Time // when an exit had been seen; zero while none has
	out   bool      // its node could not start an instance
}

// start creates a pod for each of the lives, on any node.
func start(ctx context.Context, ns *spec.Space, all ...lives) []*climber {
	GinkgoHelper()
	var climbers []*climber
	for i, l := range all {
		story := spec.Must(ns.Create(ctx, l.beside(ns, fmt.Sprintf("crashing-%d", i+1), l.args())))
		climbers = append(climbers, &climber{story: story, lives: l})
	}
	return climbers
}

// kubelet returns the version of the kubelet that runs the first pod, once the pod is
// on a node.
func kubelet(ctx context.Context, ns *spec.Space, climbers []*climber) string {
	GinkgoHelper()
	bound := spec.Must(climbers[0].story.Await(ctx, pod.Scheduled()))
	for _, n := range ns.Cluster.Nodes {
		if n.Name == bound.Pod.Spec.NodeName {
			return n.Kubelet
		}
	}
	return ns.Cluster.ServerVersion
}

// climb watches the crashers until each has restarted last times. It fails the spec as
// soon as one of the rungs is not as documented.
func climb(ctx context.Context, ns *spec.Space, climbers []*climber, last int, want []rung) {
	GinkgoHelper()
	conclude(climbers, want, ascend(ctx, ns, climbers, last, want))
}

// conclude puts what was measured into the report, and fails the spec for what ascend
// returned.
func conclude(climbers []*climber, want []rung, err error) {
	GinkgoHelper()
	report(climbers, want)
	switch {
	case err == nil:
		return
	case errors.As(err, &unseen{}):
		spec.Do(err)
	}
	if why := clockMoved(climbers); why != "" {
		claim.Inconclusive(why)
	}
	message := fmt.Sprintf("%v\nall times from an exit to the next start: %s\n%s", err, allGaps(climbers), climbers[0].story)
	if errors.As(err, &tooLate{}) {
		spec.Late(message)
	}
	Fail(message)
}

// news is that an instance of a crasher, from 0, has ended, or why that was not seen.
type news struct {
	of    *climber
	ended int
	at    time.Time
	err   error
}

// unseen is why it was not seen that an instance ended.
type unseen struct{ error }

func (u unseen) Unwrap() error { return u.error }

// follow reports the end of each instance up to the one before restart last+1.
func follow(ctx context.Context, climbers []*climber, last int) <-chan news {
	// The buffer holds all news, so no goroutine is left blocked when the spec goes on.
	arriving := make(chan news, len(climbers)*(last+1))
	for _, c := range climbers {
		reached := len(c.gaps)
		go func() {
			for n := reached; n <= last; n++ {
				v, err := c.story.Await(ctx, ended(n))
				arriving <- news{c, n, v.At, err}
				if err != nil {
					return
				}
			}
		}()
	}
	return arriving
}

// ascend watches the crashers until each has restarted last times, or until one of the
// rungs is not as documented.
func ascend(ctx context.Context, ns *spec.Space, climbers []*climber, last int, want []rung) error {
	GinkgoHelper()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	arriving := follow(ctx, climbers, last)
	for climbing := len(climbers); climbing > 0; {
		select {
		case n := <-arriving:
			if n.of.out {
				continue
			}
			if why := notStarted(pod.Instances(n.of.story, crasher)); why != "" {
				climbers = leaveOut(climbers, n.of, why)
				climbing--
				continue
			}
			if n.err != nil {
				return unseen{n.err}
			}
			if n.of.read(ctx, ns, n.ended); n.ended == last {
				climbing--
			}
			n.of.since = n.at
		case <-nextLate(climbers, want):
		}
		for _, c := range climbers {
			c.wait()
		}
		for _, group := range groups(climbers) {
			if err := judge(want, courses(group)); err != nil {
				return err
			}
		}
	}
	return nil
}

// wait notes how long the crasher has waited for its next restart, at the least.
func (c *climber) wait() {
	c.waited = 0
	if !c.since.IsZero() && !c.restarted() {
		// The next instance may have started by now and be alive. Its start is known
		// only when it has ended.
		c.waited = time.Since(c.since) - c.span(len(c.gaps)+1)
	}
}

// leaveOut goes on without a crasher one of whose instances was not started, which says
// nothing about the delays of the others.
func leaveOut(climbers []*climber, c *climber, why string) []*climber {
	GinkgoHelper()
	fmt.Fprintf(GinkgoWriter, "%s is left out: %s\n", c.story.Name(), why)
	c.out = true
	left := slices.DeleteFunc(slices.Clone(climbers), func(c *climber) bool { return c.out })
	if len(left) == 0 {
		spec.Inconclusive("no container is left to measure restarts on: %s", why)
	}
	return left
}

// groups are the crashers of which only the quickest one has to be in time. That is all
// of them, or those of a kind where each kind has two or more.
func groups(climbers []*climber) [][]*climber {
	kinds := map[place][]*climber{}
	for _, c := range climbers {
		kinds[c.place] = append(kinds[c.place], c)
	}
	var all [][]*climber
	for _, p := range []place{app, initContainer, sidecar} {
		switch len(kinds[p]) {
		case 0:
		case 1:
			return [][]*climber{climbers}
		default:
			all = append(all, kinds[p])
		}
	}
	return all
}

// clockMoved says why a finding of judge may not be the kubelet's fault, or "".
func clockMoved(climbers []*climber) string {
	for _, c := range climbers {
		// A smaller step does not matter: the two clocks are not read at the same moment.
		if step := clockStep(c.instances); step.Abs() > 2*early {
			return fmt.Sprintf("the clock of the node was moved by %.1f s, and the kubelet counts its delays by that clock", step.Seconds())
		}
	}
	return ""
}

// restarted reports whether the API shows the restart after the known gaps.
func (c *climber) restarted() bool {
	last := c.story.Last()
	if last == nil {
		return false
	}
	s := pod.Status(last, crasher)
	return s != nil && int(s.RestartCount) > len(c.gaps)
}

// ended holds once the given instance of the crasher, from 0, has ended.
func ended(instance int) journal.State {
	return journal.State{
		Text: fmt.Sprintf("to have ended instance %d of container %s", instance+1, crasher),
		Holds: func(p *corev1.Pod) bool {
			s := pod.Status(p, crasher)
			if s == nil || s.RestartCount < int32(instance) {
				return false
			}
			// While the container waits for its restart, the last state belongs to
			// the same instance as the rest of the status.
			last := s.LastTerminationState.Terminated
			return s.RestartCount > int32(instance) || s.State.Terminated != nil ||
				s.State.Waiting != nil && last != nil && last.ContainerID == s.ContainerID
		},
		Never: func(p *corev1.Pod) string {
			if p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
				return fmt.Sprintf("phase %s is final", p.Status.Phase)
			}
			return ""
		},
	}
}

// read fetches what the crasher wrote until the given instance ended, and checks
// that the kubelet reports the same.
func (c *climber) read(ctx context.Context, ns *spec.Space, instance int) {
	GinkgoHelper()
	data := spec.Must(ns.Get(ctx, c.story, port, "/records", map[string]string{"path": recordPath}))
	lines := spec.Must(witness.ReadLog(bytes.NewReader(data)))
	ns.Saw(c.story, crasher, lines)
	instances := witness.Instances(lines)
	if len(instances) < instance+1 {
		Fail(fmt.Sprintf("each restart that the kubelet reports must be an instance that ran, but only %d ran, while the kubelet reports %d ended\n%s", len(instances), instance+1, c.story))
	}
	c.instances = instances[:instance+1]
	if err := compare(c.instances, pod.Instances(c.story, crasher), c.code); err != nil {
		Fail(fmt.Sprintf("%v\n%s", err, c.story))
	}
	c.gaps, c.began = spec.Must(witness.Gaps(c.instances)), untilBegun(c.story, crasher)
}

// nextLate fires when the next container will be late for its current rung.
func nextLate(climbers []*climber, want []rung) <-chan time.Time {
	var next time.Duration
	for _, c := range climbers {
		i := slices.IndexFunc(want, func(r rung) bool { return r.restart == len(c.gaps)+1 })
		if i < 0 || c.since.IsZero() {
			continue
		}
		left := time.Until(c.since) + c.span(len(c.gaps)+1) + want[i].upper + unreported + time.Millisecond
		if left > 0 && (next == 0 || left < next) {
			next = left
		}
	}
	if next == 0 {
		return nil
	}
	return time.After(next)
}

// report records measured beside documented values for the claims that the running
// spec proves: by the container's own clock, and by the times that the kubelet
// reports, which are whole seconds.
func report(climbers []*climber, want []rung) {
	for _, group := range groups(climbers) {
		for _, c := range claim.Of(CurrentSpecReport().Labels()) {
			for _, r := range want {
				r.report(c.ID, group)
			}
		}
	}
}

func (r rung) report(id string, climbers []*climber) {
	all := courses(climbers)
	gap, container, ok := shortest(r.restart, all)
	if !ok {
		return
	}
	good := judge([]rung{r}, all) == nil
	what := fmt.Sprintf("delay before restart %d%s (shortest of %d)", r.restart, ofKind(climbers), len(climbers))
	should := fmt.Sprintf("%.0f s", r.documented.Seconds())
	claim.MeasureStep(id, what, should, gap, good, r.step(all))
	if reported, ok := reportedGap(pod.Instances(climbers[container].story, crasher), r.restart); ok {
		claim.MeasureTime(id, what+" by the kubelet's times", should, reported, good)
	}
}

// ofKind names what the crashers are, "" for app containers and where they differ.
func ofKind(climbers []*climber) string {
	kind := climbers[0].place
	if kind == app || slices.ContainsFunc(climbers, func(c *climber) bool { return c.place != kind }) {
		return ""
	}
	return fmt.Sprintf(" of the %s", kind)
}

func courses(climbers []*climber) []course {
	var all []course
	for _, c := range climbers {
		all = append(all, c.course)
	}
	return all
}

func allGaps(climbers []*climber) string {
	var texts []string
	for _, c := range climbers {
		var gaps []string
		for _, g := range c.gaps {
			gaps = append(gaps, fmt.Sprintf("%.1f s", g.Seconds()))
		}
		texts = append(texts, fmt.Sprintf("%s: %s", c.story.Name(), strings.Join(gaps, ", ")))
	}
	return strings.Join(texts, "; ")
}
