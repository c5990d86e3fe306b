package phases

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// absentImage is an image that no node has: its name is in a top-level domain that is
// reserved for tests.
const absentImage = "podproof.test/absent:v1"

// refusedImage is an image whose registry refuses every connection, at once
// and on the node itself: nothing listens on port 1.
const refusedImage = "127.0.0.1:1/podproof/absent:v1"

// retried is the longest time until the kubelet tries again to create a container.
// Source: pkg/kubelet/pod_workers.go (completeWork), backOffPeriod in kubelet.go.
const retried = 15 * time.Second

var _ = Describe("A Pod is Pending", func() {
	ns := spec.Namespace()

	It("for as long as anything keeps its containers from being started", claim.Proves("PHASE-PEND-01"), func(ctx SpecContext) {
		const volume, settings = "volume", "settings"
		story := spec.Must(ns.Create(ctx, heldUp(ns, volume, settings)))
		pending := func(why string) {
			GinkgoHelper()
			Expect(story).To(pod.AlwaysBe(pod.InPhase(corev1.PodPending)), "a Pod must be Pending while %s", why)
		}

		By("leaving out the ConfigMap of its volume")
		spec.Must(story.AwaitEvent(ctx, "to have a FailedMount event", func(e *corev1.Event) bool { return e.Reason == "FailedMount" }))
		pending("its volume cannot be mounted")

		By("creating that ConfigMap, so that the init container runs")
		createConfigMap(ctx, ns, volume)
		spec.Must(story.Await(ctx, whilePending(pod.ContainerRunning("first"))))
		pending("an init container runs")

		By("ending the init container")
		spec.Must(story.Await(ctx, pod.HasIP()))
		endByPage(ctx, ns, story, "first", 0)
		awaitUncreated(ctx, ns, story)
		pending("the image of a container cannot be pulled")

		By("giving the container an existing image")
		spec.Must(ns.SetImage(ctx, story, "unpulled", ns.Cluster.WitnessImage))
		one := pod.All(pod.ContainerRunning("unpulled"), pod.ContainerWaiting("unconfigured", "CreateContainerConfigError"))
		spec.Must(story.Await(ctx, whilePending(one)))
		pending("a ConfigMap that a container needs is missing")

		By("creating that ConfigMap, too")
		createConfigMap(ctx, ns, settings)
		spec.Must(story.AwaitWithin(ctx, retried+settled, pod.InPhase(corev1.PodRunning)))
		spec.Must(story.Await(ctx, pod.AllRunning()))
		Expect(story).To(pod.HaveOnlyPhases(corev1.PodPending, corev1.PodRunning))
	})

	It("while no node can take it", claim.Proves("PHASE-PEND-02"), func(ctx SpecContext) {
		small := ns.Witness("w", witness.Run())
		tooBig := pod.Requests(corev1.ResourceCPU, "10000") // no node has so many CPUs
		for name, asks := range map[string][]pod.Option{
			"unschedulable":   {small, pod.NodeSelector("podproof.test/no-node-has", "this")},
			"second-too-big":  {small, pod.Restart(corev1.RestartPolicyNever), ns.Witness("second", witness.Run(), tooBig)},
			"init-too-big":    {small, ns.InitContainer("init", witness.Run(), tooBig)},
			"sidecar-too-big": {small, ns.Sidecar("sidecar", witness.Run(), tooBig)},
		} {
			story := spec.Must(ns.Create(ctx, pod.New(name, asks...)))
			p := spec.Must(story.Await(ctx, notScheduled(corev1.PodReasonUnschedulable))).Pod
			Expect(p.Status.Phase).To(Equal(corev1.PodPending), "a Pod that no node can take must be Pending\n%s", story)
			Expect(p.Spec.NodeName).To(BeEmpty(), "an unschedulable Pod must be on no node\n%s", story)
			Expect(story).To(pod.AlwaysBe(pod.InPhase(corev1.PodPending)))
		}
	})

	It("on a node, too, until the image of its last container is there, even if another one has ended", claim.Proves("PHASE-PEND-02"), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("bound", pod.Restart(corev1.RestartPolicyNever), ends(ns, "ended", 1), pod.Container("w", absentImage, witness.Run(), pod.NeverPull()))))
		p := spec.Must(story.Await(ctx, whilePending(pod.All(pod.ContainerTerminated("ended"), pod.ContainerWaiting("w", "ErrImageNeverPull"))))).Pod
		Expect(p.Spec.NodeName).NotTo(BeEmpty(), "the Pod must be on a node while its image is missing\n%s", story)
		Expect(p).To(haveCondition(corev1.PodScheduled, corev1.ConditionTrue), "a Pod on a node must have condition PodScheduled=True\n%s", story)
		Expect(story).To(pod.AlwaysBe(pod.InPhase(corev1.PodPending)))

		By("giving the container an existing image")
		spec.Must(ns.SetImage(ctx, story, "w", ns.Cluster.WitnessImage))
		spec.Must(story.Await(ctx, pod.InPhase(corev1.PodRunning)))
	})

	It("while one container serves and the first or the last one was never created, and Running as soon as they are", claim.Proves("PHASE-PEND-03"), claim.Proves("PHASE-RUN-02"), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("half-created",
			pod.Container("first", absentImage, witness.Run(), pod.NeverPull()),
			ns.Witness("there", witness.Serve(witness.HTTP(port)), pod.Readiness(pod.HTTPGet(port, "/"))),
			pod.Container("last", absentImage, witness.Run(), pod.NeverPull()),
		)))
		missing := func(container string) journal.State { return pod.ContainerWaiting(container, "ErrImageNeverPull") }
		spec.Must(story.Await(ctx, whilePending(pod.All(pod.ContainerReady("there"), missing("first"), missing("last")))))
		spec.Must(ns.Get(ctx, story, port, "/", nil))

		By("giving the last container an existing image")
		spec.Must(ns.SetImage(ctx, story, "last", ns.Cluster.WitnessImage))
		spec.Must(story.Await(ctx, whilePending(pod.All(pod.ContainerReady("last"), missing("first")))))
		cells, shown, err := ns.Row(ctx, story.Name())
		spec.Do(err)
		Expect(shown.Status.Phase).To(Equal(corev1.PodPending), "a Pod with a container that was never created must be Pending, even if others serve\n%s", story)
		Expect(cells["Ready"]).To(Equal("2/3"), "kubectl must show that two containers of three are ready\n%s", story)
		Expect(story).To(pod.AlwaysBe(pod.InPhase(corev1.PodPending)))

		By("giving the first container an existing image")
		spec.Must(ns.SetImage(ctx, story, "first", ns.Cluster.WitnessImage))
		running := spec.Must(story.Await(ctx, pod.InPhase(corev1.PodRunning))).Pod
		for _, c := range []string{"first", "there", "last"} {
			Expect(pod.Status(running, c)).To(HaveField("ContainerID", Not(BeEmpty())), "container %s must have been created when the Pod is Running\n%s", c, story)
			Expect(pod.Status(running, c).RestartCount).To(BeZero(), "container %s, which kept running, must not have been restarted\n%s", c, story)
		}
	})
})

// heldUp is a Pod whose containers lack one thing after the other: a volume, the end of
// an init container, an image, and a ConfigMap.
func heldUp(ns *spec.Space, volume, settings string) *corev1.Pod {
	return pod.New("held-up",
		configMapVolume(volume),
		ns.InitContainer("first", witness.Serve(witness.HTTP(port)), pod.Mount(volume, "/volume")),
		// It runs while the containers below cannot be created.
		ns.Sidecar("sidecar", witness.Run()),
		pod.Container("unpulled", refusedImage, witness.Run()),
		// It is never ready, because a Pod need not be ready to leave Pending.
		ns.Witness("unconfigured", witness.Run(), envFromConfigMap(settings), pod.Readiness(pod.HTTPGet(port, "/nobody-listens"))),
	)
}

// awaitUncreated waits until the kubelet reports of the held-up Pod that it could create
// none of its containers.
func awaitUncreated(ctx SpecContext, ns *spec.Space, story *journal.Story) {
	GinkgoHelper()
	spec.Must(story.AwaitEvent(ctx, "to have a Failed event for container unpulled", func(e *corev1.Event) bool {
		return e.Reason == "Failed" && pod.IsAbout(e, "unpulled")
	}))
	// The kubelet reports what is wrong with a container only at its next check of the
	// Pod, which by itself comes 10 to 15 s later.
	lookAgain(ctx, ns, story)
	both := pod.All(pod.ContainerRunning("sidecar"), pod.ContainerWaiting("unpulled", "ErrImagePull", "ImagePullBackOff"), pod.ContainerWaiting("unconfigured", "CreateContainerConfigError"))
	spec.Must(story.Await(ctx, whilePending(both)))
}

// whilePending is the wanted state. It fails as soon as the Pod leaves Pending without
// reaching it.
func whilePending(want journal.State) journal.State {
	want.Text += " while it is Pending"
	holds := want.Holds
	want.Holds = func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodPending && holds(p) }
	want.Never = func(p *corev1.Pod) string {
		if p.Status.Phase != corev1.PodPending {
			return "it is " + string(p.Status.Phase)
		}
		return ""
	}
	return want
}

// notScheduled holds while the scheduler says that the Pod is on no node, for that
// reason.
func notScheduled(reason string) journal.State {
	state := pod.Condition(corev1.PodScheduled, corev1.ConditionFalse, reason)
	state.Never = func(p *corev1.Pod) string {
		if p.Spec.NodeName != "" {
			return "it is bound to a node"
		}
		return ""
	}
	return state
}

// endByPage makes a serving witness end with the code, once it listens.
func endByPage(ctx SpecContext, ns *spec.Space, story *journal.Story, container string, code int) {
	GinkgoHelper()
	spec.Must(ns.AwaitListening(ctx, story, container, 1))
	spec.Must(ns.Get(ctx, story, port, "/exit", exitWith(code)))
}

// configMapVolume adds a volume from the ConfigMap of the same name.
func configMapVolume(name string) pod.Option {
	return func(p *corev1.Pod) {
		p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
			ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}},
		}})
	}
}

// envFromConfigMap makes a container need a ConfigMap for its environment.
func envFromConfigMap(name string) pod.ContainerOption {
	return func(c *corev1.Container) {
		c.EnvFrom = append(c.EnvFrom, corev1.EnvFromSource{ConfigMapRef: &corev1.ConfigMapEnvSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: name},
		}})
	}
}

func createConfigMap(ctx SpecContext, ns *spec.Space, name string) {
	GinkgoHelper()
	made := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string]string{"key": "value"}}
	ns.Mark(&made.ObjectMeta)
	_, err := ns.API.Client.CoreV1().ConfigMaps(ns.Name()).Create(ctx, made, metav1.CreateOptions{})
	spec.Do(err)
}
