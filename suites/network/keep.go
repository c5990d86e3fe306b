package network

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
)

var _ = Describe("A Pod's address", func() {
	ns := spec.Namespace()

	It("is the Pod's over restarts of its containers and beyond its end, and not its replacement's", claim.Proves("NET-04"), func(ctx SpecContext) {
		const dials = 20
		serving := []pod.Option{
			ns.Witness("w", witness.Serve(witness.HTTP(portA)), pod.Readiness(pod.HTTPGet(portA, "/"))),
			ns.Witness("other", witness.Serve(witness.HTTP(portB)), pod.Readiness(pod.HTTPGet(portB, "/"))),
		}
		story := spec.Must(ns.Create(ctx, pod.New("kept", append(serving, pod.Restart(corev1.RestartPolicyOnFailure))...)))
		failed := spec.Must(ns.Create(ctx, pod.New("failed", pod.Restart(corev1.RestartPolicyNever), ns.Witness("w", witness.Run(witness.For(300*time.Millisecond), witness.ExitCode(1))))))
		ready := spec.Must(story.Await(ctx, pod.Ready()))

		// The packets on the loopback interface distinguish a network namespace from
		// every other one: they are counted from its creation, while inode numbers and
		// addresses are reused.
		spec.Must(ns.Dial(ctx, story, portA, fmt.Sprintf("http://127.0.0.1:%d/status/204", portA), dials))
		before := loopbackPackets(ctx, ns, story, portA)
		Expect(before).To(BeNumerically(">=", dials), "the loopback interface must have counted its requests")
		after := expectKept(ctx, ns, story, ready, before)

		By("ending the containers with exit code 0")
		spec.Must(ns.Get(ctx, story, portA, "/exit", map[string]string{"code": "0"}))
		spec.Must(ns.Get(ctx, story, portB, "/exit", map[string]string{"code": "0"}))
		spec.Must(story.AwaitAfter(ctx, after, pod.InPhase(corev1.PodSucceeded)))
		spec.Must(failed.Await(ctx, pod.InPhase(corev1.PodFailed)))
		expectKeptToTheEnd(ctx, ns, story)
		expectKeptToTheEnd(ctx, ns, failed)

		By("creating a Pod with the same name on the same node, and deleting it while it runs")
		again := spec.Must(ns.Create(ctx, pod.New("kept", append(serving, pod.OnNode(ready.Pod.Spec.NodeName))...)))
		spec.Must(again.Await(ctx, pod.Ready()))
		Expect(loopbackPackets(ctx, ns, again, portA)).To(BeNumerically("<", dials), "the replacement of a Pod must have its own network namespace\n%s", again)
		expectKeptToTheEnd(ctx, ns, again)
	})
})

// expectKept restarts both containers, and looks at the Pod's address and network namespace.
func expectKept(ctx SpecContext, ns *spec.Space, story *journal.Story, after journal.Version, packets int) journal.Version {
	GinkgoHelper()
	ip := after.Pod.Status.PodIP
	for _, port := range []int{portA, portB} {
		spec.Must(ns.Get(ctx, story, port, "/exit", map[string]string{"code": "1"}))
	}
	after = spec.Must(story.AwaitAfter(ctx, after, pod.All(pod.Restarted("w", 1), pod.Restarted("other", 1), pod.Ready())))
	for _, port := range []int{portA, portB} {
		Expect(loopbackPackets(ctx, ns, story, port)).To(BeNumerically(">=", packets), "after its restart the container on port %d must still be in the network namespace of the Pod\n%s", port, story)
	}
	Expect(after.Pod.Status.PodIP).To(Equal(ip), "after the restart of its containers the Pod must still have its IP\n%s", story)
	return after
}

// expectKeptToTheEnd deletes the Pod, which must keep its IP until it is gone. The kubelet
// releases a Pod only after it has removed the Pod's network, so the last version of a
// deleted Pod is later than that.
func expectKeptToTheEnd(ctx SpecContext, ns *spec.Space, story *journal.Story) {
	GinkgoHelper()
	spec.Do(ns.Delete(ctx, story, -1))
	spec.Must(story.AwaitGone(ctx))
	spec.Do(story.Err())
	Expect(lostIP(story.Versions())).To(BeEmpty(), "a Pod must keep its IP until it is gone, also after it has ended\n%s", story)
}

// loopbackPackets is the number of packets that have arrived on the loopback interface
// in the network namespace of the witness on the port.
func loopbackPackets(ctx SpecContext, ns *spec.Space, story *journal.Story, port int) int {
	GinkgoHelper()
	const path = "/proc/net/dev"
	file := spec.Must(ns.File(ctx, story, port, path, ""))
	Expect(file.OK).To(BeTrue(), "reading %s: %s", path, file.Error)
	return spec.Must(packetsIn(file.Text, "lo"))
}

// packetsIn finds the number of packets that an interface has received in the text of
// /proc/net/dev: the second number after its name.
// https://man7.org/linux/man-pages/man5/proc_pid_net.5.html
func packetsIn(text, name string) (int, error) {
	for line := range strings.Lines(text) {
		device, numbers, _ := strings.Cut(line, ":")
		if fields := strings.Fields(numbers); strings.TrimSpace(device) == name && len(fields) > 1 {
			return strconv.Atoi(fields[1])
		}
	}
	return 0, fmt.Errorf("no interface %s in\n%s", name, text)
}

// lostIP says when a Pod lost its IP or got another one. It is "" when the Pod kept its
// first IP. For a Pod that never had an IP it says so.
func lostIP(versions []journal.Version) string {
	ip := ""
	for i, v := range versions {
		switch now := v.Pod.Status.PodIP; {
		case ip == "":
			ip = now
		case now != ip:
			return fmt.Sprintf("it had the IP %s, and in version %d, in phase %s, %q", ip, i+1, v.Pod.Status.Phase, now)
		}
	}
	if ip == "" {
		return "it never had an IP"
	}
	return ""
}
