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

	It("is the Pod's over restarts of its container and beyond its end, and not its replacement's", claim.Proves("NET-04"), func(ctx SpecContext) {
		const port, dials = 8080, 20
		serving := ns.Witness("w", witness.Serve(witness.HTTP(port)), pod.Readiness(pod.HTTPGet(port, "/")))
		story := spec.Must(ns.Create(ctx, pod.New("kept", pod.Restart(corev1.RestartPolicyOnFailure), serving)))
		failed := spec.Must(ns.Create(ctx, pod.New("failed", pod.Restart(corev1.RestartPolicyNever), ns.Witness("w", witness.Run(witness.For(300*time.Millisecond), witness.ExitCode(1))))))
		ready := spec.Must(story.Await(ctx, pod.Ready()))
		ip := ready.Pod.Status.PodIP

		// The packets on the loopback interface distinguish a network namespace from
		// every other one: they are counted from its creation, while inode numbers and
		// addresses are reused.
		spec.Must(ns.Dial(ctx, story, port, fmt.Sprintf("http://127.0.0.1:%d/status/204", port), dials))
		before := loopbackPackets(ctx, ns, story, port)
		Expect(before).To(BeNumerically(">=", dials), "the loopback interface must have counted its requests")

		By("ending the container twice with exit code 1")
		after := ready
		for restarts := int32(1); restarts <= 2; restarts++ {
			spec.Must(ns.Get(ctx, story, port, "/exit", map[string]string{"code": "1"}))
			after = spec.Must(story.AwaitAfter(ctx, after, pod.All(pod.Restarted("w", restarts), pod.Ready())))
			Expect(loopbackPackets(ctx, ns, story, port)).To(BeNumerically(">=", before), "after restart %d the container must still be in the network namespace of the Pod\n%s", restarts, story)
			Expect(after.Pod.Status.PodIP).To(Equal(ip), "after restart %d the Pod must still have its IP\n%s", restarts, story)
		}

		By("ending the container with exit code 0")
		spec.Must(ns.Get(ctx, story, port, "/exit", map[string]string{"code": "0"}))
		spec.Must(story.AwaitAfter(ctx, after, pod.InPhase(corev1.PodSucceeded)))
		spec.Must(failed.Await(ctx, pod.InPhase(corev1.PodFailed)))

		// The kubelet releases a Pod only after it has removed the Pod's network, so the
		// last version of a deleted Pod is later than that.
		for _, s := range []*journal.Story{story, failed} {
			spec.Do(ns.Delete(ctx, s, -1))
			spec.Must(s.AwaitGone(ctx))
			spec.Do(s.Err())
			Expect(lostIP(s.Versions())).To(BeEmpty(), "a Pod must keep its IP until it is gone, even after it has ended\n%s", s)
		}

		By("creating a Pod with the same name on the same node")
		again := spec.Must(ns.Create(ctx, pod.New("kept", pod.OnNode(ready.Pod.Spec.NodeName), serving)))
		spec.Must(again.Await(ctx, pod.Ready()))
		Expect(loopbackPackets(ctx, ns, again, port)).To(BeNumerically("<", dials), "the replacement of a Pod must have its own network namespace\n%s", again)
	})
})

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
