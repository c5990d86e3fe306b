package kubectl

import (
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

var _ = Describe("kubectl run", func() {
	// kubectl run sets no securityContext, which the level restricted requires.
	ns := spec.PrivilegedNamespace()

	It("--dry-run=client -o yaml prints a Pod and creates none, and what it prints can be created", claim.Proves("CLI-RUN-01"), func(ctx SpecContext) {
		printed := spec.Must(ns.RunKubectl(ctx, "", slices.Concat([]string{"run", "dry", "--image=" + ns.Cluster.WitnessImage, "--env=GREETING=hello", "--port=8080", "--dry-run=client", "-o", "yaml"}, ns.FitFlags(), []string{"--"}, witness.Run())...))
		Expect(printed.Code).To(BeZero(), "%s", printed)
		var p corev1.Pod
		Expect(yaml.UnmarshalStrict([]byte(printed.Stdout), &p)).To(Succeed(), "kubectl must print a Pod\n%s", printed)
		Expect(p.TypeMeta).To(Equal(metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}), "kubectl must print a Pod of API version v1\n%s", printed)
		Expect(p.Name).To(Equal("dry"), "%s", printed)
		Expect(p.Namespace).To(Equal(ns.Name()), "the Pod must have the namespace that --namespace names\n%s", printed)
		Expect(p.Labels).To(HaveKeyWithValue("run", "dry"), "the Pod must have the label run\n%s", printed)
		expectRun(p, ns.Cluster.WitnessImage, printed.String())
		Expect(p.Spec.Containers[0]).To(greeting, "the Pod must have the environment and the port\n%s", printed)
		expectAbsent(ctx, ns, "dry", "a dry run must not create the Pod")

		ns.Announce(&p)
		created := spec.Must(ns.RunKubectl(ctx, printed.Stdout, "create", "-f", "-"))
		Expect(created.Code).To(BeZero(), "kubectl must be able to create a Pod from the manifest of the dry run\n%s", created)
		story := ns.Journal().Story("dry")
		now := spec.Must(story.Await(ctx, pod.AllRunning())).Pod
		expectRun(*now, ns.Cluster.WitnessImage, story.String())
		Expect(now.Spec.Containers[0]).To(greeting, "the Pod must have the environment and the port\n%s", story)
	})

	It("creates a bare Pod that is always restarted, unless --restart says otherwise", claim.Proves("CLI-RUN-02"), func(ctx SpecContext) {
		image := "--image=" + ns.Cluster.WitnessImage
		ns.Announce(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "plain"}, Spec: corev1.PodSpec{
			Containers: []corev1.Container{{Name: "plain", Image: ns.Cluster.WitnessImage, Args: witness.Run()}},
		}})
		ran := spec.Must(ns.RunKubectl(ctx, "", slices.Concat([]string{"run", "plain", image}, ns.FitFlags(), []string{"--"}, witness.Run())...))
		Expect(ran.Code).To(BeZero(), "%s", ran)
		story := ns.Journal().Story("plain")
		p := spec.Must(story.Await(ctx, pod.AllRunning())).Pod
		expectRun(*p, ns.Cluster.WitnessImage, story.String())
		Expect(p.OwnerReferences).To(BeEmpty(), "the Pod must have no owner\n%s", story)

		for _, policy := range []corev1.RestartPolicy{corev1.RestartPolicyNever, corev1.RestartPolicyOnFailure, corev1.RestartPolicyAlways} {
			// The server returns what it would have stored.
			got := spec.Must(ns.RunKubectl(ctx, "", "run", "chosen", image, "--restart="+string(policy), "--dry-run=server", "-o", "jsonpath={.kind} {.spec.restartPolicy}"))
			Expect(got.Stdout).To(Equal("Pod "+string(policy)), "--restart must set the restart policy of the Pod\n%s", got)
		}
		for _, unknown := range []string{"Bogus", "never"} {
			got := spec.Must(ns.RunKubectl(ctx, "", "run", "wrong", image, "--restart="+unknown))
			Expect(got.Code).NotTo(BeZero(), "kubectl must refuse the unknown restart policy %s\n%s", unknown, got)
			expectAbsent(ctx, ns, "wrong", "an unknown restart policy must not create a Pod")
		}
	})
})

// greeting matches a container with the environment and the port that kubectl run was given.
var greeting = And(HaveField("Env", ConsistOf(corev1.EnvVar{Name: "GREETING", Value: "hello"})), HaveField("Ports", HaveExactElements(HaveField("ContainerPort", int32(8080)))))

// expectRun checks a Pod against the arguments of kubectl run.
func expectRun(p corev1.Pod, image, shown string) {
	GinkgoHelper()
	Expect(p.Spec.RestartPolicy).To(Equal(corev1.RestartPolicyAlways), "restartPolicy must be Always without --restart\n%s", shown)
	Expect(p.Spec.DNSPolicy).To(Equal(corev1.DNSClusterFirst), "dnsPolicy\n%s", shown)
	Expect(p.Spec.Containers).To(HaveLen(1), "the Pod must have one container\n%s", shown)
	Expect(p.Spec.Containers[0]).To(And(HaveField("Name", p.Name), HaveField("Image", image), HaveField("Args", witness.Run())), "the container must have the Pod's name and the given image and arguments\n%s", shown)
}

// expectAbsent checks that the API has no such Pod.
func expectAbsent(ctx SpecContext, ns *spec.Space, name, must string) {
	GinkgoHelper()
	_, err := ns.API.Client.CoreV1().Pods(ns.Name()).Get(ctx, name, metav1.GetOptions{})
	Expect(apierrors.IsNotFound(err)).To(BeTrue(), "%s, but reading it returned: %v", must, err)
}

var _ = Describe("kubectl create", func() {
	ns := spec.Namespace()

	It("creates a Pod, but no second one of its name, also when the first has ended or is being deleted", claim.Proves("CLI-CREATE-01"), func(ctx SpecContext) {
		// Two of the Pods need not be scheduled for this.
		once := pod.New("once", pod.Gated(), ns.Witness("w", witness.Run()))
		leaving := pod.New("leaving", pod.Gated(), pod.Held(), ns.Witness("w", witness.Run()))
		ended := pod.New("ended", pod.Restart(corev1.RestartPolicyNever), ns.Witness("w", witness.Run(witness.For(0))))
		stories := map[*corev1.Pod]*journal.Story{}
		for _, p := range []*corev1.Pod{once, leaving, ended} {
			stories[p] = spec.Must(ns.Create(ctx, p.DeepCopy()))
		}
		spec.Do(ns.Delete(ctx, stories[leaving], -1))
		spec.Must(stories[leaving].Await(ctx, pod.BeingDeleted()))
		spec.Must(stories[ended].Await(ctx, pod.InPhase(corev1.PodSucceeded)))
		for first, story := range stories {
			for range 2 {
				_, err := ns.Create(ctx, another(ns, first))
				Expect(apierrors.IsAlreadyExists(err)).To(BeTrue(), "creating a Pod under the taken name %s must be refused as AlreadyExists, but it returned: %v", first.Name, err)
			}
			expectUntouched(ctx, ns, story)
		}
	})

	It("-f creates a Pod from a manifest, but no second one of its name", claim.ProvesPart("CLI-CREATE-01", withKubectl), func(ctx SpecContext) {
		first := pod.New("once", pod.Gated(), ns.Witness("w", witness.Run()))
		got := spec.Must(ns.RunKubectl(ctx, manifest(ns, first), "create", "-f", "-"))
		Expect(got.Code).To(BeZero(), "%s", got)
		Expect(got.Stdout).To(Equal("pod/once created\n"), "%s", got)
		story := ns.Journal().Story("once")
		spec.Must(story.Await(ctx, pod.InPhase(corev1.PodPending)))

		got = spec.Must(ns.RunKubectl(ctx, manifest(ns, another(ns, first)), "create", "-f", "-"))
		Expect(got.Code).To(Equal(1), "kubectl must fail when the name is taken\n%s", got)
		Expect(got.Stderr).To(ContainSubstring("AlreadyExists"), "kubectl must say why\n%s", got)
		expectUntouched(ctx, ns, story)
	})
})

// another is a Pod with the same name and different content.
func another(ns *spec.Space, first *corev1.Pod) *corev1.Pod {
	p := first.DeepCopy()
	pod.Label("app", "another")(p)
	p.Spec.Containers[0].Image = ns.Cluster.WitnessTwin
	return p
}

// expectUntouched checks that the Pod has not changed since it was first seen.
func expectUntouched(ctx SpecContext, ns *spec.Space, story *journal.Story) {
	GinkgoHelper()
	spec.Must(story.Await(ctx, pod.InPhase(corev1.PodPending)))
	now := spec.Must(ns.API.Client.CoreV1().Pods(ns.Name()).Get(ctx, story.Name(), metav1.GetOptions{}))
	first := story.Versions()[0].Pod
	Expect(now.UID).To(Equal(first.UID), "the Pod must still be the one that was created first\n%s", story)
	wanted := first.Spec.DeepCopy()
	wanted.NodeName = now.Spec.NodeName // the scheduler sets it
	Expect(now.Spec).To(Equal(*wanted), "the Pod's spec must not have changed since its creation\n%s", story)
	Expect(now.Labels).To(Equal(first.Labels), "the Pod's labels must not have changed since its creation\n%s", story)
}

var _ = Describe("kubectl apply", func() {
	ns := spec.Namespace()

	It("changes nothing for what is the same, an image in place, and refuses an environment", claim.Proves("CLI-APPLY-01"), func(ctx SpecContext) {
		p := pod.New("applied", ns.Witness("neighbour", witness.Run()), ns.Witness("w", witness.Run(), pod.Env("GREETING", "hello")),
			ns.Sidecar("beside", witness.Run(), pod.Env("GREETING", "hello")))
		story := spec.Must(ns.Create(ctx, p))
		spec.Must(story.Await(ctx, pod.Ready()))
		patch := func(list, container, change string) (*corev1.Pod, error) {
			return ns.API.Client.CoreV1().Pods(ns.Name()).Patch(ctx, p.Name, types.StrategicMergePatchType,
				[]byte(`{"spec":{"`+list+`":[{"name":"`+container+`",`+change+`}]}}`), metav1.PatchOptions{})
		}
		// The second round is that of a Pod that was changed before.
		for round, image := range []string{ns.Cluster.WitnessTwin, ns.Cluster.WitnessImage} {
			now := spec.Must(ns.API.Client.CoreV1().Pods(ns.Name()).Get(ctx, p.Name, metav1.GetOptions{}))
			same := spec.Must(patch("containers", "w", `"image":"`+now.Spec.Containers[1].Image+`"`))
			// The kubelet may have written a status in between. Since Kubernetes 1.33 each
			// change of the spec has its own generation.
			Expect(same.Spec).To(Equal(now.Spec), "a patch with the current values must change nothing\n%s", story)
			Expect(same.Generation).To(Equal(now.Generation), "a patch with the current values must not create a new generation\n%s", story)

			for list, container := range map[string]string{"containers": "w", "initContainers": "beside"} {
				_, err := patch(list, container, `"env":[{"name":"GREETING","value":"goodbye"}]`)
				Expect(apierrors.IsInvalid(err)).To(BeTrue(), "a change of the environment of container %s must be refused as Invalid (422), but it returned: %v\n%s", container, err, story)
			}
			spec.Must(patch("containers", "w", `"image":"`+image+`"`))
			expectRestartedInPlace(ctx, story, "w", image, int32(round+1))
		}
		spec.Must(patch("initContainers", "beside", `"image":"`+ns.Cluster.WitnessTwin+`"`))
		expectRestartedInPlace(ctx, story, "beside", ns.Cluster.WitnessTwin, 1)
		Expect(story).To(pod.NeverBe(pod.Restarted("neighbour", 1)), "a container whose image stays must not restart")
	})

	It("-f changes nothing for the same manifest, an image in place, and refuses an environment", claim.ProvesPart("CLI-APPLY-01", withKubectl), func(ctx SpecContext) {
		build := func(image, greeting string) string {
			return manifest(ns, pod.New("applied", pod.Container("w", image, witness.Run(), pod.Env("GREETING", greeting))))
		}
		apply := func(text string) (stdout string) {
			GinkgoHelper()
			got := spec.Must(ns.RunKubectl(ctx, text, "apply", "-f", "-"))
			Expect(got.Code).To(BeZero(), "%s", got)
			return got.Stdout
		}
		Expect(apply(build(ns.Cluster.WitnessImage, "hello"))).To(Equal("pod/applied created\n"), "kubectl apply must create a Pod that does not exist")
		story := ns.Journal().Story("applied")
		spec.Must(story.Await(ctx, pod.Ready()))
		for round, images := range [][2]string{{ns.Cluster.WitnessImage, ns.Cluster.WitnessTwin}, {ns.Cluster.WitnessTwin, ns.Cluster.WitnessImage}} {
			old, image := images[0], images[1]
			Expect(apply(build(old, "hello"))).To(Equal("pod/applied unchanged\n"), "applying the same manifest again must change nothing\n%s", story)
			refused := spec.Must(ns.RunKubectl(ctx, build(old, "goodbye"), "apply", "-f", "-"))
			Expect(refused.Code).To(Equal(1), "applying another environment must fail\n%s", refused)
			Expect(refused.Stderr).To(ContainSubstring("Forbidden"), "kubectl must say that the server forbids the change\n%s", refused)
			Expect(apply(build(image, "hello"))).To(Equal("pod/applied configured\n"), "applying another image must change the Pod\n%s", story)
			expectRestartedInPlace(ctx, story, "w", image, int32(round+1))
		}
	})
})

// expectRestartedInPlace waits for the container with the other image and checks the rest
// of the Pod.
func expectRestartedInPlace(ctx SpecContext, story *journal.Story, container, image string, restarts int32) {
	GinkgoHelper()
	now := spec.Must(story.Await(ctx, pod.All(pod.Restarted(container, restarts), pod.ContainerRunning(container)))).Pod
	versions := story.Versions()
	first := versions[0].Pod
	Expect(now.UID).To(Equal(first.UID), "the Pod must stay the same when its image changes\n%s", story)
	for _, c := range slices.Concat(now.Spec.Containers, now.Spec.InitContainers) {
		if c.Name == container {
			Expect(c.Image).To(Equal(image), "container %s must have the new image\n%s", container, story)
		}
		for _, e := range c.Env {
			Expect(e.Value).To(Equal("hello"), "container %s must have its old environment\n%s", c.Name, story)
		}
	}
	Expect(story).To(pod.NeverBe(pod.BeingDeleted()), "the Pod must not be replaced when its image changes")
	after := pod.Status(now, container)
	Expect(after.RestartCount).To(Equal(restarts), "another image must restart the container once\n%s", story)
	for _, v := range versions {
		if s := pod.Status(v.Pod, container); s != nil && s.State.Running != nil && s.RestartCount == restarts-1 {
			Expect(after.ImageID).NotTo(Equal(s.ImageID), "the container must restart with the other image\n%s", story)
			Expect(after.ContainerID).NotTo(Equal(s.ContainerID), "the container must be a new one\n%s", story)
		}
	}
}

// manifest is a Pod as somebody would write it to a file.
func manifest(ns *spec.Space, p *corev1.Pod) string {
	GinkgoHelper()
	ns.Fit(p)
	ns.Announce(p)
	p.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
	text := spec.Must(yaml.Marshal(p))
	// A Pod that does not exist yet has no status.
	return strings.ReplaceAll(string(text), "status: {}\n", "")
}
