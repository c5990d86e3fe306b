package network

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
)

// tries is how often a client starts until it has its answer. The kubelet's delays between
// the starts are 0 and 10 s. Some networks make a new Pod reachable only a moment after it
// is up.
const tries = 3

var _ = Describe("A Pod's address", func() {
	ns := spec.PrivilegedNamespace() // for the client on its node's network

	It("is reached by Pods on any node and from its own node", claim.Proves("NET-03"), func(ctx SpecContext) {
		one, other, err := ns.TwoNodes()
		spec.Do(err)
		server := servers(ctx, ns, one)
		ip := server.Last().Status.PodIP

		// Whatever blocks the Pod, such as a network policy, also blocks the API server. The
		// failure then says so.
		DeferOnFailure(func(ctx SpecContext) { _, _ = ns.Get(ctx, server, portA, "/", nil) }, NodeTimeout(time.Minute))

		clients := map[string]*journal.Story{}
		for name, where := range map[string][]pod.Option{
			"same-node":  {one},
			"other-node": {other},
			"node":       {one, pod.HostNetwork()},
		} {
			clients[name] = spec.Must(ns.Create(ctx, pod.New(name, append(where, pod.Restart(corev1.RestartPolicyOnFailure),
				ns.Witness("w", witness.Dial(target(ip, portA, name), 1, witness.AndDial(target(ip, portB, name)), witness.ID(name), witness.BeatTo(ip, portUDP))))...)))
		}
		heard := map[string]*corev1.Pod{}
		for name, client := range clients {
			heard[name] = spec.Must(client.Await(ctx, answered(name, ip))).Pod
			dialled := witness.Select(spec.Must(ns.Log(ctx, client, "w", false)), record.Dialled)
			Expect(dialled).To(HaveLen(2), "the client must log two requests\n%s", client)
			for i, port := range []int{portA, portB} {
				expectReached(ctx, ns, server, client, name, port, dialled[i].Dial)
			}
		}
		expectDatagrams(ctx, ns, server, heard)
	})
})

// servers creates a Pod with a container that serves, one that has been restarted, and a
// sidecar that takes datagrams.
func servers(ctx SpecContext, ns *spec.Space, where pod.Option) *journal.Story {
	GinkgoHelper()
	server := spec.Must(ns.Create(ctx, pod.New("server", where,
		ns.Sidecar("udp", witness.Collect(portSeries, portUDP)),
		ns.Witness("w", witness.Serve(witness.HTTP(portA)), pod.Readiness(pod.HTTPGet(portA, "/"))),
		ns.Witness("again", witness.Serve(witness.HTTP(portB)), pod.Readiness(pod.HTTPGet(portB, "/"))))))
	ready := spec.Must(server.Await(ctx, pod.Ready()))
	spec.Must(ns.AwaitListening(ctx, server, "udp", 2))
	spec.Must(ns.Get(ctx, server, portB, "/exit", map[string]string{"code": "1"}))
	spec.Must(server.AwaitAfter(ctx, ready, pod.All(pod.Restarted("again", 1), pod.Ready())))
	return server
}

// target is the URL that a client gets.
func target(ip string, port int, client string) string {
	to := url.URL{Scheme: "http", Host: net.JoinHostPort(ip, strconv.Itoa(port)), Path: "/", RawQuery: "from=" + client}
	return to.String()
}

// expectReached expects that the server on the port answered the client, and that both saw
// the same addresses.
func expectReached(ctx SpecContext, ns *spec.Space, server, client *journal.Story, name string, port int, got *record.Dial) {
	GinkgoHelper()
	Expect(got.Status).To(Equal(200), "%s must get an answer from port %d of the server's address\n%s", describeClient(name), port, client)
	Expect(got.Body).To(Equal("server\n"), "the server itself must answer at its address\n%s", client)

	var all, seen []record.Request
	getJSON(ctx, ns, server, port, "/requests", map[string]string{"path": "/"}, &all)
	for _, r := range all {
		if r.Query == "from="+name {
			seen = append(seen, r)
		}
	}
	Expect(seen).NotTo(BeEmpty(), "port %d of the server must have seen the request of %s", port, describeClient(name))
	last, p := seen[len(seen)-1], client.Last()
	Expect(last.Local).To(Equal(net.JoinHostPort(server.Last().Status.PodIP, strconv.Itoa(port))), "the server must receive the request at the address and port that %s used, without translation", describeClient(name))
	if p.Spec.HostNetwork {
		return // no documentation says which address a node uses towards its Pods
	}
	expectFrom(p, last.Remote, name, client)
	Expect(last.Remote).To(Equal(got.Local), "the server must see the address and port that %s uses itself\n%s", describeClient(name), client)
}

// expectDatagrams expects that the server got a datagram of each client, from its address.
func expectDatagrams(ctx SpecContext, ns *spec.Space, server *journal.Story, clients map[string]*corev1.Pod) {
	GinkgoHelper()
	for name := range clients {
		var series record.Series
		getJSON(ctx, ns, server, portSeries, "/series", map[string]string{"id": name, "quiet": "200ms"}, &series)
		Expect(series.Arrivals).NotTo(BeEmpty(), "the server must get a datagram that %s sends to its address\n%s", describeClient(name), server)
	}
	for _, l := range witness.Select(spec.Must(ns.Log(ctx, server, "udp", false)), record.Arrived) {
		if p := clients[l.ID]; p != nil && !p.Spec.HostNetwork {
			expectFrom(p, l.Remote, l.ID, server)
		}
	}
}

// expectFrom expects an address of the client's Pod.
func expectFrom(p *corev1.Pod, remote, name string, story *journal.Story) {
	GinkgoHelper()
	host, _, err := net.SplitHostPort(remote)
	spec.Do(err)
	Expect(p.Status.PodIPs).To(ContainElement(corev1.PodIP{IP: host}), "the server must see the address of the client's Pod, without translation between %s and the server\n%s", describeClient(name), story)
}

// answered holds once the client has its answer. No answer can come when all tries are
// used up.
func answered(name, ip string) journal.State {
	state := pod.InPhase(corev1.PodSucceeded)
	state.Text = fmt.Sprintf("to get an answer from %s, which every Pod and the Pod's own node must be able to reach", ip)
	ended := state.Never
	state.Never = func(p *corev1.Pod) string {
		if s := pod.Status(p, "w"); s != nil && s.RestartCount >= tries-1 && s.State.Terminated != nil && s.State.Terminated.ExitCode != 0 {
			return fmt.Sprintf("%s has tried %d times", describeClient(name), tries)
		}
		return ended(p)
	}
	return state
}

func describeClient(name string) string {
	return map[string]string{
		"same-node":  "the Pod on the same node",
		"other-node": "the Pod on another node",
		"node":       "the process on the network of the server's node",
	}[name]
}
