package deletion

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
)

// port of the witness that ends on request.
const port = 8080

var _ = Describe("A container of a Pod that is being deleted", func() {
	ns := space{spec.Namespace()}

	It("is not restarted when it exits by itself", claim.Proves("DELETE-12"), func(ctx SpecContext) {
		const grace = 8 // seconds, in which the kubelet restarts the control
		leaves := ns.Witness("leaves", witness.Serve(witness.HTTP(port), witness.OnTerm(witness.Ignore)), pod.Readiness(pod.HTTPGet(port, "/info")))
		stays := ns.Witness("stays", witness.Run(witness.OnTerm(witness.Ignore)))
		deleted := spec.Must(ns.Create(ctx, pod.New("deleted", pod.Restart(corev1.RestartPolicyAlways), pod.Grace(grace), leaves, stays)))
		control := spec.Must(ns.Create(ctx, pod.New("control", pod.Restart(corev1.RestartPolicyAlways), pod.Grace(1), leaves)))
		spec.Must(deleted.Await(ctx, pod.Ready()))
		spec.Must(control.Await(ctx, pod.Ready()))

		spec.Do(ns.Delete(ctx, deleted, -1))
		spec.Must(deleted.Await(ctx, pod.BeingDeleted()))
		spec.Must(ns.Get(ctx, deleted, port, "/exit", map[string]string{"code": "3"}))
		spec.Must(ns.Get(ctx, control, port, "/exit", map[string]string{"code": "3"}))
		restarted := spec.Must(control.Await(ctx, pod.All(pod.Restarted("leaves", 1), pod.ContainerRunning("leaves"))))

		gone := spec.Must(deleted.AwaitGone(ctx))
		instances := pod.Instances(deleted, "leaves")
		Expect(deleted).To(pod.NeverBe(pod.Restarted("leaves", 1)), "no container of a Pod that is being deleted may be restarted")
		Expect(instances).To(HaveLen(1), "no container of a Pod that is being deleted may be started again\n%s", deleted)
		Expect(pod.ExitCodes(deleted, "leaves")).To(Equal([]int32{3}), "the container must be seen to have exited by itself, with 3\n%s", deleted)
		Expect(gone.Pod.Status.Phase).To(Equal(corev1.PodFailed), "a Pod whose containers have failed must end as Failed, whatever its restart policy\n%s", deleted)
		if left := gone.At.Sub(restarted.At); left < time.Second {
			claim.Inconclusive(fmt.Sprintf("the machine is too busy: the same container of a Pod that is not deleted was restarted only %.1f s before the deleted Pod was gone, so the kubelet had no time to do wrong", left.Seconds()))
			Fail("the kubelet had no time to restart the container")
		}
	})
})
