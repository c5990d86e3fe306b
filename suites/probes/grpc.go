package probes

import (
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
)

var _ = Describe("A gRPC probe", func() {
	ns := space{spec.Namespace()}

	It("passes when the service that it names is serving, and fails on every other answer and on none in time", claim.Proves("PROBE-GRPC-01"), func(ctx SpecContext) {
		const healthPort, closedPort = 9090, 9091
		const nameless, late, unknown, plain, closed = "nameless", "late", "unknown", "plain", "closed"
		const judged = "/judged"
		// All containers of a Pod share its IP, so one server is enough for all probes.
		probing := func(container, service string, port int, options ...pod.ProbeOption) pod.Option {
			return ns.Witness(container, witness.Run(), pod.Readiness(pod.GRPC(port, service, append(options, pod.Threshold(1))...)))
		}
		// A single failure ends these containers, but only after the server runs and the
		// page for their startup probes has an answer. Then they fail for one reason only.
		ending := func(container, service string, port int, options ...pod.ProbeOption) pod.Option {
			return ns.Witness(container, witness.Run(),
				pod.Startup(pod.HTTPGet(httpPort, judged), pod.Timeout(unhurried), pod.Threshold(slowFailures)),
				pod.Liveness(pod.GRPC(port, service, append(options, pod.Threshold(1))...)))
		}
		story := spec.Must(ns.Create(ctx, pod.New("grpc", pod.Restart(corev1.RestartPolicyNever),
			ending(closed, "", closedPort),
			ending(plain, "", httpPort),
			ending(unknown, unknown, healthPort, pod.Timeout(unhurried)),
			probing(nameless, "", healthPort, pod.Timeout(unhurried)),
			probing(late, late, healthPort),
			ns.Witness(server, witness.Serve(witness.HTTP(httpPort), witness.GRPC(healthPort)),
				pod.Readiness(pod.GRPC(healthPort, server, pod.Timeout(unhurried), pod.Threshold(1)))),
		)))
		ns.awaitListening(ctx, story, server, 2)
		ns.set(ctx, story, httpPort, judged, http.StatusOK)
		expectTurn(ctx, story, nameless, true, "a serving server, for which it names no service", nil)

		const serving, notServing = "a service that answers SERVING", "a service that answers NOT_SERVING"
		health := func(code, finds string) answer { return answer{text: finds, how: map[string]string{"code": code}} }
		t := &table{ns: ns, story: story, last: map[string]*journal.Version{}, given: map[string]int{}}
		t.turn(ctx, map[string]answer{server: health("200", serving), late: health("200", serving)}, true)
		t.turn(ctx, map[string]answer{
			server: health("503", notServing),
			late:   health("200", serving).with("delay", "5s", serving+" only after 5 s, with a timeout of 1 s"),
		}, false)
		t.turn(ctx, map[string]answer{server: health("200", serving)}, true)

		expectEnded(ctx, story, unknown, "a service unknown to the gRPC server")
		expectEnded(ctx, story, plain, "a port that speaks only HTTP/1 instead of gRPC")
		expectEnded(ctx, story, closed, "a port on which nothing listens")
	})
})
