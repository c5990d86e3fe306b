package probes

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"
)

// The ports of a Pod; all its containers share them.
const (
	httpPort  = 8080
	httpsPort = 8443
)

var _ = Describe("An HTTP probe", func() {
	ns := space{spec.Namespace()}

	It("is a GET request from outside of the Pod, each on a connection of its own", claim.Proves("PROBE-HTTP-01"), func(ctx SpecContext) {
		const probes = 3
		const query, secure = "by=the-kubelet", "by-https"
		ask := func(path string) *corev1.Probe { return pod.HTTPGet(httpPort, path+"?"+query, pod.Timeout(unhurried)) }
		story := spec.Must(ns.Create(ctx, pod.New("asked",
			ns.Witness(server, witness.Serve(witness.HTTP(httpPort), witness.HTTPS(httpsPort), witness.Script(secure, witness.Always(200)), witness.Script(readyPath, witness.Always(200)),
				witness.Script(livePath, witness.Always(200)), witness.Script(startPath, witness.Times(probes, 503), witness.Always(200))),
				pod.Readiness(ask(readyPath)), pod.Liveness(ask(livePath)), pod.Startup(ask(startPath), pod.Threshold(slowFailures))),
			ns.Witness(secure, witness.Run(), pod.Readiness(asking(secure, overHTTPS))),
		)))
		p := spec.Must(story.Await(ctx, pod.AllRunning())).Pod
		expectTurn(ctx, story, server, true, "200", nil)
		expectTurn(ctx, story, secure, true, "200, by HTTPS with a certificate that nobody signed", nil)

		// Only probes use these paths: a request for one is a probe, whatever headers it has.
		paths := map[string]string{"readiness": readyPath, "liveness": livePath, "startup": startPath}
		lines := spec.Must(ns.FollowLog(ctx, story, server, fmt.Sprintf("%d probes of each kind", probes), func(lines []record.Line) bool {
			return !slices.ContainsFunc(slices.Collect(maps.Values(paths)), func(path string) bool { return len(requestsFor(lines, path)) < probes })
		}))
		node := spec.Must(ns.API.Client.CoreV1().Nodes().Get(ctx, p.Spec.NodeName, metav1.GetOptions{}))
		connections := map[string]bool{}
		for kind, path := range paths {
			for _, line := range requestsFor(lines, path) {
				Expect(line.Request.Query).To(Equal(query), "a %s probe must send the query in its path too", kind)
				expectGET(line.Request, kind, p, node)
				Expect(connections).NotTo(HaveKey(line.Request.Remote), "two probes must not use the same connection")
				connections[line.Request.Remote] = true
			}
		}
		// The source address depends on how the node routes to its Pods.
		from, _, _ := net.SplitHostPort(requestsFor(lines, readyPath)[0].Request.Remote)
		spec.Measured("where a probe comes from", "the node", whose(from, node), true)
	})

	It("passes on every status from 200 to 299, however long the body", claim.Proves("PROBE-HTTP-02"), func(ctx SpecContext) {
		t := ns.table(ctx, "passing", []way{overHTTP, overHTTP})
		t.expect(ctx, append(statuses(200, 201, 204, 206, 226, 299), status(200).with("body", "20000", "with a body of 20 KB")), nil)
	})

	It("passes on every redirect, unless it is one to the same host and ends on a page that fails", claim.Proves("PROBE-HTTP-03"), func(ctx SpecContext) {
		t := ns.table(ctx, "redirected", []way{overHTTP, overHTTP, overHTTP, overHTTPS})
		ip := t.story.Last().Status.PodIP
		failingPage := func(scheme string, port int) string {
			return scheme + "://" + net.JoinHostPort(ip, strconv.Itoa(port)) + witness.StatusPath(500, "")
		}
		redirects := []int{301, 302, 303, 307, 308}
		var passing, failing []answer
		for _, code := range redirects {
			// A name that never resolves (RFC 2606): a kubelet that goes there anyway
			// fails, and nothing leaves the cluster.
			passing = append(passing, redirect(code, "http://podproof.invalid"+witness.StatusPath(200, ""), "another host"))
		}
		passing = append(passing, statuses(300, 304, 305, 306, 399)...)
		for _, code := range redirects {
			passing = append(passing, status(code).with("location", "", "to nowhere"), goingTo(code, 200))
			failing = append(failing, redirect(code, witness.StatusPath(500, ""), "a page of the same host that answers 500"))
		}
		failing = append(failing,
			redirect(302, failingPage("http", httpPort+1), "another port of the same host, where a page answers 500"),
			redirect(302, failingPage("https", httpsPort), "HTTPS on the same host, where a page answers 500"),
			redirect(302, failingPage("http", httpPort), "HTTP on the same host, where a page answers 500"))
		// Every fourth answer goes to the column that uses HTTPS, so this last one is also a
		// redirect to the other scheme.
		Expect(len(failing)%len(t.columns)).To(BeZero(), "the redirect to HTTP must go to the last column, which uses HTTPS")
		t.expect(ctx, passing, failing)

		warnings := 0
		for _, e := range t.story.Events() {
			if e.Event.Reason == "ProbeWarning" {
				warnings++
			}
		}
		// Some or all of these events can get lost: the kubelet drops most of many warnings
		// about one Pod. The success of the redirects does not depend on them.
		spec.Measured("events ProbeWarning, of 15 redirects that are not followed", "one for each, at best", strconv.Itoa(warnings), true)
	})

	It("fails on 101 and on every status from 400 up, and when there is no answer in time", claim.Proves("PROBE-HTTP-04"), func(ctx SpecContext) {
		const late, patient, mismatched = "late", "patient", "mismatched"
		t := ns.table(ctx, "failing", []way{overHTTP, overHTTP, overHTTP, overHTTPS},
			pod.Restart(corev1.RestartPolicyNever),
			ns.Witness(late, witness.Run(), pod.Readiness(asking(late, overHTTP, pod.Timeout(1)))),
			ns.Witness(patient, witness.Run(), pod.Readiness(asking(patient, overHTTP))),
			// Its startup probe, by HTTP, passes once its path has an answer.
			ns.Witness(mismatched, witness.Run(),
				pod.Startup(asking(mismatched, overHTTP, pod.Threshold(slowFailures))),
				pod.Liveness(asking(mismatched, way{port: httpPort}, pod.Secure()))))

		t.turn(ctx, map[string]answer{late: fine}, true)
		// These three take their time while the others go on.
		slow := fine.with("delay", "5s", "after 5 s, with a timeout of 1 s")
		t.give(ctx, late, slow)
		unhasty := fine.with("delay", "2s", "after 2 s, with a timeout of 10 s")
		t.give(ctx, patient, unhasty)
		t.give(ctx, mismatched, fine)
		// 101 goes to the first column, which uses HTTP: HTTPS may mean HTTP/2, which has
		// no such status.
		failing := statuses(101, 400, 401, 404, 418, 429, 499, 500, 503, 599, 600)
		t.expect(ctx, nil, failing)
		expectTurn(ctx, t.story, late, false, slow.String(), t.last[late])
		expectTurn(ctx, t.story, patient, true, unhasty.String(), nil)
		expectEnded(ctx, t.story, mismatched, "a port that speaks HTTP instead of HTTPS")

		// Finally the server ends, and nothing listens any more.
		secure := t.columns[3]
		ready := map[string]answer{t.columns[1]: fine, secure: fine}
		t.turn(ctx, ready, true)
		spec.Must(ns.Get(ctx, t.story, httpPort, "/exit", nil))
		spec.Must(t.story.Await(ctx, pod.ContainerTerminated(server)))
		for column := range ready {
			expectTurn(ctx, t.story, column, false, "a port on which nothing listens", t.last[column])
		}
	})

	It("follows 9 redirects on the same host, and fails on more", claim.Proves("PROBE-HTTP-05"), func(ctx SpecContext) {
		t := ns.table(ctx, "chains", []way{overHTTP})
		// The answer itself is the first redirect of the chain.
		chain := func(n int, mark string) answer {
			return redirect(302, witness.ChainPath(n-1)+"?"+mark, fmt.Sprintf("a chain of %d redirects on the same host that ends with 200", n))
		}
		const nine, ten = "chain=9", "chain=10"
		t.expect(ctx,
			[]answer{chain(9, nine), fine},
			[]answer{chain(10, ten), redirect(302, "/"+server, "itself, for ever")})

		ends := witness.Probes(spec.Must(ns.Log(ctx, t.story, server, false)), witness.ChainPath(0))
		Expect(ends).To(ContainElement(HaveField("Query", nine)), "the probe must follow a chain of 9 redirects to its end\n%s", t.story)
		Expect(ends).NotTo(ContainElement(HaveField("Query", ten)), "the probe must give up on a chain of 10 redirects before its end\n%s", t.story)
	})
})

// startPath is the path of a startup probe, see livePath.
const startPath = "/start"

// expectGET checks the request of an HTTP probe without headers of its own.
func expectGET(probe *record.Request, kind string, p *corev1.Pod, node *corev1.Node) {
	GinkgoHelper()
	kubelet := spec.Must(version.ParseGeneric(node.Status.NodeInfo.KubeletVersion))
	address := net.JoinHostPort(p.Status.PodIP, strconv.Itoa(httpPort))
	Expect(probe.Method).To(Equal("GET"), "the method of a %s probe", kind)
	Expect(probe.Local).To(Equal(address), "a %s probe must go to the Pod's IP and the port that it names", kind)
	Expect(probe.Host).To(Equal(address), "the Host header of a %s probe that sets none", kind)
	// Some vendors' builds have a + after the minor version.
	Expect(probe.Header["User-Agent"]).To(ConsistOf(MatchRegexp(`^kube-probe/%d\.%d\+?$`, kubelet.Major(), kubelet.Minor())), "the User-Agent of a %s probe by kubelet %s", kind, node.Status.NodeInfo.KubeletVersion)
	Expect(probe.Header["Accept"]).To(Equal([]string{"*/*"}), "the Accept header of a %s probe that sets none", kind)
	Expect(probe.Header).NotTo(HaveKey("Accept-Encoding"), "a %s probe must not ask for a compressed answer", kind)
	Expect(probe.Close).To(BeTrue(), "a %s probe must request that its connection be closed", kind)
	from, _, _ := net.SplitHostPort(probe.Remote)
	Expect(net.ParseIP(from)).NotTo(BeNil(), "the witness must have recorded the source of %q", probe.Remote)
	Expect(net.ParseIP(from).IsLoopback()).To(BeFalse(), "a %s probe must come from outside the Pod, not from %s", kind, from)
	Expect(p.Status.PodIPs).NotTo(ContainElement(corev1.PodIP{IP: from}), "a %s probe must come from outside the Pod", kind)
}

// whose describes an IP by the node's addresses.
func whose(ip string, node *corev1.Node) string {
	for _, a := range node.Status.Addresses {
		if a.Address == ip {
			return fmt.Sprintf("%s, the node's %s", ip, a.Type)
		}
	}
	return ip + ", none of the node's status.addresses"
}
