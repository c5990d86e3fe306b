// Package volumes holds the specs on what the containers of a Pod share on disk.
package volumes

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
)

// The ports of the containers that mount the same volumes.
const (
	portBeside = 8079 + iota
	portA
	portB
	portReader
)

var _ = Describe("A Pod's volume", func() {
	ns := spec.Namespace()

	It("is the same for all containers that mount it, wherever they do", claim.Proves("VOL-01"), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("sharing", pod.Volume("disk"), pod.VolumeInMemory("memory"),
			ns.InitContainer("prepares", witness.Run(witness.For(0), witness.ID("prepares"), witness.Record("/init/prepared")), pod.Mount("disk", "/init")),
			ns.Sidecar("beside", witness.Serve(witness.HTTP(portBeside)), pod.MountSubPath("disk", "part", "/part"), pod.Readiness(pod.HTTPGet(portBeside, "/"))),
			ns.Witness("a", witness.Serve(witness.HTTP(portA)), pod.Mount("disk", "/a"), pod.Mount("memory", "/a-memory"), pod.Readiness(pod.HTTPGet(portA, "/"))),
			ns.Witness("b", witness.Serve(witness.HTTP(portB)), pod.Mount("memory", "/b-memory"), pod.Mount("disk", "/b"), pod.Readiness(pod.HTTPGet(portB, "/"))),
			ns.Witness("reader", witness.Serve(witness.HTTP(portReader)), pod.MountReadOnly("disk", "/ro"), pod.MountReadOnly("memory", "/ro-memory"), pod.Readiness(pod.HTTPGet(portReader, "/"))),
		)))
		uid := string(spec.Must(story.Await(ctx, pod.Ready())).Pod.UID) // unlike anything that could be there by chance

		for _, volume := range []string{"", "-memory"} {
			expectShared(ctx, ns, story, volume, uid)
		}

		By("looking at what an init container wrote, and at a part of the volume")
		for port, path := range map[int]string{portA: "/a/prepared", portB: "/b/prepared", portReader: "/ro/prepared"} {
			prepared := spec.Must(ns.File(ctx, story, port, path, ""))
			Expect(prepared.Text).To(ContainSubstring(`"id":"prepares"`), "%s must have what the init container wrote there: %s\n%s", path, prepared.Error, story)
		}
		write(ctx, ns, story, portBeside, "/part/note", "from beside "+uid)
		expectNote(ctx, ns, story, portA, "/a/part/note", "from beside "+uid)
		expectNote(ctx, ns, story, portReader, "/ro/part/note", "from beside "+uid)
		expectNoNote(ctx, ns, story, portBeside, "/part/prepared", "a container that mounts a part of a volume must not see the rest")

		By("restarting a container")
		ready := spec.Must(story.Await(ctx, pod.Ready()))
		spec.Must(ns.Get(ctx, story, portB, "/exit", map[string]string{"code": "1"}))
		spec.Must(story.AwaitAfter(ctx, ready, pod.All(pod.Restarted("b", 1), pod.Ready())))
		for _, volume := range []string{"", "-memory"} {
			expectShared(ctx, ns, story, volume, "again "+uid)
		}
	})
})

// expectShared writes a file on the volume from one container after the other, and expects
// that all see it. The path of the mount ends with the name of the volume.
func expectShared(ctx SpecContext, ns *spec.Space, story *journal.Story, volume, mark string) {
	GinkgoHelper()
	a, b, reader := "/a"+volume+"/note", "/b"+volume+"/note", "/ro"+volume+"/note"
	fromA, fromB := "from a "+mark+volume, "from b "+mark+volume

	write(ctx, ns, story, portA, a, fromA)
	expectNote(ctx, ns, story, portB, b, fromA)
	expectNote(ctx, ns, story, portReader, reader, fromA)
	write(ctx, ns, story, portB, b, fromB)
	expectNote(ctx, ns, story, portA, a, fromB)
	expectNote(ctx, ns, story, portReader, reader, fromB)

	refused := spec.Must(ns.File(ctx, story, portReader, reader, "from reader"))
	Expect(refused.OK).To(BeFalse(), "a read-only mount must refuse writes to %s\n%s", reader, story)
	Expect(refused.Errno).To(Equal("EROFS"), "a read-only mount must refuse writes to %s as such\n%s", reader, story)
	expectNote(ctx, ns, story, portA, a, fromB)
}

func write(ctx SpecContext, ns *spec.Space, story *journal.Story, port int, path, text string) {
	GinkgoHelper()
	written := spec.Must(ns.File(ctx, story, port, path, text))
	Expect(written.OK).To(BeTrue(), "the container must be able to write %s: %s\n%s", path, written.Error, story)
}

// expectNote expects the text in a file, as the container that serves on the port sees it.
func expectNote(ctx SpecContext, ns *spec.Space, story *journal.Story, port int, path, text string) {
	GinkgoHelper()
	file := spec.Must(ns.File(ctx, story, port, path, ""))
	Expect(file.Text).To(Equal(text), "%s must have what was written there last: %s\n%s", path, file.Error, story)
}

// expectNoNote expects that there is no such file.
func expectNoNote(ctx SpecContext, ns *spec.Space, story *journal.Story, port int, path, must string) {
	GinkgoHelper()
	file := spec.Must(ns.File(ctx, story, port, path, ""))
	Expect(file.Errno).To(Equal("ENOENT"), "%s, but %s exists: %q\n%s", must, path, file.Text, story)
}
