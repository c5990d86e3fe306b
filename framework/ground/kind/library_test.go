package kind

import (
	"testing"

	. "github.com/onsi/gomega"
)

func TestStagesOfKind(t *testing.T) {
	for message, want := range map[string]string{
		" • Preparing nodes 📦 📦 📦   ...\n":                    "preparing nodes",
		" • Starting control-plane 🕹️  ...\n":                 "starting control-plane",
		" • Ensuring node image (podproof/node:v1) 🖼️  ...\n": "ensuring node image (podproof/node:v1)",
		" ✓ Preparing nodes 📦 📦 📦 \n":                         "",
		"Creating cluster \"x\" ...\n":                        "",
	} {
		NewWithT(t).Expect(stage(message)).To(Equal(want), message)
	}
}

func TestKindLogKeepsAllAndPassesStagesOn(t *testing.T) {
	g := NewWithT(t)
	var stages []string
	log := &kindLog{update: func(stage string) { stages = append(stages, stage) }}
	log.V(0).Infof(" • %s  ...\n", "Joining worker nodes 🚜")
	log.V(0).Info(" ✓ Joining worker nodes 🚜")
	log.V(3).Info(" • what kubeadm says")
	log.V(5).Info("more than anybody wants")
	log.Warnf("low on %s", "disk")

	g.Expect(stages).To(Equal([]string{"joining worker nodes"}))
	g.Expect(string(log.text())).To(Equal(" • Joining worker nodes 🚜  ...\n ✓ Joining worker nodes 🚜\n • what kubeadm says\nWARNING: low on disk\n"))
	g.Expect(log.V(5).Enabled()).To(BeFalse())
}

func TestErrorLines(t *testing.T) {
	g := NewWithT(t)
	g.Expect(errorLines("I1123 13:14:55 round_trippers.go:632] \"Response\"\n"+
		"error: error execution phase preflight: it failed\n"+
		"k8s.io/kubernetes/cmd/kubeadm/app.Run\n\tkubeadm.go:48\nmain.main\n")).
		To(Equal("error: error execution phase preflight: it failed"), "not the stack trace behind it")
	g.Expect(errorLines("a\n\nb\nc\nd\ne\nf\ng\nh\ni\n")).To(Equal("b\nc\nd\ne\nf\ng\nh\ni"), "else the end")
	g.Expect(errorLines("what went wrong\nI1123 13:48:19.997227     141 round_trippers.go:632] \"Response\"\n")).To(Equal("what went wrong"))
	g.Expect(errorLines("\n")).To(BeEmpty())
}
