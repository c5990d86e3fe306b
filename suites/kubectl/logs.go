package kubectl

import (
	"context"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// noRegistry is an image that cannot be pulled: nothing listens on that port of the
// node, so a pull fails at once, without any network.
const noRegistry = "127.0.0.1:1/podproof.test/absent:v1"

var _ = Describe("kubectl logs", func() {
	ns := spec.Namespace()

	It("tells what each instance of a container logged, and of one that never started why not", claim.Proves("CLI-LOGS-01"), func(ctx SpecContext) {
		over := ended(ctx, ns)
		story, before := loggers(ctx, ns, func(story *journal.Story) []record.Line {
			return spec.Must(ns.Log(ctx, story, "again", true))
		})
		expectExit(before, 3, "the log of the previous instance must include its last line", story)
		expectInstance(before, 0, "the previous log of a container that was restarted once must be that of its first instance", story)
		now := spec.Must(ns.Log(ctx, story, "again", false))
		expectInstance(now, 1, "the log of a container that was restarted once must be that of its second instance", story)
		Expect(now[0].Instance).NotTo(Equal(before[0].Instance), "the logs of two instances must be of two processes\n%s", story)
		expectStart(spec.Must(ns.Log(ctx, story, "beside", false)), "beside", story)

		spec.Must(over.Await(ctx, pod.InPhase(corev1.PodFailed)))
		for container, code := range exits {
			expectExit(spec.Must(ns.Log(ctx, over, container, false)), code, "the log of container "+container+" of a Pod that has ended must include its last line", over)
		}
		expectAsides(spec.Must(ns.LogText(ctx, over, "aloud")), over)

		for container, s := range map[string]*journal.Story{"prepares": over, "w": over, "beside": story} {
			_, err := ns.Log(ctx, s, container, true)
			Expect(apierrors.IsBadRequest(err)).To(BeTrue(), "a request for the previous log of container %s, which has run once, must be refused, but it returned: %v\n%s", container, err, s)
		}
		for _, previous := range []bool{false, true} {
			lines, err := ns.Log(ctx, story, "absent", previous)
			Expect(apierrors.IsBadRequest(err)).To(BeTrue(), "a request for the log of a container that never started (previous: %t) must be refused, but it returned %d lines and the error: %v\n%s", previous, len(lines), err, story)
		}
	})

	It("tells with --previous what the instance before the current one logged, and none before it", claim.Proves("CLI-LOGS-01"), func(ctx SpecContext) {
		var story *journal.Story
		var before []record.Line
		var err error
		// The kubelet's garbage collector can have removed the previous instance, see loggers.
		for attempt := range spec.Attempts(2, thriceTime) {
			story = thrice(ctx, ns, fmt.Sprintf("thrice-%d", attempt))
			if before, err = ns.Log(ctx, story, "again", true); err == nil && len(before) > 0 {
				break
			}
		}
		spec.Do(err)
		expectInstance(before, 1, "the previous log of a container that was restarted twice must be that of its second instance", story)
		expectExit(before, 143, "the log of an instance that was told to end must include its last line", story)
		expectInstance(spec.Must(ns.Log(ctx, story, "again", false)), 2, "the log of a container that was restarted twice must be that of its third instance", story)
	})

	It("prints the log of each instance with kubectl", claim.ProvesPart("CLI-LOGS-01", withKubectl), func(ctx SpecContext) {
		logs := func(story *journal.Story, args ...string) []record.Line {
			GinkgoHelper()
			got := spec.Must(ns.RunKubectl(ctx, "", append([]string{"logs", story.Name()}, args...)...))
			Expect(got.Code).To(BeZero(), "kubectl must print the log\n%s\n%s", got, story)
			return spec.Must(witness.ReadLog(strings.NewReader(got.Stdout)))
		}
		over := ended(ctx, ns)
		story, before := loggers(ctx, ns, func(story *journal.Story) []record.Line {
			return logs(story, "-c", "again", "--previous")
		})
		expectInstance(before, 0, "kubectl logs --previous must print the log of the previous instance", story)
		expectExit(before, 3, "kubectl logs --previous must print the last line too", story)
		expectInstance(logs(story, "-c", "again"), 1, "kubectl logs must print the log of the current instance", story)
		expectStart(logs(story, "-c", "beside"), "beside", story)

		spec.Must(over.Await(ctx, pod.InPhase(corev1.PodFailed)))
		for container, code := range exits {
			expectExit(logs(over, "-c", container), code, "kubectl logs of container "+container+", which has ended, must print its last line too", over)
		}
		aloud := spec.Must(ns.RunKubectl(ctx, "", "logs", over.Name(), "-c", "aloud"))
		Expect(aloud.Code).To(BeZero(), "kubectl must print the log\n%s\n%s", aloud, over)
		expectAsides(aloud.Stdout, over)

		got := spec.Must(ns.RunKubectl(ctx, "", "logs", story.Name(), "-c", "absent"))
		Expect(got.Code).NotTo(BeZero(), "kubectl logs of a container that never started must fail\n%s\n%s", got, story)
		Expect(got.Stdout).To(BeEmpty(), "kubectl logs must print nothing for a container that never started\n%s", story)
		Expect(got.Stderr).To(And(ContainSubstring(`"absent"`), ContainSubstring("waiting to start")), "kubectl logs must say why the container has not started\n%s", story)
	})
})

// exits are the containers of ended with their exit codes, but for "aloud".
var exits = map[string]int{"prepares": 0, "good": 0, "w": 1}

// ended creates a Pod whose containers end. One of them, "aloud", writes much to stderr,
// and the last line of "good" has no line break.
func ended(ctx SpecContext, ns *spec.Space) *journal.Story {
	GinkgoHelper()
	return spec.Must(ns.Create(ctx, pod.New("over", pod.Restart(corev1.RestartPolicyNever),
		ns.InitContainer("prepares", witness.Run(witness.For(0))),
		ns.Witness("aloud", witness.Say(strings.Join(asides(), "\n"))),
		ns.Witness("good", witness.Run(witness.For(0), witness.Unfinished())),
		ns.Witness("w", witness.Run(witness.For(0), witness.ExitCode(1))))))
}

// loggers creates a Pod with a sidecar, a container whose second instance runs, and one
// that cannot start. It also returns what previous reads of the log of the restarted
// container's first instance.
//
// The kubelet's garbage collector can have removed that instance, see CreateAgain; then
// there is a second Pod. In that case kubelets before 1.36 show no last state, while later
// ones show it and have an empty log.
func loggers(ctx SpecContext, ns *spec.Space, previous func(*journal.Story) []record.Line) (*journal.Story, []record.Line) {
	GinkgoHelper()
	story := spec.Must(ns.Create(ctx, pod.New("logs", pod.Volume(spec.State),
		ns.Sidecar("beside", witness.Run(witness.ID("beside"))),
		ns.Lives("again", witness.ExitAfter(short, 3), witness.Forever),
		pod.Container("absent", noRegistry, nil),
	)))
	story = awaitLogger(ctx, ns, story)
	if lines := previous(story); len(lines) > 0 {
		return story, lines
	}
	GinkgoWriter.Printf("the previous log is empty; the kubelet may just have removed that instance\n%s\n", story)
	story = awaitLogger(ctx, ns, spec.Must(ns.CreateAgain(ctx, story)))
	return story, previous(story)
}

// awaitLogger waits until all containers of loggers have their expected states, and
// returns the Pod that shows them.
func awaitLogger(ctx SpecContext, ns *spec.Space, story *journal.Story) *journal.Story {
	GinkgoHelper()
	story, _, err := ns.AwaitLastState(ctx, story, "again", pod.All(pod.Restarted("again", 1), pod.ContainerRunning("again"), pod.ContainerWaiting("absent", "ErrImagePull", "ImagePullBackOff")))
	spec.Do(err)
	spec.Must(ns.AwaitStarted(ctx, story, "again"))
	spec.Must(ns.AwaitStarted(ctx, story, "beside"))
	return story
}

// thriceTime is what the third instance of a container takes on a busy machine.
const thriceTime = 30 * time.Second

// thrice creates a Pod with a container whose third instance runs.
func thrice(ctx SpecContext, ns *spec.Space, name string) *journal.Story {
	GinkgoHelper()
	story := spec.Must(ns.Create(ctx, pod.New(name, pod.Volume(spec.State),
		ns.Lives("again", witness.ExitAfter(short, 3), witness.Forever))))
	spec.Must(story.Await(ctx, pod.All(pod.Restarted("again", 1), pod.ContainerRunning("again"))))
	spec.Must(ns.AwaitStarted(ctx, story, "again"))
	// Another image restarts the container without a delay.
	spec.Must(ns.SetImage(ctx, story, "again", ns.Cluster.WitnessTwin))
	spec.Must(story.Await(ctx, pod.All(pod.Restarted("again", 2), pod.ContainerRunning("again"))))
	spec.Must(ns.AwaitStarted(ctx, story, "again"))
	return story
}

// expectStart expects the log of a container that runs, whose lines carry its name.
func expectStart(lines []record.Line, container string, story *journal.Story) {
	GinkgoHelper()
	Expect(witness.Select(lines, record.Start)).To(HaveExactElements(HaveField("ID", container)), "a log must be that of the container that is named, %s\n%s", container, story)
}

func expectExit(lines []record.Line, code int, must string, story *journal.Story) {
	GinkgoHelper()
	Expect(lines).NotTo(BeEmpty(), "%s, but it is empty\n%s", must, story)
	last := lines[len(lines)-1]
	Expect(last.Event).To(Equal(record.Exit), "%s: the event of the last line\n%s", must, story)
	Expect(last.Code).To(HaveValue(Equal(code)), "%s: the exit code in the last line\n%s", must, story)
}

// asides are the lines that the container "aloud" writes to stderr: many more than the
// last 10, which are all that kubectl logs shows for Pods selected by label.
func asides() []string {
	lines := make([]string, 50)
	for i := range lines {
		lines[i] = fmt.Sprintf("%s, line %d", aside, i+1)
	}
	return lines
}

// expectAsides expects everything in the log that the container wrote to stdout and to
// stderr, each in order.
func expectAsides(log string, story *journal.Story) {
	GinkgoHelper()
	var lines []string
	for line := range strings.Lines(log) {
		if strings.HasPrefix(line, aside) {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	Expect(lines).To(Equal(asides()), "a log must contain every line that the container wrote to stderr\n%s", story)
	events := []record.Event{}
	for _, l := range said(log) {
		events = append(events, l.Event)
	}
	Expect(events).To(Equal([]record.Event{record.Start, record.Exit}), "a log must contain what the container wrote to stdout\n%s", story)
}

func expectInstance(lines []record.Line, index int, must string, story *journal.Story) {
	GinkgoHelper()
	instances := witness.Instances(lines)
	Expect(instances).To(HaveLen(1), "%s and no other instance\n%s", must, story)
	Expect(instances[0].Start).NotTo(BeNil(), "%s from its first line on\n%s", must, story)
	Expect(instances[0].Start.Index).To(HaveValue(Equal(index)), "%s (counted from 0)\n%s", must, story)
}

var _ = Describe("kubectl events", func() {
	ns := spec.Namespace()

	It("shows each container whose image cannot be pulled", claim.Proves("CLI-EVENTS-01"), func(ctx SpecContext) {
		// An init container that does not start keeps the others from starting.
		early := spec.Must(ns.Create(ctx, pod.New("imageless-init", pod.InitContainer("prepares", noRegistry, nil), ns.Witness("present", witness.Run()))))
		story := imageless(ctx, ns)
		soon, cancel := context.WithTimeout(ctx, eventTime)
		defer cancel()
		spec.Must(story.AwaitEvent(soon, "to have a Started event for container present", func(e *corev1.Event) bool {
			return e.Reason == "Started" && e.InvolvedObject.FieldPath == fieldPath("present")
		}))
		expectPullFailure(soon, story, "absent", fieldPath("absent"))
		expectPullFailure(soon, story, "absent-too", fieldPath("absent-too"))
		expectPullFailure(soon, early, "prepares", "spec.initContainers{prepares}")
		for _, s := range []*journal.Story{story, early} {
			for _, e := range s.Events() {
				Expect(failedFor(s, fieldPath("present"))(e.Event)).To(BeFalse(), "no event may report a failure of a container that has its image\n%s", s)
			}
		}
	})

	It("prints the failure of a pull with kubectl", claim.ProvesPart("CLI-EVENTS-01", withKubectl), func(ctx SpecContext) {
		story := imageless(ctx, ns)
		for _, container := range []string{"absent", "absent-too"} {
			spec.Must(story.AwaitEvent(ctx, "to have a Warning event Failed for container "+container, failedFor(story, fieldPath(container))))
		}

		got := spec.Must(ns.RunKubectl(ctx, "", "events", "--for=pod/"+story.Name(), "--types=Warning"))
		Expect(got.Code).To(BeZero(), "%s", got)
		Expect(got.Stdout).To(MatchRegexp(`(?m)\bWarning +Failed +Pod/%s\b`, story.Name()), "kubectl events must show the failure\n%s\n%s", got, story)
		got = spec.Must(ns.RunKubectl(ctx, "", "get", "events", "--field-selector=reason=Failed,involvedObject.uid="+string(story.UID()), "-o", "jsonpath={.items[*].involvedObject.fieldPath}"))
		Expect(got.Code).To(BeZero(), "%s", got)
		Expect(strings.Fields(got.Stdout)).To(And(ContainElements(fieldPath("absent"), fieldPath("absent-too")), HaveEach(HavePrefix("spec.containers{absent"))),
			"the failures must name the containers whose image cannot be pulled, and no other\n%s\n%s", got, story)
	})
})

// imageless is a Pod with a container that runs between two that cannot start.
func imageless(ctx SpecContext, ns *spec.Space) *journal.Story {
	GinkgoHelper()
	story := spec.Must(ns.Create(ctx, pod.New("imageless", pod.Container("absent", noRegistry, nil), ns.Witness("present", witness.Run()), pod.Container("absent-too", noRegistry+"-too", nil))))
	spec.Must(story.Await(ctx, pod.All(pod.ContainerRunning("present"),
		pod.ContainerWaiting("absent", "ErrImagePull", "ImagePullBackOff"), pod.ContainerWaiting("absent-too", "ErrImagePull", "ImagePullBackOff"))))
	return story
}

// expectPullFailure waits for the events about a container whose image cannot be pulled.
func expectPullFailure(ctx context.Context, story *journal.Story, container, path string) {
	GinkgoHelper()
	failed := spec.Must(story.AwaitEvent(ctx, "to have a Warning event Failed for container "+container, failedFor(story, path)))
	Expect(failed.Event.InvolvedObject).To(And(HaveField("Kind", "Pod"), HaveField("Name", story.Name())), "the event must be about the Pod\n%s", story)
	later := spec.Must(story.AwaitEvent(ctx, "to have an event BackOff for container "+container, func(e *corev1.Event) bool {
		return e.Reason == "BackOff" && e.InvolvedObject.UID == story.UID() && e.InvolvedObject.FieldPath == path
	}))
	spec.Bound{What: "event Failed to event BackOff of container " + container, Documented: "later", Must: "the event BackOff must come after the event Failed"}.
		Judge(later.At.Sub(failed.At), story)
}

// eventTime is how long the events may take after the failed pull. The kubelet returns
// to the Pod after at most 10 to 15 s, finds the image in back-off then or the next time,
// and sends events in the background.
const eventTime = time.Minute

// fieldPath is how events name a container.
func fieldPath(container string) string { return "spec.containers{" + container + "}" }

// failedFor matches the event of a failure of the container at the path.
func failedFor(story *journal.Story, path string) func(*corev1.Event) bool {
	return func(e *corev1.Event) bool {
		return e.Type == corev1.EventTypeWarning && e.Reason == "Failed" && e.InvolvedObject.UID == story.UID() && e.InvolvedObject.FieldPath == path
	}
}
