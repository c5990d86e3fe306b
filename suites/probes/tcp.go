package probes

import (
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
)

var _ = Describe("A TCP probe", func() {
	ns := space{spec.Namespace()}

	It("passes when a connection is made, and only then", claim.Proves("PROBE-TCP-01"), func(ctx SpecContext) {
		// A server that resets the connection at once is left out: if the reset comes
		// before the kubelet checks its socket, the connection itself seems to have
		// failed.
		modes := []witness.TCPMode{witness.Accept, witness.Close, witness.BoundOnly, witness.ListenOnly}
		const unhealthy = "http-500"
		const pages = 8081 // the first port with the witness's pages
		const firstPort = 9001
		options := []pod.Option{ns.Witness(unhealthy, witness.Serve(witness.HTTP(httpPort), witness.Script("unhealthy", witness.Always(500))), pod.Readiness(pod.TCP(httpPort)))}
		for i, mode := range modes {
			options = append(options, ns.Witness(string(mode), witness.Serve(witness.HTTP(pages+i), witness.TCP(firstPort+i, mode)), pod.Readiness(pod.TCP(firstPort+i, pod.Threshold(1)))))
		}
		story := spec.Must(ns.Create(ctx, pod.New("tcp", options...)))
		ns.awaitListening(ctx, story, string(witness.ListenOnly), 2)

		expectTurn(ctx, story, string(witness.Accept), true, "a port whose server accepts connections", nil)
		expectTurn(ctx, story, string(witness.Close), true, "a port whose server closes each connection at once", nil)
		expectTurn(ctx, story, unhealthy, true, "a port whose HTTP server would answer 500", nil)
		// No process ever accepts a connection there. The kernel makes connections
		// anyway, as long as there is room in the queue.
		queued := expectTurn(ctx, story, string(witness.ListenOnly), true, "a port on which connections are made but never accepted", nil)
		spec.Must(ns.Get(ctx, story, pages+slices.Index(modes, witness.ListenOnly), "/full", nil))
		expectTurn(ctx, story, string(witness.ListenOnly), false, "a port that does not answer within its timeout of 1 s", queued)

		// By now the port on which nothing listens has been probed as often: the kubelet
		// started its container earlier.
		Expect(story).To(pod.NeverBe(pod.ContainerReady(string(witness.BoundOnly))), "a TCP probe of a port on which nothing listens must fail")
		Expect(story).To(pod.NeverBe(pod.Ready()))

		closed := witness.Select(spec.Must(ns.Log(ctx, story, string(witness.Accept), false)), record.Closed)
		Expect(closed).NotTo(BeEmpty(), "a server must see the end of the connections of TCP probes\n%s", story)
		for _, line := range closed {
			Expect(line.Bytes).To(HaveValue(BeZero()), "a TCP probe must send no data")
		}
	})
})
