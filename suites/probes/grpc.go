package probes

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
)

var _ = Describe("A gRPC probe", func() {
	ns := space{spec.Namespace()}

	It("passes when the service that it names is serving, and fails on every other answer and on none in time", claim.Proves("PROBE-GRPC-01"), func(ctx SpecContext) {
		const healthPort, closedPort = 9090, 9091
		const nameless, late, unknown, plain, closed = "nameless", "late", "unknown", "plain", "closed"
		// All containers of a Pod are at its IP, so one server is probed for all.
		probing := func(container, service string, port int, options ...pod.ProbeOption) pod.Option {
			return ns.Witness(container, witness.Run(), pod.Readiness(pod.GRPC(port, service, append(options, pod.Threshold(1))...)))
		}
		story := spec.Must(ns.Create(ctx, pod.New("grpc",
			probing(closed, "", closedPort),
			probing(plain, "", httpPort),
			probing(unknown, unknown, healthPort),
			probing(nameless, "", healthPort, pod.Timeout(unhurried)),
			probing(late, late, healthPort),
			ns.Witness(server, witness.Serve(witness.HTTP(httpPort), witness.GRPC(healthPort)),
				pod.Readiness(pod.GRPC(healthPort, server, pod.Timeout(unhurried), pod.Threshold(1)))),
		)))
		expectFailed := func() {
			GinkgoHelper()
			for container, finds := range map[string]string{
				unknown: "of a service that the server does not know",
				plain:   "of a port that speaks HTTP/1 only",
				closed:  "of a port on which nobody listens",
			} {
				Expect(story).To(pod.NeverBe(pod.ContainerReady(container)), "a gRPC probe %s must fail", finds)
			}
		}
		ns.awaitListening(ctx, story, server, 2)
		expectTurn(ctx, story, nameless, true, "a server that is serving, of which it names no service", nil)
		expectFailed() // whatever comes late from here on

		const serving, notServing = "a service that answers SERVING", "a service that answers NOT_SERVING"
		health := func(code, finds string) answer { return answer{text: finds, how: map[string]string{"code": code}} }
		t := &table{ns: ns, story: story, last: map[string]*journal.Version{}, given: map[string]int{}}
		t.turn(ctx, map[string]answer{server: health("200", serving), late: health("200", serving)}, true)
		t.turn(ctx, map[string]answer{
			server: health("503", notServing),
			late:   health("200", serving).with("delay", "5s", serving+" only after 5 s, when the timeout is 1 s"),
		}, false)
		t.turn(ctx, map[string]answer{server: health("200", serving)}, true)

		// The kubelet has tried the others since before it first probed the server.
		spec.Must(ns.FollowLog(ctx, story, server, fmt.Sprintf("%d probes of a service that the server does not know", enough), func(lines []record.Line) bool {
			return len(witness.Checks(lines, unknown)) >= enough
		}))
		expectFailed()
	})
})
