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
		_, err := ns.Create(ctx, pod.New("without"))
		Expect(apierrors.IsInvalid(err)).To(BeTrue(), "a Pod without containers must be refused as invalid, but the API server returned: %v", err)
		Expect(err).To(MatchError(ContainSubstring("spec.containers: Required value")))

		stories := map[int]*journal.Story{}
		for _, n := range []int{1, 2, 5} {
			var containers []pod.Option
			for i := range n {
				containers = append(containers, ns.Witness(fmt.Sprintf("c%d", i), witness.Run()))
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
		const portA, portB = 8080, 8081
		story := spec.Must(ns.Create(ctx, pod.New("shared",
			ns.Witness("a", witness.Serve(witness.HTTP(portA)), pod.EnvField("POD_IP", "status.podIP"), pod.Readiness(pod.HTTPGet(portA, "/"))),
			ns.Witness("b", witness.Serve(witness.HTTP(portB)), pod.EnvField("POD_IP", "status.podIP"), pod.Readiness(pod.HTTPGet(portB, "/"))),
		)))
		ready := spec.Must(story.Await(ctx, pod.Ready()))
		ip := ready.Pod.Status.PodIP

		before := expectOneNetwork(ctx, ns, story, ip, portA, portB)

		By("competing for a port")
		// The command reports and keeps a port that it gets; otherwise it ends.
		trying, cancel := context.WithTimeout(ctx, bindTime)
		defer cancel()
		output, code, err := ns.Exec(trying, story, "b", witness.Command(witness.Bind(portA))...)
		said, _ := witness.ReadLog(strings.NewReader(output))
		Expect(said).NotTo(ContainElement(HaveField("Event", record.Listening)), "container b must not get port %d, which container a holds, but it did\n%s", portA, story)
		if trying.Err() != nil {
			claim.Inconclusive(fmt.Sprintf("a command in container b neither ended within %s nor got the port", bindTime))
		}
		spec.Do(err)
		Expect(code).To(Equal(witness.BindFailed), "container b must not get port %d, which container a holds; it said: %s", portA, output)
		Expect(output).To(ContainSubstring("EADDRINUSE"))

		By("checking the network after a restart of a container")
		_, err = ns.Get(ctx, story, portA, "/exit", map[string]string{"code": "1"})
		spec.Do(err)
		again := spec.Must(story.AwaitAfter(ctx, ready, pod.All(pod.Restarted("a", 1), pod.Ready())))
		Expect(again.Pod.Status.PodIP).To(Equal(ip), "the Pod's IP must outlive a container\n%s", story)
		after := expectOneNetwork(ctx, ns, story, ip, portA, portB)
		Expect(after.Namespaces["net"]).To(Equal(before.Namespaces["net"]), "the network namespace must outlive a container\n%s", story)
	})
})

var _ = Describe("A Pod's address", func() {
	ns := spec.PrivilegedNamespace() // for the Pod on its node's network

	It("is its own, neither a node's nor another Pod's", claim.Proves("NET-01"), func(ctx SpecContext) {
		const pods = 3
		var stories []*journal.Story
		for i := range pods {
			stories = append(stories, spec.Must(ns.Create(ctx, pod.New(fmt.Sprintf("own-%d", i), ns.Witness("w", witness.Serve(witness.HTTP(8080)), pod.Readiness(pod.HTTPGet(8080, "/")))))))
		}
		host := spec.Must(ns.Create(ctx, pod.New("host", pod.HostNetwork(), ns.Witness("w", witness.Run()))))

		var ips []string
		seen := map[string]string{}
		for _, story := range stories {
			p := spec.Must(story.Await(ctx, pod.HasIP())).Pod
			ip := p.Status.PodIP
			Expect(p.Status.PodIPs).NotTo(BeEmpty())
			Expect(p.Status.PodIPs[0].IP).To(Equal(ip), "podIPs must begin with podIP\n%s", story)
			Expect(seen).NotTo(HaveKey(ip), "two live Pods must not have the same IP; Pod %s has this one too\n%s", seen[ip], story)
			seen[ip] = p.Name
			ips = append(ips, ip)
		}
		// The control: with hostNetwork the address is the node's.
		p := spec.Must(host.Await(ctx, pod.Ready())).Pod
		// The nodes are listed now because a Pod's node may have joined during the run.
		nodeIPs := map[string]bool{}
		for _, n := range spec.Must(ns.API.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})).Items {
			for _, a := range n.Status.Addresses {
				// A node without an internal address uses its external one.
				// https://github.com/kubernetes/kubernetes/blob/v1.37.2/pkg/util/node/node.go (GetNodeHostIPs)
				if ip := net.ParseIP(a.Address); ip != nil && (a.Type == corev1.NodeInternalIP || a.Type == corev1.NodeExternalIP) {
					nodeIPs[ip.String()] = true
				}
			}
		}
		for ip, name := range seen {
			Expect(nodeIPs).NotTo(HaveKey(ip), "the IP of the Pod %s must not be a node's", name)
		}
		Expect(p.Status.PodIP).To(Equal(p.Status.HostIP), "a Pod on its node's network must have its node's IP\n%s", host)
		Expect(nodeIPs).To(HaveKey(p.Status.PodIP))

		for i, story := range stories {
			spec.Must(story.Await(ctx, pod.Ready()))
			var inside record.Info
			getJSON(ctx, ns, story, 8080, "/info", nil, &inside)
			Expect(addresses(inside)).To(ContainElement(ips[i]), "the Pod must have the address that the API shows")
		}
	})
})

// expectOneNetwork asks both containers what they see and lets each reach the other on
// localhost.
func expectOneNetwork(ctx SpecContext, ns *spec.Space, story *journal.Story, ip string, portA, portB int) record.Info {
	GinkgoHelper()
	var a, b record.Info
	getJSON(ctx, ns, story, portA, "/info", map[string]string{"env": "POD_IP"}, &a)
	getJSON(ctx, ns, story, portB, "/info", map[string]string{"env": "POD_IP"}, &b)
	Expect(addresses(a)).To(ContainElement(ip), "container a must have the Pod's IP")
	Expect(addresses(b)).To(ConsistOf(addresses(a)), "both containers must have the same addresses")
	Expect(a.Namespaces["net"]).NotTo(BeZero())
	Expect(b.Namespaces["net"]).To(Equal(a.Namespaces["net"]), "both containers must be in the same network namespace")
	Expect(a.Env["POD_IP"]).To(Equal(ip), "the downward API must give container a the Pod's IP")
	Expect(b.Env["POD_IP"]).To(Equal(ip), "the downward API must give container b the Pod's IP")

	toB := spec.Must(ns.Dial(ctx, story, portA, fmt.Sprintf("http://127.0.0.1:%d/info", portB), 1))[0]
	Expect(toB.Status).To(Equal(200), "container a must reach container b on localhost: %s", toB.Error)
	toA := spec.Must(ns.Dial(ctx, story, portB, fmt.Sprintf("http://127.0.0.1:%d/info", portA), 1))[0]
	Expect(toA.Status).To(Equal(200), "container b must reach container a on localhost: %s", toA.Error)
	return a
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
