// Package volumes holds the specs on what the containers of a Pod share on disk.
package volumes

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
)

var _ = Describe("A Pod's volume", func() {
	ns := spec.Namespace()

	It("is the same for all containers that mount it, wherever they do", claim.Proves("VOL-01"), func(ctx SpecContext) {
		const portA, portB, portC = 8080, 8081, 8082
		story := spec.Must(ns.Create(ctx, pod.New("sharing", pod.Volume("shared"),
			ns.Witness("a", witness.Serve(witness.HTTP(portA)), pod.Mount("shared", "/a"), pod.Readiness(pod.HTTPGet(portA, "/"))),
			ns.Witness("b", witness.Serve(witness.HTTP(portB)), pod.Mount("shared", "/b"), pod.Readiness(pod.HTTPGet(portB, "/"))),
			ns.Witness("reader", witness.Serve(witness.HTTP(portC)), pod.MountReadOnly("shared", "/ro"), pod.Readiness(pod.HTTPGet(portC, "/"))),
		)))
		uid := string(spec.Must(story.Await(ctx, pod.Ready())).Pod.UID)
		fromA, fromB := "from a "+uid, "from b "+uid // unlike anything that could be there by chance

		written := spec.Must(ns.File(ctx, story, portA, "/a/note", fromA))
		Expect(written.OK).To(BeTrue(), "container a must be able to write: %s", written.Error)
		Expect(spec.Must(ns.File(ctx, story, portB, "/b/note", "")).Text).To(Equal(fromA), "container b must see what a wrote")
		Expect(spec.Must(ns.File(ctx, story, portC, "/ro/note", "")).Text).To(Equal(fromA), "the read-only container must see what a wrote")

		written = spec.Must(ns.File(ctx, story, portB, "/b/note", fromB))
		Expect(written.OK).To(BeTrue(), "container b must be able to write: %s", written.Error)
		Expect(spec.Must(ns.File(ctx, story, portA, "/a/note", "")).Text).To(Equal(fromB), "container a must see what b wrote over its file")
		Expect(spec.Must(ns.File(ctx, story, portC, "/ro/note", "")).Text).To(Equal(fromB), "the read-only container must see what b wrote")

		refused := spec.Must(ns.File(ctx, story, portC, "/ro/note", "from reader"))
		Expect(refused.OK).To(BeFalse(), "a read-only mount must refuse writes")
		Expect(refused.Errno).To(Equal("EROFS"))
		Expect(spec.Must(ns.File(ctx, story, portA, "/a/note", "")).Text).To(Equal(fromB), "the refused write must have changed nothing")
	})
})
