package volumes

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
)

// onVolumes are the files of the specs on emptyDirs: on disk, in memory, and on one that is
// mounted in part. onRoot is in the container's own file system, which the witness image
// makes writable for everybody there.
var onVolumes = []string{"/disk/note", "/memory/note", "/part/note"}

const onRoot = "/tmp/note"

var _ = Describe("An emptyDir", func() {
	ns := spec.Namespace()

	It("lives as long as its Pod, longer than a container and no longer", claim.Proves("VOL-02"), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("keeper", keeper(ns)...)))
		ready := spec.Must(story.Await(ctx, pod.Ready()))
		note := "of " + string(ready.Pod.UID) // unlike anything that could be there by chance
		for _, path := range append([]string{onRoot}, onVolumes...) {
			write(ctx, ns, story, portA, path, note)
			expectNote(ctx, ns, story, portA, path, note)
		}

		By("letting the container crash")
		spec.Must(ns.Get(ctx, story, portA, "/exit", map[string]string{"code": "1"}))
		again := spec.Must(story.AwaitAfter(ctx, ready, pod.All(pod.Restarted("w", 1), pod.Ready())))
		expectKept(ctx, ns, story, note)

		By("restarting it by another image, which takes no delay")
		spec.Must(ns.SetImage(ctx, story, "w", ns.Cluster.WitnessTwin))
		spec.Must(story.AwaitAfter(ctx, again, pod.All(pod.Restarted("w", 2), pod.Ready())))
		expectKept(ctx, ns, story, note)

		By("replacing the Pod with one of the same name on the same node")
		spec.Do(ns.Delete(ctx, story, -1))
		spec.Must(story.AwaitGone(ctx))
		replaced := spec.Must(ns.Create(ctx, pod.New("keeper", append(keeper(ns), pod.OnNode(ready.Pod.Spec.NodeName))...)))
		Expect(spec.Must(replaced.Await(ctx, pod.Ready())).Pod.UID).NotTo(Equal(ready.Pod.UID))
		for _, path := range onVolumes {
			expectNoNote(ctx, ns, replaced, portA, path, "the emptyDir of a new Pod must be empty, even after an earlier Pod of the same name")
		}
	})
})

// keeper is a container with emptyDirs of all kinds. All its instances end with 1: while a
// kubelet cleans up after a deleted Pod, it can mistake an earlier instance for the last,
// and a final phase must not change.
func keeper(ns *spec.Space) []pod.Option {
	return []pod.Option{
		pod.Volume("disk"), pod.VolumeInMemory("memory"), pod.Volume("divided"),
		ns.Witness("w", witness.Serve(witness.HTTP(portA), witness.OnTerm(witness.ExitWith(1))), pod.Readiness(pod.HTTPGet(portA, "/")),
			pod.Mount("disk", "/disk"), pod.Mount("memory", "/memory"), pod.MountSubPath("divided", "part", "/part"), func(c *corev1.Container) {
				c.SecurityContext.ReadOnlyRootFilesystem = new(bool) // policies set it if nobody else does
			}),
	}
}

// expectKept expects the note on the emptyDirs, and not in the container's own file system:
// a restart makes a new container, and does not just run the program again. It is written
// there for the next restart.
func expectKept(ctx SpecContext, ns *spec.Space, story *journal.Story, note string) {
	GinkgoHelper()
	for _, path := range onVolumes {
		expectNote(ctx, ns, story, portA, path, note)
	}
	expectNoNote(ctx, ns, story, portA, onRoot, "what a container wrote to its own file system must not outlive it")
	write(ctx, ns, story, portA, onRoot, note)
}
