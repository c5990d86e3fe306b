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
	leavesPort = 8080
	staysPort  = 8081
)

var _ = Describe("A container of a Pod that is being deleted", func() {
	ns := space{spec.Namespace()}

	It("is not restarted when it exits by itself, once it has been told to end", claim.Proves("DELETE-12"), func(ctx SpecContext) {
		// SIGTERM ends none of them. One leaves on request. The other keeps the Pod
		// until the kubelet has had its chance to do wrong: until it has restarted the
		// same container of another Pod.
		onRequest := func(name string, port int) pod.Option {
			return ns.Witness(name, witness.Serve(witness.HTTP(port), witness.OnTerm(witness.Ignore)), pod.Readiness(pod.HTTPGet(port, "/info")))
		}
		leaves, stays := onRequest("leaves", leavesPort), onRequest("stays", staysPort)
		deleted := spec.Must(ns.Create(ctx, pod.New("deleted", pod.Restart(corev1.RestartPolicyAlways), pod.Grace(60), leaves, stays)))
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
		spec.Must(ns.Get(ctx, control, leavesPort, "/exit", map[string]string{"code": "3"}))
		spec.Must(control.Await(ctx, pod.All(pod.Restarted("leaves", 1), pod.ContainerRunning("leaves"))))
		if deleted.Deleted() {
			claim.Inconclusive("the machine is too busy: the deleted Pod's grace period of 60 s ended before the same container of another Pod was restarted")
			Fail("the kubelet had no time to restart the container")
		}
		spec.Must(ns.Get(ctx, deleted, staysPort, "/exit", nil))

		gone := spec.Must(deleted.AwaitGone(ctx))
		instances := pod.Instances(deleted, "leaves")
		Expect(deleted).To(pod.NeverBe(pod.Restarted("leaves", 1)), "no container of a Pod that is being deleted may be restarted")
		Expect(instances).To(HaveLen(1), "no container of a Pod that is being deleted may start again\n%s", deleted)
		Expect(pod.ExitCodes(deleted, "leaves")).To(Equal([]int32{3}), "the API must show that the container exited by itself, with 3\n%s", deleted)
		Expect(gone.Pod.Status.Phase).To(Equal(corev1.PodFailed), "a Pod whose containers have failed must end as Failed, whatever its restart policy\n%s", deleted)
	})
})
