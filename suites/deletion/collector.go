package deletion

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
)

// beat is how often a victim tells the collector that it is alive, and so how
// exactly its end is known.
const beat = 50 * time.Millisecond

const (
	collectorHTTP = 8080
	collectorUDP  = 8081
)

// collector is a Pod that hears the heartbeats of victims: the only view of a
// process whose Pod the API no longer has.
type collector struct {
	story *journal.Story
	pod   *corev1.Pod
}

func startCollector(ctx SpecContext, ns space) collector {
	GinkgoHelper()
	story := spec.Must(ns.Create(ctx, pod.New("collector", ns.Witness("w", witness.Collect(collectorHTTP, collectorUDP), pod.Readiness(pod.HTTPGet(collectorHTTP, "/info"))))))
	return collector{story, spec.Must(story.Await(ctx, pod.Ready())).Pod}
}

// hears makes a process send its lines to the collector.
func (c collector) hears() witness.Sending { return witness.BeatTo(c.pod.Status.PodIP, collectorUDP) }

// stubborn is a process that ignores SIGTERM and beats until it is killed.
func (c collector) stubborn(name string, options ...witness.RunOption) []string {
	return witness.Run(append(options, c.hears(), witness.ID(name), witness.OnTerm(witness.Ignore), witness.Beat(beat))...)
}

// victim is a Pod that ignores SIGTERM. It is on the collector's node, so no
// network lies between the two. victim returns once beats arrive.
func (c collector) victim(ctx SpecContext, ns space, name string, options ...pod.Option) *journal.Story {
	GinkgoHelper()
	story := c.begin(ctx, ns, name, options...)
	spec.Must(story.Await(ctx, pod.AllRunning()))
	c.await(ctx, ns, name, record.Start, 1)
	return story
}

// begin creates a victim and does not wait for it.
func (c collector) begin(ctx SpecContext, ns space, name string, options ...pod.Option) *journal.Story {
	GinkgoHelper()
	return c.place(ctx, ns, pod.New(name, append(options, ns.Witness("w", c.stubborn(name)))...), "w", name)
}

// place creates a Pod on the collector's node, one of whose containers sends its lines
// under that name.
func (c collector) place(ctx SpecContext, ns space, p *corev1.Pod, container, name string) *journal.Story {
	GinkgoHelper()
	pod.OnNode(c.pod.Spec.NodeName)(p)
	story := spec.Must(ns.Create(ctx, p))
	DeferOnFailure(func(ctx SpecContext) { c.excuseUnreached(ctx, ns, story, container, name) }, NodeTimeout(overdue))
	return story
}

// excuseUnreached makes the spec inconclusive on an existing cluster if a process has
// started but nothing that it sent reached the collector. A network policy, for instance,
// keeps Pods apart, which says nothing about their deletion.
func (c collector) excuseUnreached(ctx context.Context, ns space, victim *journal.Story, container, name string) {
	if ns.Cluster.Own {
		return
	}
	said, err := ns.Log(ctx, victim, container, false)
	if err != nil || len(witness.Select(said, record.Start)) == 0 {
		return
	}
	heard, err := c.ask(ctx, ns, map[string]string{"id": name})
	if err == nil && len(heard.Arrivals) == 0 {
		claim.Inconclusive(fmt.Sprintf("nothing that pod %s sends by UDP arrives at pod %s; a network policy may keep pods apart", victim.Name(), c.story.Name()))
	}
}

// await waits until the process of that name has reported an event other than a beat
// to the collector so many times. The instances of a container share a name.
func (c collector) await(ctx SpecContext, ns space, name string, event record.Event, times int) {
	GinkgoHelper()
	spec.Must(ns.FollowLog(ctx, c.story, "w", "a line "+string(event)+" of "+name, func(lines []record.Line) bool {
		seen := 0
		for _, l := range witness.Select(lines, record.Arrived) {
			if l.ID == name && l.Text == string(event) {
				seen++
			}
		}
		return seen >= times
	}))
}

// quiet is how long no beat may arrive before a process counts as ended. It spans
// many beats, so that one late beat on a busy machine does not matter.
const quiet = 2 * time.Second

// mostAlive is how long a process may continue once its end is awaited: longer than any
// grace period here plus the delays of a busy machine, and within the time of each spec.
const mostAlive = 60 * time.Second

// series is everything that the process of that name sent, once it has fallen silent.
// The collector answers only then.
func (c collector) series(ctx SpecContext, ns space, name string) record.Series {
	GinkgoHelper()
	soon, cancel := context.WithTimeout(ctx, mostAlive)
	defer cancel()
	s, err := c.ask(soon, ns, map[string]string{"id": name, "quiet": quiet.String()})
	if err != nil && soon.Err() != nil && ctx.Err() == nil {
		now := c.mark(ctx, ns)
		if last, beats := c.soFar(ctx, ns, name).Last(""); beats && last.BT > now.BT-quiet.Nanoseconds() {
			spec.Late(fmt.Sprintf("the process %s must have ended, but after %s of waiting it is still alive\n%s", name, mostAlive, ns.Journal().Story(name)))
		}
	}
	return spec.Must(s, err)
}

// soFar is everything that the process of that name has sent until now.
func (c collector) soFar(ctx SpecContext, ns space, name string) record.Series {
	GinkgoHelper()
	return spec.Must(c.ask(ctx, ns, map[string]string{"id": name}))
}

func (c collector) ask(ctx context.Context, ns space, query map[string]string) (record.Series, error) {
	var s record.Series
	data, err := ns.Get(ctx, c.story, collectorHTTP, "/series", query)
	if err != nil {
		return s, err
	}
	// Victims send under the name of their pod, and their container is w. A sender
	// with another name has no such pod and is recorded where its pod is known.
	err = json.Unmarshal(data, &s)
	ns.Saw(ns.Journal().Story(query["id"]), "w", lines(s))
	return s, err
}

// mark sends a request to the collector, which fixes a time on the collector's clock
// that is not later than now.
func (c collector) mark(ctx SpecContext, ns space) record.Request {
	GinkgoHelper()
	id := rand.Text()
	spec.Must(ns.Get(ctx, c.story, collectorHTTP, "/info", map[string]string{"mark": id}))
	var mark record.Request
	spec.Must(ns.FollowLog(ctx, c.story, "w", "a request of the spec", func(lines []record.Line) bool {
		for _, l := range witness.Select(lines, record.Requested) {
			if l.Request.Query == "mark="+id {
				mark = *l.Request
			}
		}
		return mark.BT != 0
	}))
	return mark
}

// ofLastInstance leaves of a series what the last instance of the container sent.
func ofLastInstance(s record.Series) record.Series {
	last, _ := s.Last("")
	return record.Series{ID: s.ID, Arrivals: slices.DeleteFunc(slices.Clone(s.Arrivals), func(a record.Arrival) bool {
		return a.Line.Instance != last.Line.Instance
	})}
}

// lines are the lines that a process sent.
func lines(s record.Series) []record.Line {
	var all []record.Line
	for _, a := range s.Arrivals {
		all = append(all, a.Line)
	}
	return all
}
