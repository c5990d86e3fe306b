package probes

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/namespace"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// connections is so large that chance does not leave out one of two endpoints of a
// Service or hide an endpoint that should not be there: 2^-30.
const connections = 30

// proxyTime is the time for the nodes to follow an EndpointSlice. No documentation says how
// long a Service proxy may take; kube-proxy takes a second or two.
const proxyTime = 30 * time.Second

var _ = Describe("A Service", func() {
	ns := space{spec.Namespace()}

	It("brings traffic to the Pods that are ready, and to no other", claim.Proves("PROBE-READY-01"), func(ctx SpecContext) {
		const label = "app"
		service := spec.Must(ns.Serve(ctx, "served", label, "served", intstr.FromInt32(web)))
		DeferCleanup(service.Close)
		byName := spec.Must(ns.Serve(ctx, "served-by-name", label, "served", intstr.FromString(webName)))
		DeferCleanup(byName.Close)
		first := spec.Must(ns.Create(ctx, pod.New("first", pod.Label(label, "served"), ns.Witness("w", servesWeb(http.StatusOK), webPort, webReady))))
		second := spec.Must(ns.Create(ctx, pod.New("second", pod.Label(label, "served"), ns.Sidecar("w", servesWeb(http.StatusServiceUnavailable), webPort, webReady), ns.Witness("beside", witness.Run()))))
		client := caller{ns, spec.Must(ns.Create(ctx, pod.New("client", ns.Witness("w", witness.Serve(witness.HTTP(web))))))}
		for _, story := range []*journal.Story{first, second, client.story} {
			spec.Must(story.Await(ctx, pod.AllRunning()))
		}
		spec.Must(first.AwaitWithin(ctx, soon, pod.Ready()))
		ns.expectProbes(ctx, second, "w", readyPath, enough)

		DeferOnFailure(func(ctx SpecContext) { client.excuseUnreached(ctx, first, web) }, NodeTimeout(soon))
		expectReady(ctx, service, 0, first.Name())
		served := address(service.IP, 80)
		client.eventually(ctx, served, "the first Pod, which is ready", first.Name())
		Expect(client.answers(ctx, served)).To(Equal(map[string]int{first.Name(): connections}), "a Pod that was never ready must get no traffic from its Service\n%s", service)
		direct := address(spec.Must(second.Await(ctx, pod.HasIP())).Pod.Status.PodIP, web)
		Expect(client.answers(ctx, direct)).To(HaveKeyWithValue(second.Name(), connections), "the control: the Pod that is not ready must answer at its own address")
		Expect(second).To(pod.NeverBe(pod.Ready()), "a Pod whose readiness probe fails must not be Ready")

		seen := service.Moments()
		ns.set(ctx, second, web, readyPath, http.StatusOK)
		expectReady(ctx, service, seen-1, first.Name(), second.Name())
		client.eventually(ctx, served, "both Pods, which are now ready", first.Name(), second.Name())

		seen = service.Moments()
		ns.set(ctx, first, web, readyPath, http.StatusServiceUnavailable)
		expectReady(ctx, service, seen-1, second.Name())
		client.eventually(ctx, served, "only the second Pod, since the first one is no longer ready", second.Name())
		for _, story := range []*journal.Story{first, second} {
			Expect(story).To(pod.NeverBe(pod.Restarted("w", 1)), "a readiness probe must not restart a container")
		}
		spec.AsDocumented("PROBE-READY-01", "", second, func() {
			client.eventually(ctx, address(byName.IP, 80), "the second Pod, whose sidecar has the port that the Service names", second.Name())
		})
	})
})

// web is the port of the Service's Pods, which has a name, too.
const web, webName = firstPort, "web"

var (
	webPort  = pod.Port(webName, web)
	webReady = pod.Readiness(pod.HTTPGet(web, readyPath), pod.Timeout(unhurried), pod.Threshold(1))
)

// servesWeb is a server whose readiness probe is answered with the status at first.
func servesWeb(status int) []string {
	return witness.Serve(witness.HTTP(web), witness.Script(readyPath, witness.Always(status)))
}

// expectReady waits, from a moment on, until the Service has two endpoints and exactly these
// Pods, in alphabetical order, are ready.
func expectReady(ctx context.Context, service *namespace.Service, moment int, pods ...string) {
	GinkgoHelper()
	limited, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	spec.Do(service.AwaitFrom(limited, max(moment, 0), fmt.Sprintf("to have both Pods as endpoints, with %q ready", pods), func(now namespace.Endpoints) bool {
		var ready []string
		for p := range now {
			if now.Ready(p) {
				ready = append(ready, p)
			}
		}
		slices.Sort(ready)
		return len(now) == 2 && slices.Equal(ready, pods)
	}))
}

// caller is a Pod that opens connections.
type caller struct {
	space
	story *journal.Story
}

// answers opens many connections and counts the answers by the name of the Pod.
// Connections without an answer are counted by their error.
func (c caller) answers(ctx context.Context, page string) map[string]int {
	GinkgoHelper()
	count := map[string]int{}
	for _, try := range spec.Must(c.Dial(ctx, c.story, firstPort, page, connections)) {
		count[who(try)]++
	}
	return count
}

// excuseUnreached makes the spec inconclusive on an existing cluster if the caller does not
// reach the server's Pod at its own address either. A network policy, for instance, keeps
// Pods apart, which says nothing about Services.
func (c caller) excuseUnreached(ctx context.Context, server *journal.Story, port int) {
	last := server.Last()
	if c.Cluster.Own || last == nil || last.Status.PodIP == "" {
		return
	}
	tries, err := c.Dial(ctx, c.story, firstPort, address(last.Status.PodIP, port), 1)
	if err == nil && !tries[0].OK {
		claim.Inconclusive(fmt.Sprintf("pod %s does not reach pod %s at its own address; a network policy may keep pods apart: %s", c.story.Name(), server.Name(), tries[0].Error))
	}
}

// address is the URL of a server with an IP of either family.
func address(ip string, port int) string {
	return (&url.URL{Scheme: "http", Host: net.JoinHostPort(ip, strconv.Itoa(port)), Path: "/"}).String()
}

func who(try record.Dial) string {
	if !try.OK {
		return "error: " + try.Error
	}
	return strings.TrimSpace(try.Body)
}

// eventually waits until these Pods answer all of many connections, and each of them
// answers some. Only trying shows when a node's proxy has followed the EndpointSlice.
func (c caller) eventually(ctx context.Context, page, whom string, pods ...string) {
	GinkgoHelper()
	Eventually(ctx, func() map[string]int { return c.answers(ctx, page) }).WithTimeout(proxyTime).WithPolling(300*time.Millisecond).
		Should(WithTransform(answered, Equal(pods)), "the answers to %d connections to the Service must come from %s", connections, whom)
}

// answered are the names of a count, in alphabetical order.
func answered(count map[string]int) []string { return slices.Sorted(maps.Keys(count)) }
