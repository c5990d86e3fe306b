// Package network holds the specs on what a Pod is and on the network that its containers
// share.
package network

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
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
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// bindTime is the time limit for a command that tries to take a port and ends in
// milliseconds on a calm machine. It ends a command that gets the port and keeps it.
const bindTime = 10 * time.Second

var _ = Describe("A Pod", func() {
	ns := spec.Namespace()

	It("groups one or more containers on one node", claim.Proves("DEF-02"), func(ctx SpecContext) {
		initOnly := pod.New("without", ns.InitContainer("init", witness.Run()))
		for _, without := range []*corev1.Pod{pod.New("without"), initOnly} {
			_, err := ns.Create(ctx, without)
			Expect(apierrors.IsInvalid(err)).To(BeTrue(), "a Pod without containers (init containers: %d) must be refused as invalid, but the API server returned: %v", len(without.Spec.InitContainers), err)
			Expect(err).To(MatchError(ContainSubstring("spec.containers: Required value")))
		}

		stories := map[int]*journal.Story{}
		for _, n := range []int{1, 2, 5} {
			var containers []pod.Option
			for i := range n {
				containers = append(containers, ns.Witness(fmt.Sprintf("c%d", i), witness.Run()))
			}
			if n == 2 {
				containers = append(containers, ns.InitContainer("init", witness.Run(witness.For(0))), ns.Sidecar("beside", witness.Run()))
			}
			stories[n] = spec.Must(ns.Create(ctx, pod.New(fmt.Sprintf("of-%d", n), containers...)))
		}
		for n, story := range stories {
			ready := spec.Must(story.Await(ctx, pod.All(pod.InPhase(corev1.PodRunning), pod.Ready(), pod.AllRunning()))).Pod

			Expect(ready.Spec.NodeName).NotTo(BeEmpty())
			ids := map[string]bool{}
			for _, s := range ready.Status.ContainerStatuses {
				Expect(s.Ready).To(BeTrue(), "container %s of a ready Pod must be ready\n%s", s.Name, story)
				ids[s.ContainerID] = true
			}
			Expect(ids).To(HaveLen(n), "a Pod with %d containers must run all of them\n%s", n, story)
		}
	})

	It("lends its one network namespace to all its containers", claim.Proves("NET-02"), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("shared",
			ns.Sidecar("beside", witness.Serve(witness.HTTP(portBeside)), pod.EnvField("POD_IP", "status.podIP"), pod.Readiness(pod.HTTPGet(portBeside, "/"))),
			ns.Witness("a", witness.Serve(witness.HTTP(portA)), pod.EnvField("POD_IP", "status.podIP"), pod.Readiness(pod.HTTPGet(portA, "/"))),
			ns.Witness("b", witness.Serve(witness.HTTP(portB)), pod.EnvField("POD_IP", "status.podIP"), pod.Readiness(pod.HTTPGet(portB, "/"))),
			ns.Witness("udp", witness.Collect(portSeries, portUDP)),
		)))
		ready := spec.Must(story.Await(ctx, pod.All(pod.Ready(), pod.AllRunning())))
		ip := ready.Pod.Status.PodIP
		before := expectOneNetwork(ctx, ns, story, ip)

		By("competing for a port")
		expectTaken(ctx, ns, story, "b", witness.Bind(portA))
		expectTaken(ctx, ns, story, "a", witness.Bind(portBeside))
		spec.Must(ns.AwaitListening(ctx, story, "udp", 2))
		expectTaken(ctx, ns, story, "a", witness.Collect(portFree, portUDP))

		By("restarting the containers, one after the other")
		for _, c := range []struct {
			name string
			port int
		}{{"a", portA}, {"beside", portBeside}, {"b", portB}} {
			spec.Must(ns.Get(ctx, story, c.port, "/exit", map[string]string{"code": "1"}))
			again := spec.Must(story.AwaitAfter(ctx, ready, pod.All(pod.Restarted(c.name, 1), pod.Ready())))
			Expect(again.Pod.Status.PodIP).To(Equal(ip), "the Pod's IP must outlive container %s\n%s", c.name, story)
			after := expectOneNetwork(ctx, ns, story, ip)
			Expect(after).To(Equal(before), "the network namespace must outlive container %s\n%s", c.name, story)
			ready = again
		}
	})
})

// The ports of the containers that share a network.
const (
	portBeside = 8079 + iota
	portA
	portB
	portSeries
	portUDP
	portFree
)

// expectTaken runs a command in the container that takes a port which another one holds.
func expectTaken(ctx SpecContext, ns *spec.Space, story *journal.Story, container string, binding []string) {
	GinkgoHelper()
	// The command reports and keeps a port that it gets; otherwise it ends.
	trying, cancel := context.WithTimeout(ctx, bindTime)
	defer cancel()
	output, code, err := ns.Exec(trying, story, container, witness.Command(binding)...)
	said, _ := witness.ReadLog(strings.NewReader(output))
	taken := witness.Select(said, record.BindFailed)
	if len(taken) == 0 {
		Expect(witness.Select(said, record.Listening)).To(BeEmpty(), "container %s must not get a port that another container holds, but it did (%v)\n%s", container, binding, story)
		if trying.Err() != nil {
			spec.TooBusy("a command in container %s neither ended within %s nor got the port", container, bindTime)
		}
		spec.Do(err)
	}
	Expect(code).To(Equal(witness.BindFailed), "container %s must not get a port that another container holds (%v); it said: %s", container, binding, output)
	Expect(taken).To(ContainElement(HaveField("Errno", "EADDRINUSE")), "container %s must not get the port because it is in use; it said: %s", container, output)
}

var _ = Describe("A Pod's address", func() {
	ns := spec.PrivilegedNamespace() // for the Pod on its node's network

	It("is its own, neither a node's nor another Pod's", claim.Proves("NET-01"), func(ctx SpecContext) {
		const pods = 3
		var stories []*journal.Story
		for i := range pods {
			containers := []pod.Option{ns.Witness("w", witness.Serve(witness.HTTP(portA)), pod.Readiness(pod.HTTPGet(portA, "/")))}
			if i == pods-1 {
				containers = append(containers, ns.Witness("other", witness.Run()), ns.Sidecar("beside", witness.Run()))
			}
			stories = append(stories, spec.Must(ns.Create(ctx, pod.New(fmt.Sprintf("own-%d", i), containers...))))
		}
		host := spec.Must(ns.Create(ctx, pod.New("host", pod.HostNetwork(), ns.Witness("w", witness.Run()))))

		seen := map[string]string{}
		for _, story := range stories {
			p := spec.Must(story.Await(ctx, pod.HasIP())).Pod
			ip := p.Status.PodIP
			Expect(p.Status.PodIPs).NotTo(BeEmpty())
			Expect(p.Status.PodIPs[0].IP).To(Equal(ip), "podIPs must begin with podIP\n%s", story)
			Expect(seen).NotTo(HaveKey(ip), "two live Pods must not have the same IP; Pod %s has this one too\n%s", seen[ip], story)
			seen[ip] = p.Name
		}
		// The control: with hostNetwork the address is the node's.
		p := spec.Must(host.Await(ctx, pod.Ready())).Pod
		nodes := nodeIPs(ctx, ns)
		for ip, name := range seen {
			Expect(nodes).NotTo(HaveKey(ip), "the IP of the Pod %s must not be a node's", name)
		}
		Expect(p.Status.PodIP).To(Equal(p.Status.HostIP), "a Pod on its node's network must have its node's IP\n%s", host)
		Expect(nodes).To(HaveKey(p.Status.PodIP))

		for _, story := range stories {
			p := spec.Must(story.Await(ctx, pod.Ready())).Pod
			var inside record.Info
			getJSON(ctx, ns, story, portA, "/info", nil, &inside)
			Expect(addresses(inside)).To(ContainElement(p.Status.PodIP), "the Pod must have the address that the API shows")
		}
	})
})

// nodeIPs are the addresses of the nodes now: a Pod's node may have joined during the run.
func nodeIPs(ctx SpecContext, ns *spec.Space) map[string]bool {
	GinkgoHelper()
	ips := map[string]bool{}
	for _, n := range spec.Must(ns.API.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})).Items {
		for _, a := range n.Status.Addresses {
			// A node without an internal address uses its external one.
			// https://github.com/kubernetes/kubernetes/blob/v1.37.2/pkg/util/node/node.go (GetNodeHostIPs)
			if ip := net.ParseIP(a.Address); ip != nil && (a.Type == corev1.NodeInternalIP || a.Type == corev1.NodeExternalIP) {
				ips[ip.String()] = true
			}
		}
	}
	return ips
}

// expectOneNetwork asks the containers what they see, lets each reach the next one on
// localhost, and returns their network namespace.
func expectOneNetwork(ctx SpecContext, ns *spec.Space, story *journal.Story, ip string) uint64 {
	GinkgoHelper()
	serving := []int{portA, portB, portBeside}
	var first record.Info
	for i, port := range serving {
		var here record.Info
		getJSON(ctx, ns, story, port, "/info", map[string]string{"env": "POD_IP"}, &here)
		if i == 0 {
			first = here
			Expect(addresses(here)).To(ContainElement(ip), "the containers must have the Pod's IP\n%s", story)
			Expect(here.Namespaces["net"]).NotTo(BeZero())
		}
		Expect(addresses(here)).To(ConsistOf(addresses(first)), "the container on port %d must have the same addresses as the others\n%s", port, story)
		Expect(here.Namespaces["net"]).To(Equal(first.Namespaces["net"]), "the container on port %d must be in the same network namespace as the others\n%s", port, story)
		Expect(here.Env["POD_IP"]).To(Equal(ip), "the downward API must give the container on port %d the Pod's IP\n%s", port, story)

		next := serving[(i+1)%len(serving)]
		reached := spec.Must(ns.Dial(ctx, story, port, fmt.Sprintf("http://127.0.0.1:%d/info", next), 1))[0]
		Expect(reached.Status).To(Equal(200), "the container on port %d must reach the one on port %d on localhost: %s\n%s", port, next, reached.Error, story)
	}
	expectHeard(ctx, ns, story)
	return first.Namespaces["net"]
}

// expectHeard sends lines from container a by UDP to localhost, where container udp takes
// them.
func expectHeard(ctx SpecContext, ns *spec.Space, story *journal.Story) {
	GinkgoHelper()
	spec.Must(ns.AwaitListening(ctx, story, "udp", 2))
	_, code, err := ns.Exec(ctx, story, "a", witness.Command(witness.Run(witness.For(0), witness.ID("from-a"), witness.BeatTo("127.0.0.1", portUDP)))...)
	spec.Do(err)
	Expect(code).To(BeZero(), "sending datagrams to localhost\n%s", story)
	var series record.Series
	getJSON(ctx, ns, story, portSeries, "/series", map[string]string{"id": "from-a", "quiet": "200ms"}, &series)
	Expect(series.Arrivals).NotTo(BeEmpty(), "container udp must get the datagrams that container a sends to localhost\n%s", story)
}

func getJSON(ctx SpecContext, ns *spec.Space, story *journal.Story, port int, path string, query map[string]string, into any) {
	GinkgoHelper()
	spec.Do(json.Unmarshal(spec.Must(ns.Get(ctx, story, port, path, query)), into))
}

// addresses are the addresses of all interfaces except loopback.
func addresses(i record.Info) []string {
	var all []string
	for _, a := range i.Addresses {
		if !a.Loopback {
			all = append(all, a.IP)
		}
	}
	return all
}
