package volumes

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
)

var _ = Describe("An emptyDir", func() {
	ns := spec.Namespace()

	It("lives as long as its Pod, longer than a container and no longer", claim.Proves("VOL-02"), func(ctx SpecContext) {
		const (
			port     = 8080
			onVolume = "/data/note"
			onRoot   = "/tmp/note" // in the container's own file system, which the witness image makes writable for everybody
		)
		// All its instances end with 1: while a kubelet cleans up after a deleted Pod, it can
		// mistake an earlier instance for the last, and a final phase must not change.
		serving := []pod.Option{pod.Volume("data"), ns.Witness("w", witness.Serve(witness.HTTP(port), witness.OnTerm(witness.ExitWith(1))), pod.Mount("data", "/data"), pod.Readiness(pod.HTTPGet(port, "/")), func(c *corev1.Container) {
			c.SecurityContext.ReadOnlyRootFilesystem = new(bool) // policies set it if nobody else does
		})}
		story := spec.Must(ns.Create(ctx, pod.New("keeper", serving...)))
		ready := spec.Must(story.Await(ctx, pod.Ready()))
		note := "of " + string(ready.Pod.UID) // unlike anything that could be there by chance

		for _, path := range []string{onVolume, onRoot} {
			written := spec.Must(ns.File(ctx, story, port, path, note))
			Expect(written.OK).To(BeTrue(), "the container must be able to write %s: %s", path, written.Error)
			Expect(spec.Must(ns.File(ctx, story, port, path, "")).Text).To(Equal(note), "the container must see what it wrote to %s", path)
		}

		By("letting the container crash")
		spec.Must(ns.Get(ctx, story, port, "/exit", map[string]string{"code": "1"}))
		spec.Must(story.AwaitAfter(ctx, ready, pod.All(pod.Restarted("w", 1), pod.Ready())))
		Expect(spec.Must(ns.File(ctx, story, port, onVolume, "")).Text).To(Equal(note), "what a container wrote to an emptyDir must outlive the container\n%s", story)
		// The control: a restart creates a new container and does not just run the program
		// again.
		gone := spec.Must(ns.File(ctx, story, port, onRoot, ""))
		Expect(gone.Errno).To(Equal("ENOENT"), "what a container wrote to its own file system must not outlive it, but %s still exists: %q\n%s", onRoot, gone.Text, story)

		By("replacing the Pod with one of the same name on the same node")
		spec.Do(ns.Delete(ctx, story, -1))
		spec.Must(story.AwaitGone(ctx))
		again := spec.Must(ns.Create(ctx, pod.New("keeper", append(serving, pod.OnNode(ready.Pod.Spec.NodeName))...)))
		Expect(spec.Must(again.Await(ctx, pod.Ready())).Pod.UID).NotTo(Equal(ready.Pod.UID))
		gone = spec.Must(ns.File(ctx, again, port, onVolume, ""))
		Expect(gone.Errno).To(Equal("ENOENT"), "the emptyDir of a new Pod must be empty, even after an earlier Pod of the same name, but %s still exists: %q\n%s", onVolume, gone.Text, again)
	})
})
