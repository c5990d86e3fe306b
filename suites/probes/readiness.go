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
)

// connections are enough for chance to leave out neither of two endpoints of a
// Service, nor to hide one that should not be there: 2^-30.
const connections = 30

// proxyTime is patience for the nodes to follow an EndpointSlice. Nothing says
// how long a Service proxy may take; kube-proxy takes a second or two.
const proxyTime = 30 * time.Second

var _ = Describe("A Service", func() {
	ns := space{spec.Namespace()}

	It("brings traffic to the Pods that are ready, and to no other", claim.Proves("PROBE-READY-01"), func(ctx SpecContext) {
		const label, web = "app", firstPort
		service := spec.Must(ns.Serve(ctx, "served", label, "served", web))
		DeferCleanup(service.Close)
		server := func(name string, status int) *journal.Story {
			return spec.Must(ns.Create(ctx, pod.New(name, pod.Label(label, "served"),
				ns.Witness("w", witness.Serve(witness.HTTP(web), witness.Script(readyPath, witness.Always(status))),
					pod.Readiness(pod.HTTPGet(web, readyPath), pod.Timeout(unhurried), pod.Threshold(1))))))
		}
		first, second := server("first", http.StatusOK), server("second", http.StatusServiceUnavailable)
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
		Expect(client.answers(ctx, served)).To(Equal(map[string]int{first.Name(): connections}), "a Pod that was never ready must get no traffic of its Service\n%s", service)
		direct := address(spec.Must(second.Await(ctx, pod.HasIP())).Pod.Status.PodIP, web)
		Expect(client.answers(ctx, direct)).To(HaveKeyWithValue(second.Name(), connections), "the control: asked at its own address, the Pod that is not ready must answer")
		Expect(second).To(pod.NeverBe(pod.Ready()), "a Pod whose readiness probe fails must not be Ready")

		seen := service.Moments()
		ns.set(ctx, second, web, readyPath, http.StatusOK)
		expectReady(ctx, service, seen-1, first.Name(), second.Name())
		client.eventually(ctx, served, "both Pods, which are ready now", first.Name(), second.Name())

		seen = service.Moments()
		ns.set(ctx, first, web, readyPath, http.StatusServiceUnavailable)
		expectReady(ctx, service, seen-1, second.Name())
		client.eventually(ctx, served, "the second Pod only, since the first one is no longer ready", second.Name())
		for _, story := range []*journal.Story{first, second} {
			Expect(story).To(pod.NeverBe(pod.Restarted("w", 1)), "a readiness probe must not restart a container")
		}
	})
})

// expectReady waits, from a moment on, until the Service's endpoints that are
// ready are those Pods, in alphabetical order, of the two that it has.
func expectReady(ctx context.Context, service *namespace.Service, moment int, pods ...string) {
	GinkgoHelper()
	limited, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	spec.Do(service.AwaitFrom(limited, max(moment, 0), fmt.Sprintf("to have both Pods as endpoints, and of them ready %q", pods), func(now namespace.Endpoints) bool {
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

// caller is a Pod that makes connections.
type caller struct {
	space
	story *journal.Story
}

// answers makes many connections and counts who answered, by the name of its
// Pod; what reached nobody is counted by its error.
func (c caller) answers(ctx context.Context, url string) map[string]int {
	GinkgoHelper()
	count := map[string]int{}
	for _, try := range spec.Must(c.Dial(ctx, c.story, firstPort, url, connections)) {
		count[who(try)]++
	}
	return count
}

// excuseUnreached makes the spec inconclusive on a cluster of others where the caller
// does not reach the server's Pod at its own address either: a network policy, for
// instance, keeps Pods apart, and says nothing about Services.
func (c caller) excuseUnreached(ctx context.Context, server *journal.Story, port int) {
	last := server.Last()
	if c.Cluster.Own || last == nil || last.Status.PodIP == "" {
		return
	}
	tries, err := c.Dial(ctx, c.story, firstPort, address(last.Status.PodIP, port), 1)
	if err == nil && !tries[0].OK {
		claim.Inconclusive(fmt.Sprintf("pod %s does not reach pod %s at its own address, as where a network policy keeps pods apart: %s", c.story.Name(), server.Name(), tries[0].Error))
	}
}

// address is the URL of a server, whose IP can be of either family.
func address(ip string, port int) string {
	return (&url.URL{Scheme: "http", Host: net.JoinHostPort(ip, strconv.Itoa(port)), Path: "/"}).String()
}

func who(try record.Dial) string {
	if !try.OK {
		return "error: " + try.Error
	}
	return strings.TrimSpace(try.Body)
}

// eventually waits until all of many connections are answered by those Pods,
// and by each of them. When a node's proxy has followed the EndpointSlice only
// trying can tell.
func (c caller) eventually(ctx context.Context, url, whom string, pods ...string) {
	GinkgoHelper()
	Eventually(ctx, func() map[string]int { return c.answers(ctx, url) }).WithTimeout(proxyTime).WithPolling(300*time.Millisecond).
		Should(WithTransform(answered, Equal(pods)), "the answers to %d connections to the Service must come from %s", connections, whom)
}

// answered are the names of a count, in alphabetical order.
func answered(count map[string]int) []string { return slices.Sorted(maps.Keys(count)) }
