// Package kubectl holds the specs on what kubectl shows of a Pod and does to it.
package kubectl

import (
	"bytes"
	"cmp"
	"encoding/json"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/jsonpath"
)

// short is the lifetime of a container that is meant to end.
const short = 300 * time.Millisecond

var _ = Describe("kubectl get pods", func() {
	ns := spec.Namespace()

	It("has the phase of a Pod for the JSONPath {.status.phase}", claim.Proves("CLI-JSONPATH-01"), func(ctx SpecContext) {
		for phase, story := range oneOfEachPhase(ctx, ns) {
			spec.Must(story.Await(ctx, pod.InPhase(phase)))
			Expect(evaluate(ctx, ns, story.Name(), "{.status.phase}")).To(Equal(string(phase)), "the JSONPath must return the phase\n%s", story)
		}
	})

	It("-o jsonpath={.status.phase} prints the phase and nothing else", claim.ProvesPart("CLI-JSONPATH-01", withKubectl), func(ctx SpecContext) {
		for phase, story := range oneOfEachPhase(ctx, ns) {
			spec.Must(story.Await(ctx, pod.InPhase(phase)))
			got := spec.Must(ns.RunKubectl(ctx, "", "get", "pod", story.Name(), "-o", "jsonpath={.status.phase}"))
			Expect(got.Stdout).To(Equal(string(phase)), "kubectl must print the phase and nothing else\n%s\n%s", got, story)
		}
	})

	It("-o wide shows each Pod's IP and node, and <none> while it has none", claim.Proves("CLI-GET-01"), func(ctx SpecContext) {
		for _, story := range wide(ctx, ns) {
			cells, shown, err := ns.Row(ctx, story.Name())
			spec.Do(err)
			Expect(cells).To(And(HaveKeyWithValue("IP", orNone(firstIP(shown))), HaveKeyWithValue("Node", orNone(shown.Spec.NodeName))),
				"the columns IP and Node must show the first IP and the node of the Pod %s, or <none>\n%s", story.Name(), story)
		}
	})

	It("-o wide prints each Pod's IP and node, which it does not without", claim.ProvesPart("CLI-GET-01", withKubectl), func(ctx SpecContext) {
		stories := wide(ctx, ns)
		got := spec.Must(ns.RunKubectl(ctx, "", "get", "pods", "-o", "wide"))
		Expect(got.Code).To(BeZero(), "%s", got)
		for _, story := range stories {
			last := story.Last()
			Expect(cell(got.Stdout, story.Name(), "IP")).To(Equal(orNone(firstIP(last))), "IP of the Pod %s\n%s\n%s", story.Name(), got, story)
			Expect(cell(got.Stdout, story.Name(), "NODE")).To(Equal(orNone(last.Spec.NodeName)), "NODE of the Pod %s\n%s\n%s", story.Name(), got, story)
		}
		narrow := spec.Must(ns.RunKubectl(ctx, "", "get", "pods"))
		Expect(cell(narrow.Stdout, "running", "STATUS")).To(Equal("Running"), "%s", narrow)
		Expect(cell(narrow.Stdout, "running", "NODE")).To(BeEmpty(), "without -o wide there must be no column NODE\n%s", narrow)
	})
})

// withKubectl names the part of a claim that only a kubectl can show.
const withKubectl = "with kubectl"

// wide creates Pods that have an IP and a node, also when they have ended, a node only, and
// neither.
func wide(ctx SpecContext, ns *spec.Space) []*journal.Story {
	GinkgoHelper()
	never := pod.Restart(corev1.RestartPolicyNever)
	up := pod.All(pod.InPhase(corev1.PodRunning), pod.HasIP())
	var stories []*journal.Story
	states := []journal.State{}
	for _, c := range []struct {
		pod  *corev1.Pod
		when journal.State
	}{
		{pod.New("running", ns.Witness("w", witness.Run())), up},
		{pod.New("failed", never, ns.Witness("w", witness.Run(witness.For(short), witness.ExitCode(1)))), pod.All(pod.InPhase(corev1.PodFailed), pod.HasIP())},
		{pod.New("bound", missingVolume, ns.Witness("w", witness.Run(), pod.Mount("missing", "/missing"))), pod.ContainerWaiting("w", "ContainerCreating")},
		{pod.New("unbound", pod.Gated(), ns.Witness("w", witness.Run())), pod.Condition(corev1.PodScheduled, corev1.ConditionFalse, "SchedulingGated")},
	} {
		stories, states = append(stories, spec.Must(ns.Create(ctx, c.pod))), append(states, c.when)
	}
	for i, story := range stories {
		spec.Must(story.Await(ctx, states[i]))
	}
	return stories
}

// firstIP is the IP of the Pod, "" while it has none.
func firstIP(p *corev1.Pod) string {
	if len(p.Status.PodIPs) == 0 {
		return ""
	}
	return p.Status.PodIPs[0].IP
}

// orNone is how a column shows a value.
func orNone(value string) string { return cmp.Or(value, "<none>") }

// oneOfEachPhase creates a Pod for each phase that a Pod on a node that works can be in.
func oneOfEachPhase(ctx SpecContext, ns *spec.Space) map[corev1.PodPhase]*journal.Story {
	GinkgoHelper()
	never := pod.Restart(corev1.RestartPolicyNever)
	return map[corev1.PodPhase]*journal.Story{
		corev1.PodPending:   spec.Must(ns.Create(ctx, pod.New("pending", pod.Gated(), ns.Witness("w", witness.Run())))),
		corev1.PodRunning:   spec.Must(ns.Create(ctx, pod.New("running", ns.Witness("w", witness.Run())))),
		corev1.PodSucceeded: spec.Must(ns.Create(ctx, pod.New("succeeded", never, ns.Witness("w", witness.Run(witness.For(short)))))),
		corev1.PodFailed:    spec.Must(ns.Create(ctx, pod.New("failed", never, ns.Witness("w", witness.Run(witness.For(short), witness.ExitCode(1)))))),
	}
}

// missingVolume prevents the creation of containers that mount it, on a bound Pod.
func missingVolume(p *corev1.Pod) {
	p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: "missing", VolumeSource: corev1.VolumeSource{
		ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "there-is-none"}},
	}})
}

// evaluate applies the expression to the Pod as the API server returns it, with the
// library that kubectl uses.
func evaluate(ctx SpecContext, ns *spec.Space, name, expression string) string {
	GinkgoHelper()
	raw := spec.Must(ns.API.Client.CoreV1().RESTClient().Get().Namespace(ns.Name()).Resource("pods").Name(name).
		SetHeader("Accept", "application/json").DoRaw(ctx))
	var object any
	spec.Do(json.Unmarshal(raw, &object))
	path := jsonpath.New("phase")
	spec.Do(path.Parse(expression))
	var out bytes.Buffer
	spec.Do(path.Execute(&out, object))
	return out.String()
}
