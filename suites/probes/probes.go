// Package probes holds the specs on how the kubelet probes containers.
package probes

import (
	"bytes"
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
)

// enough is how many probes of a container must have arrived before it counts
// as one that does not become ready: a single one would do by the
// documentation, since successThreshold is 1.
const enough = 3

// firstPort is the port of a Pod's first container; the others follow.
const firstPort = 8081

var _ = Describe("A readiness probe", func() {
	ns := space{spec.Namespace()}

	It("by HTTP passes on every status from 200 to 299", claim.Proves("PROBE-HTTP-02"), func(ctx SpecContext) {
		statuses := []int{200, 201, 204, 206, 226, 299}
		story := spec.Must(ns.Create(ctx, pod.New("passing", ns.answering(statuses)...)))
		spec.Must(story.Await(ctx, pod.AllRunning()))
		for _, status := range statuses {
			ns.expectProbes(ctx, story, named(status), witness.StatusPath(status, ""), 1)
			// One probe that passed is enough; the rest of the time is for the
			// kubelet of a busy machine to say so.
			soon, cancel := context.WithTimeout(ctx, 20*time.Second)
			spec.Must(story.Await(soon, pod.ContainerReady(named(status))))
			cancel()
			log := spec.Must(ns.Log(ctx, story, named(status), false))
			probes := witness.Probes(log, witness.StatusPath(status, ""))
			Expect(probes).NotTo(BeEmpty(), "container %s is ready without having been probed\n%s", named(status), story)
			Expect(probes[0].Method).To(Equal("GET"))
			Expect(probes[0].Status).To(Equal(status), "the witness must have answered what the spec is about")
		}
		spec.Must(story.Await(ctx, pod.Ready()))
	})

	It("by HTTP fails on 101 and on every status from 400 up", claim.Proves("PROBE-HTTP-04"), func(ctx SpecContext) {
		statuses := []int{101, 400, 401, 404, 418, 429, 499, 500, 503, 599, 600}
		// The control: the same container with a status that passes.
		const control = 200
		story := spec.Must(ns.Create(ctx, pod.New("failing", ns.answering(append([]int{control}, statuses...))...)))
		spec.Must(story.Await(ctx, pod.AllRunning()))
		for _, status := range statuses {
			ns.expectProbes(ctx, story, named(status), witness.StatusPath(status, ""), enough)
		}
		for _, status := range statuses {
			Expect(story).To(pod.NeverBe(pod.ContainerReady(named(status))))
		}
		Expect(story).To(pod.HaveBeen(pod.ContainerReady(named(control))))
		Expect(story).To(pod.NeverBe(pod.Ready()))
	})

	It("by TCP passes when a connection is made, and only then", claim.Proves("PROBE-TCP-01"), func(ctx SpecContext) {
		// A server that resets the connection at once is left out: when the
		// reset is faster than the kubelet's look at its socket, connecting
		// itself seems to have failed.
		passing := []witness.TCPMode{witness.Accept, witness.ListenOnly, witness.Close}
		var options []pod.Option
		port := firstPort
		for _, mode := range append(passing, witness.BoundOnly) {
			options = append(options, ns.Witness(string(mode), witness.Serve(witness.TCP(port, mode)), pod.Readiness(pod.TCP(port))))
			port++
		}
		options = append(options, ns.Witness("http-500", witness.Serve(witness.HTTP(port), witness.Script("unhealthy", witness.Always(500))), pod.Readiness(pod.TCP(port))))
		story := spec.Must(ns.Create(ctx, pod.New("tcp", options...)))

		for _, mode := range passing {
			spec.Must(story.Await(ctx, pod.ContainerReady(string(mode))))
		}
		spec.Must(story.Await(ctx, pod.ContainerReady("http-500")))

		// All containers are probed each second. When the one that accepts has
		// seen that many probes since all of them run, so has the one that has
		// bound its port without listening, which cannot count them itself.
		spec.Must(story.Await(ctx, pod.AllRunning()))
		Expect(story).To(pod.NeverBe(pod.ContainerReady(string(witness.BoundOnly))))
		connects := 0
		spec.Must(ns.FollowLog(ctx, story, string(witness.Accept), "the end of several probes", func(lines []record.Line) bool {
			connects = witness.Count(lines, record.Closed)
			return connects >= enough+2
		}))
		Expect(story).To(pod.NeverBe(pod.ContainerReady(string(witness.BoundOnly))))
		Expect(story).To(pod.NeverBe(pod.Ready()))

		for _, line := range witness.Select(spec.Must(ns.Log(ctx, story, string(witness.Accept), false)), record.Closed) {
			Expect(line.Bytes).To(HaveValue(BeZero()), "a TCP probe must send no data")
		}
	})

	It("by a command passes on exit code 0 and fails on every other, and when it takes too long", claim.Proves("PROBE-EXEC-01"), func(ctx SpecContext) {
		const slow = "slow"
		codes := []int{1, 2, 126, 255}
		options := []pod.Option{pod.Volume("runs")}
		add := func(name string, check ...witness.CheckOption) {
			check = append(check, witness.Record(runsFile(name)))
			options = append(options, ns.Witness(name, witness.Run(), pod.Mount("runs", "/runs"),
				pod.Readiness(pod.Exec(witness.Check(check...)...), pod.Timeout(1))))
		}
		for _, code := range append([]int{0}, codes...) {
			add(named(code), witness.ExitCode(code))
		}
		add(slow, witness.Sleep(3*time.Second), witness.ExitCode(0))
		options = append(options, ns.Witness("reader", witness.Serve(witness.HTTP(firstPort)), pod.Mount("runs", "/runs")))
		story := spec.Must(ns.Create(ctx, pod.New("exec", options...)))

		spec.Must(story.Await(ctx, pod.ContainerReady(named(0))))
		for _, name := range append(names(codes), slow) {
			ns.expectRuns(ctx, story, name, enough)
			Expect(story).To(pod.NeverBe(pod.ContainerReady(name)))
		}
		Expect(story).To(pod.NeverBe(pod.Ready()))
	})
})

// space is the namespace of a spec, with this subject's own containers.
type space struct{ *spec.Space }

// answering are containers that each answer probes with one of the statuses.
func (s space) answering(statuses []int) []pod.Option {
	var containers []pod.Option
	for i, status := range statuses {
		port := firstPort + i
		containers = append(containers, s.Witness(named(status), witness.Serve(witness.HTTP(port)),
			pod.Readiness(pod.HTTPGet(port, witness.StatusPath(status, "")))))
	}
	return containers
}

// expectProbes waits until n HTTP probes have reached the container.
func (s space) expectProbes(ctx SpecContext, story *journal.Story, container, path string, n int) {
	GinkgoHelper()
	spec.Must(s.FollowLog(ctx, story, container, fmt.Sprintf("%d probes of %s", n, path), func(lines []record.Line) bool {
		return len(witness.Probes(lines, path)) >= n
	}))
}

// expectRuns waits until the container's command has been run n times. The
// command writes that to a file, since its output reaches no log; a file
// cannot be watched from here.
func (s space) expectRuns(ctx SpecContext, story *journal.Story, container string, n int) {
	GinkgoHelper()
	Eventually(ctx, func() (int, error) {
		data, err := s.Get(ctx, story, firstPort, "/records", map[string]string{"path": runsFile(container)})
		if err != nil {
			return 0, err
		}
		lines, err := witness.ReadLog(bytes.NewReader(data))
		return witness.Count(lines, record.Start), err
	}).WithPolling(200*time.Millisecond).Should(BeNumerically(">=", n), "the command of container %s must be run each second\n%s", container, story)
}

func runsFile(container string) string { return "/runs/" + container }

// named is the container that is about a status or an exit code.
func named(code int) string { return fmt.Sprintf("c%d", code) }

func names(codes []int) []string {
	var all []string
	for _, c := range codes {
		all = append(all, named(c))
	}
	return all
}
