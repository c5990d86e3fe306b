package deletion

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
)

// Ports of witnesses that end on request.
const (
	leavesPort  = 8080
	staysPort   = 8081
	sidecarPort = 8082
)

var _ = Describe("A container of a Pod that is being deleted", func() {
	ns := space{spec.Namespace()}

	It("is not restarted when it exits by itself, once the Pod has been told to end, nor is a sidecar", claim.Proves("DELETE-12"), func(ctx SpecContext) {
		// SIGTERM ends none of them. One leaves on request, and so does a sidecar. The
		// other keeps the Pod until the kubelet has had its chance to do wrong: until it
		// has restarted the same container of another Pod.
		onRequest := func(port int) ([]string, pod.ContainerOption) {
			return witness.Serve(witness.HTTP(port), witness.OnTerm(witness.Ignore)), pod.Readiness(pod.HTTPGet(port, "/info"))
		}
		container := func(name string, port int) pod.Option {
			args, ready := onRequest(port)
			return ns.Witness(name, args, ready)
		}
		args, ready := onRequest(sidecarPort)
		leaves, stays := container("leaves", leavesPort), container("stays", staysPort)
		deleted := spec.Must(ns.Create(ctx, pod.New("deleted", pod.Restart(corev1.RestartPolicyAlways), pod.Grace(60), ns.Sidecar("sidecar", args, ready), leaves, stays)))
		control := spec.Must(ns.Create(ctx, pod.New("control", pod.Restart(corev1.RestartPolicyAlways), pod.Grace(1), leaves)))
		spec.Must(deleted.Await(ctx, pod.Ready()))
		spec.Must(control.Await(ctx, pod.Ready()))

		spec.Do(ns.Delete(ctx, deleted, -1))
		// A container that exits earlier may still be restarted: the kubelet may be
		// working with a Pod that has no deletionTimestamp yet.
		spec.Must(ns.FollowLog(ctx, deleted, "leaves", "a SIGTERM", func(lines []record.Line) bool {
			return witness.Count(lines, record.Signal) > 0
		}))
		spec.Must(ns.Get(ctx, deleted, leavesPort, "/exit", map[string]string{"code": "3"}))
		spec.Must(ns.Get(ctx, deleted, sidecarPort, "/exit", map[string]string{"code": "0"}))
		spec.Must(ns.Get(ctx, control, leavesPort, "/exit", map[string]string{"code": "3"}))
		spec.Must(control.Await(ctx, pod.All(pod.Restarted("leaves", 1), pod.ContainerRunning("leaves"))))
		if deleted.Deleted() {
			spec.TooBusy("the deleted Pod's grace period of 60 s ended before the same container of another Pod was restarted")
		}
		spec.Must(ns.Get(ctx, deleted, staysPort, "/exit", nil))

		gone := spec.Must(deleted.AwaitGone(ctx))
		for name, code := range map[string]int32{"leaves": 3, "sidecar": 0} {
			Expect(deleted).To(pod.NeverBe(pod.Restarted(name, 1)), "no container of a Pod that is being deleted may be restarted, but %s was", name)
			Expect(pod.Instances(deleted, name)).To(HaveLen(1), "no container of a Pod that is being deleted may start again, but %s did\n%s", name, deleted)
			Expect(pod.ExitCodes(deleted, name)).To(Equal([]int32{code}), "the API must show that container %s exited by itself\n%s", name, deleted)
		}
		Expect(gone.Pod.Status.Phase).To(Equal(corev1.PodFailed), "a Pod whose containers have failed must end as Failed, whatever its restart policy\n%s", deleted)
	})
})
