package kubectl

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/manifests"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

var _ = Describe("The minimal Pod manifest", func() {
	// A minimal manifest has no securityContext, which the level restricted requires.
	ns := spec.PrivilegedNamespace()

	It("runs, with the defaults that the API server fills in", claim.Proves("YAML-01"), func(ctx SpecContext) {
		// Admission that sets fields itself leaves no default to check. What it does to a Pod
		// with another value shows that it does so.
		explicit := pod.New("other", pod.Gated(), pod.Restart(corev1.RestartPolicyAlways), pod.Grace(30), ns.Witness("w", witness.Run()))
		explicit.Spec.DNSPolicy, explicit.Spec.SchedulerName = corev1.DNSClusterFirst, corev1.DefaultSchedulerName
		explicit.Spec.Containers[0].TerminationMessagePath = corev1.TerminationMessagePathDefault
		explicit.Spec.Containers[0].TerminationMessagePolicy = corev1.TerminationMessageReadFile
		other := spec.Must(ns.Create(ctx, explicit))

		p := minimal(ns.Cluster.WitnessImage)
		story := spec.Must(ns.Create(ctx, p))
		expectDefaults(p)

		spec.Must(story.Await(ctx, pod.Ready()))
		spec.Must(ns.Get(ctx, story, web, "/", nil))
		for selector, want := range map[string][2]*journal.Story{"app=minimal": {story, other}, "app!=minimal": {other, story}} {
			found := spec.Must(ns.API.Client.CoreV1().Pods(ns.Name()).List(ctx, metav1.ListOptions{LabelSelector: selector}))
			Expect(found.Items).To(ContainElement(HaveField("UID", want[0].UID())), "%s must find pod %s by its label or its lack of one", selector, want[0].Name())
			Expect(found.Items).NotTo(ContainElement(HaveField("UID", want[1].UID())), "%s must not find pod %s", selector, want[1].Name())
		}
	})

	It("asks for a pull each time when its image has no tag and no digest", claim.Proves("YAML-01"), func(ctx SpecContext) {
		untagged := witness.Untagged(ns.Cluster.WitnessImage)
		digest := "@sha256:" + strings.Repeat("0123456789abcdef", 4)
		for image, policy := range map[string]corev1.PullPolicy{
			untagged: corev1.PullAlways, untagged + ":latest": corev1.PullAlways, "localhost:5000/minimal": corev1.PullAlways,
			untagged + ":later": corev1.PullIfNotPresent, untagged + digest: corev1.PullIfNotPresent,
		} {
			// A dry run returns the Pod with its defaults and stores nothing.
			answered := spec.Must(ns.API.Client.CoreV1().Pods(ns.Name()).Create(ctx, minimal(image), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}))
			Expect(answered.Spec.Containers).To(ContainElement(And(HaveField("Image", image), HaveField("ImagePullPolicy", policy))), "the default of imagePullPolicy for the image %s", image)
		}
	})
})

// web is the port on which the witness serves. The witness is not root, so the runtime may
// deny it port 80 of the manifest. A containerPort is only informative.
const web = 8080

// minimal is the manifest with the image. The witness needs arguments to serve, unlike
// the image of a web server.
func minimal(image string) *corev1.Pod {
	GinkgoHelper()
	p := &corev1.Pod{}
	spec.Do(yaml.UnmarshalStrict(spec.Must(manifests.Files.ReadFile(manifests.Minimal)), p))
	p.Spec.Containers[0].Image = image
	p.Spec.Containers[0].Args = witness.Serve(witness.HTTP(web))
	return p
}

// expectDefaults checks the documented default of each field that the manifest omits.
func expectDefaults(p *corev1.Pod) {
	GinkgoHelper()
	Expect(p.Spec.RestartPolicy).To(Equal(corev1.RestartPolicyAlways), "the default of restartPolicy")
	Expect(p.Spec.DNSPolicy).To(Equal(corev1.DNSClusterFirst), "the default of dnsPolicy")
	Expect(p.Spec.TerminationGracePeriodSeconds).To(HaveValue(Equal(int64(30))), "the default of terminationGracePeriodSeconds")
	Expect(p.Spec.EnableServiceLinks).To(HaveValue(BeTrue()), "the default of enableServiceLinks")
	Expect(p.Spec.SchedulerName).To(Equal(corev1.DefaultSchedulerName), "the default of schedulerName")
	Expect(p.Spec.Containers[0].TerminationMessagePath).To(Equal(corev1.TerminationMessagePathDefault), "the default of terminationMessagePath")
	Expect(p.Spec.Containers[0].TerminationMessagePolicy).To(Equal(corev1.TerminationMessageReadFile), "the default of terminationMessagePolicy")
	Expect(p.Spec.Containers[0].ImagePullPolicy).To(Equal(corev1.PullIfNotPresent), "the default of imagePullPolicy for the tag of the image %s", p.Spec.Containers[0].Image)
	Expect(p.Spec.Containers[0].Ports).To(HaveExactElements(HaveField("Protocol", corev1.ProtocolTCP)), "the default of a port's protocol")
}
