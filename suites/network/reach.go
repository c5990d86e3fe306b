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
		const port = 8080
		one, other, err := ns.TwoNodes()
		spec.Do(err)
		server := spec.Must(ns.Create(ctx, pod.New("server", one, ns.Witness("w", witness.Serve(witness.HTTP(port)), pod.Readiness(pod.HTTPGet(port, "/"))))))
		ip := spec.Must(server.Await(ctx, pod.Ready())).Pod.Status.PodIP

		// Whatever blocks the Pod, such as a network policy, also blocks the API server. The
		// failure then says so.
		DeferOnFailure(func(ctx SpecContext) { _, _ = ns.Get(ctx, server, port, "/", nil) }, NodeTimeout(time.Minute))

		clients := map[string]*journal.Story{}
		for name, where := range map[string][]pod.Option{
			"same-node":  {one},
			"other-node": {other},
			"node":       {one, pod.HostNetwork()},
		} {
			target := url.URL{Scheme: "http", Host: net.JoinHostPort(ip, strconv.Itoa(port)), Path: "/", RawQuery: "from=" + name}
			clients[name] = spec.Must(ns.Create(ctx, pod.New(name, append(where, pod.Restart(corev1.RestartPolicyOnFailure), ns.Witness("w", witness.Dial(target.String(), 1)))...)))
		}
		for name, client := range clients {
			p := spec.Must(client.Await(ctx, answered(name, ip))).Pod
			lines := spec.Must(ns.Log(ctx, client, "w", false))
			dialled := witness.Select(lines, record.Dialled)
			Expect(dialled).To(HaveLen(1), "the client must log one request\n%s", client)
			got := dialled[0].Dial
			Expect(got.Status).To(Equal(200), "%s must get an answer from the server's address\n%s", describeClient(name), client)
			Expect(got.Body).To(Equal("server\n"), "the server itself must answer at its address\n%s", client)

			var all, seen []record.Request
			getJSON(ctx, ns, server, port, "/requests", map[string]string{"path": "/"}, &all)
			for _, r := range all {
				if r.Query == "from="+name {
					seen = append(seen, r)
				}
			}
			Expect(seen).NotTo(BeEmpty(), "the server must have seen the request of %s", describeClient(name))
			last := seen[len(seen)-1]
			Expect(last.Local).To(Equal(net.JoinHostPort(ip, strconv.Itoa(port))), "the server must receive the request at the address and port that %s used, without translation", describeClient(name))
			if p.Spec.HostNetwork {
				continue // no documentation says which address a node uses towards its Pods
			}
			host, _, err := net.SplitHostPort(last.Remote)
			spec.Do(err)
			Expect(p.Status.PodIPs).To(ContainElement(corev1.PodIP{IP: host}), "the server must see the address of the client's Pod, without translation between %s and the server\n%s", describeClient(name), client)
			Expect(last.Remote).To(Equal(got.Local), "the server must see the address and port that %s uses itself\n%s", describeClient(name), client)
		}
	})
})

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
