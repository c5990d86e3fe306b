package kubectl

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/law"
	"github.com/podproof/podproof/framework/namespace"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
)

// defaultContainer is the annotation that tells kubectl which container of a Pod to use
// when none is named.
// https://kubernetes.io/docs/reference/labels-annotations-taints/#kubectl-kubernetes-io-default-container
const defaultContainer = "kubectl.kubernetes.io/default-container"

// The exit code and the stderr line of a command in these specs.
const (
	answer = 42
	aside  = "said on stderr"
)

// execTime is the time limit for commands that end in milliseconds on a calm machine. It
// ends a command that never gets its stdin.
const execTime = 30 * time.Second

var _ = Describe("kubectl exec", func() {
	ns := spec.Namespace()

	It("gives the command stdin or a terminal, brings back stdout, stderr and the exit code", claim.Proves("CLI-EXEC-01"), func(ctx SpecContext) {
		story := runner(ctx, ns)
		soon, cancel := context.WithTimeout(ctx, execTime)
		defer cancel()
		got := converse(soon, ns, story, "w", "first", "second")
		expectTalk(got.Stdout, false, "first", "second")
		Expect(got.Stderr).To(Equal(aside+"\n"), "the stderr of the command must come back, separate from stdout\n%s", story)
		Expect(got.Code).To(Equal(answer), "the exit code of the command must come back\n%s", story)

		By("asking for a terminal")
		// stdin stays open, because its end would hang up the terminal.
		stdin, typed := io.Pipe()
		defer typed.Close()
		go fmt.Fprintln(typed, "typed")
		got = spec.Must(ns.ExecWith(soon, story, namespace.Execution{Container: "w", Command: witness.Talk(1, answer, ""), Stdin: stdin, TTY: true}))
		expectTalk(got.Stdout, true, "typed")
		Expect(got.Code).To(Equal(answer), "the exit code of a command in a terminal must come back\n%s", story)
	})

	It("brings back all output of much input, and each exit code, from a container that was restarted", claim.Proves("CLI-EXEC-01"), func(ctx SpecContext) {
		story := spec.Must(ns.Create(ctx, pod.New("restarted", pod.Volume(spec.State),
			ns.Lives("w", witness.ExitAfter(short, 1), witness.Forever))))
		spec.Must(story.Await(ctx, pod.All(pod.Restarted("w", 1), pod.ContainerRunning("w"))))
		soon, cancel := context.WithTimeout(ctx, execTime)
		defer cancel()
		got := spec.Must(ns.ExecWith(soon, story, namespace.Execution{Container: "w", Command: witness.Talk(-1, 0, aside), Stdin: strings.NewReader(strings.Join(much(), "\n"))}))
		expectTalk(got.Stdout, false, much()...)
		Expect(got.Stderr).To(Equal(aside+"\n"), "the stderr of the command must come back\n%s", story)
		Expect(got.Code).To(BeZero(), "the exit code of a command that succeeds must be 0\n%s", story)
		for _, code := range []int{1, 137, 255} {
			got = spec.Must(ns.ExecWith(soon, story, namespace.Execution{Container: "w", Command: witness.Talk(0, code, "")}))
			Expect(got.Code).To(Equal(code), "the exit code of the command must come back\n%s", story)
		}
	})

	It("runs the command after -- with its streams and exit code, and none without --", claim.ProvesPart("CLI-EXEC-01", withKubectl), func(ctx SpecContext) {
		story := runner(ctx, ns)
		got := spec.Must(ns.RunKubectl(ctx, "first\nsecond\n", slices.Concat([]string{"exec", "-i", story.Name(), "--"}, witness.Talk(-1, answer, aside))...))
		expectTalk(got.Stdout, false, "first", "second")
		// kubectl adds its own line about the exit code, and a credential plugin may have
		// written to stderr too.
		Expect(strings.Split(got.Stderr, "\n")).To(ContainElement(aside), "kubectl must write the command's stderr to its own\n%s", got)
		Expect(got.Code).To(Equal(answer), "kubectl must exit with the command's exit code\n%s", got)

		for _, piped := range []bool{false, true} {
			got = spec.Must(ns.TypeIntoKubectl(ctx, "typed\n", piped, slices.Concat([]string{"exec", "-it", story.Name(), "--"}, witness.Talk(1, answer, ""))...))
			expectTalk(got.Stdout, true, "typed")
			Expect(got.Code).To(Equal(answer), "kubectl exec -it, with a pipe after it: %t, must exit with the command's exit code\n%s", piped, got)
		}

		got = spec.Must(ns.RunKubectl(ctx, "", slices.Concat([]string{"exec", story.Name(), "--"}, witness.Talk(0, 0, ""))...))
		Expect(got.Code).To(BeZero(), "kubectl must exit with 0 when the command does\n%s", got)

		By("leaving out --")
		got = spec.Must(ns.RunKubectl(ctx, "", "exec", story.Name(), "/witness", "version"))
		Expect(got.Code).NotTo(BeZero(), "kubectl exec must refuse a command that does not follow --\n%s", got)
		Expect(got.Stdout).To(BeEmpty(), "kubectl must not have run a command\n%s", got)
		Expect(got.Stderr).To(ContainSubstring("exec [POD] -- [COMMAND]"), "kubectl must print the correct usage\n%s", got)
	})

	It("runs in the container that is named, and not in one that does not run", claim.Proves("CLI-EXEC-02"), func(ctx SpecContext) {
		story := several(ctx, ns)
		for _, name := range []string{"beside", "first", "second", "last"} {
			got := spec.Must(ns.ExecWith(ctx, story, namespace.Execution{Container: name, Command: whoami}))
			Expect(containerOf(got.Stdout)).To(Equal(name), "a command must run in the named container\n%s", story)
		}
		for _, name := range []string{"prepares", "ended"} {
			got, err := ns.ExecWith(ctx, story, namespace.Execution{Container: name, Command: whoami})
			Expect(err).To(HaveOccurred(), "a command in container %s, which has ended, must be refused, but it returned exit code %d and %q\n%s", name, got.Code, got.Stdout, story)
			Expect(got.Stdout).To(BeEmpty(), "no command may run in place of a container that has ended\n%s", story)
		}
		// The same request succeeds for another container, so the container is the reason.
		spec.Must(ns.ExecWith(ctx, story, namespace.Execution{Container: "second", Command: whoami}))

		// Only kubectl has a default container, the API has none.
		got, err := ns.ExecWith(ctx, story, namespace.Execution{Command: whoami})
		Expect(err).To(HaveOccurred(), "without a container name the API must refuse to choose among several, but it returned exit code %d and %q\n%s", got.Code, got.Stdout, story)
	})

	It("runs in the Pod that has the name, and not in a deleted one that still runs", claim.Proves("CLI-EXEC-02"), func(ctx SpecContext) {
		old := spec.Must(ns.Create(ctx, pod.New("namesake", pod.Grace(int64(2*lingers/time.Second)), ns.Witness("w", witness.Run(witness.OnTerm(witness.LingerThen(lingers, 0))), pod.Env(name, "old")))))
		spec.Must(ns.AwaitStarted(ctx, old, "w"))
		asked := time.Now()
		spec.Do(ns.Delete(ctx, old, -1))
		spec.Must(ns.FollowLog(ctx, old, "w", "SIGTERM", func(lines []record.Line) bool { return witness.Count(lines, record.Signal) > 0 }))
		// The object is gone at once, but no kubelet shortens a grace period that has begun
		// (kubernetes/kubernetes#113717).
		spec.Do(law.Exempt(old, "LAW-TERMINAL-BEFORE-GONE"))
		spec.Do(ns.Delete(ctx, old, 0))

		story := spec.Must(ns.Create(ctx, pod.New("namesake", pod.OnNode(old.Last().Spec.NodeName), ns.Witness("w", witness.Run(), pod.Env(name, "new")))))
		spec.Must(story.Await(ctx, pod.ContainerRunning("w")))
		got := spec.Must(ns.ExecWith(ctx, story, namespace.Execution{Container: "w", Command: whoami}))
		if time.Since(asked) > lingers {
			spec.TooBusy("the deleted Pod had ended before a command could run in its namesake")
		}
		Expect(containerOf(got.Stdout)).To(Equal("new"), "a command must run in the Pod that has the name, and not in the deleted one whose process still runs\n%s", story)
	})

	It("runs in the first container, or the one that an annotation names, unless -c names another", claim.ProvesPart("CLI-EXEC-02", withKubectl), func(ctx SpecContext) {
		plain, annotated := several(ctx, ns), annotated(ctx, ns)
		for _, c := range []struct {
			story     *journal.Story
			flags     []string
			container string
		}{
			{plain, nil, "first"},
			{plain, []string{"-c", "second"}, "second"},
			{plain, []string{"-c", "beside"}, "beside"},
			{annotated, nil, "last"},
			{annotated, []string{"-c", "first"}, "first"},
		} {
			got := spec.Must(ns.RunKubectl(ctx, "", slices.Concat([]string{"exec", c.story.Name()}, c.flags, []string{"--"}, whoami)...))
			Expect(got.Code).To(BeZero(), "%s", got)
			Expect(containerOf(got.Stdout)).To(Equal(c.container), "kubectl exec %s must run in container %s of the Pod %s\n%s", strings.Join(c.flags, " "), c.container, c.story.Name(), got)
		}
		for _, ended := range []string{"prepares", "ended"} {
			got := spec.Must(ns.RunKubectl(ctx, "", slices.Concat([]string{"exec", plain.Name(), "-c", ended, "--"}, whoami)...))
			Expect(got.Code).NotTo(BeZero(), "kubectl exec in container %s, which has ended, must fail\n%s", ended, got)
			Expect(got.Stdout).To(BeEmpty(), "no command may run in place of a container that has ended\n%s", got)
		}
	})
})

// runner is a Pod with one container, which runs.
func runner(ctx SpecContext, ns *spec.Space) *journal.Story {
	GinkgoHelper()
	story := spec.Must(ns.Create(ctx, pod.New("runner", ns.Witness("w", witness.Run()))))
	spec.Must(story.Await(ctx, pod.ContainerRunning("w")))
	return story
}

// converse runs a command in the container that hears both lines. The second one follows
// the answer to the first, so a stdin that is passed on only as a whole does not pass.
func converse(ctx context.Context, ns *spec.Space, story *journal.Story, container, first, second string) namespace.Executed {
	GinkgoHelper()
	stdin, typed := io.Pipe()
	heard, output := io.Pipe()
	ended := make(chan struct{})
	var got namespace.Executed
	var err error
	go func() {
		defer close(ended)
		got, err = ns.ExecWith(ctx, story, namespace.Execution{Container: container, Command: witness.Talk(-1, answer, aside), Stdin: stdin, Output: output})
		output.Close()
		stdin.Close()
	}()
	fmt.Fprintln(typed, first)
	_ = witness.Follow(heard, func(l record.Line) bool { return l.Event == record.Heard })
	fmt.Fprintln(typed, second)
	typed.Close()
	_, _ = io.Copy(io.Discard, heard)
	<-ended
	spec.Do(err)
	return got
}

// much is more than fits into one message between the API server and the container.
func much() []string {
	lines := make([]string, 1000)
	for i := range lines {
		lines[i] = fmt.Sprintf("line %d of what is said on stdin, which is long enough to fill it", i+1)
	}
	return lines
}

// lingers is how long a process goes on after SIGTERM, so that the next Pod runs before it
// has ended.
const lingers = 30 * time.Second

// name is the environment variable with the container's own name.
const name = "CONTAINER"

// whoami is the command that prints that name.
var whoami = witness.Command(witness.Inform(name))

// several is a Pod with an init container that has ended, a sidecar, three containers that
// run, the second one for the second time, and one that has ended.
func several(ctx SpecContext, ns *spec.Space) *journal.Story {
	GinkgoHelper()
	p := pod.New("several", pod.Restart(corev1.RestartPolicyOnFailure), pod.Volume(spec.State),
		ns.InitContainer("prepares", witness.Run(witness.For(0)), pod.Env(name, "prepares")),
		ns.Sidecar("beside", witness.Run(), pod.Env(name, "beside")),
		ns.Witness("first", witness.Run(), pod.Env(name, "first")),
		ns.Witness("second", witness.Run(witness.Schedule("/state/count", witness.ExitAfter(short, 1), witness.Forever)), pod.Env(name, "second"), pod.Mount("state", "/state")),
		ns.Witness("ended", witness.Run(witness.For(0)), pod.Env(name, "ended")),
		ns.Witness("last", witness.Run(), pod.Env(name, "last")))
	story := spec.Must(ns.Create(ctx, p))
	spec.Must(story.Await(ctx, pod.All(pod.ContainerRunning("first"), pod.Restarted("second", 1), pod.ContainerRunning("second"),
		pod.ContainerTerminated("ended"), pod.ContainerRunning("last"), pod.ContainerRunning("beside"))))
	return story
}

// annotated is a Pod with two containers and an annotation that names the last one.
func annotated(ctx SpecContext, ns *spec.Space) *journal.Story {
	GinkgoHelper()
	p := pod.New("annotated", ns.Witness("first", witness.Run(), pod.Env(name, "first")), ns.Witness("last", witness.Run(), pod.Env(name, "last")))
	p.Annotations = map[string]string{defaultContainer: "last"}
	story := spec.Must(ns.Create(ctx, p))
	spec.Must(story.Await(ctx, pod.AllRunning()))
	return story
}

// containerOf is the container in which whoami printed the output.
func containerOf(output string) string {
	for _, l := range said(output) {
		if l.Info != nil {
			return l.Info.Env[name]
		}
	}
	return ""
}

// said are the witness's lines in an output. A terminal may have put other lines between
// them.
func said(output string) []record.Line {
	var lines []record.Line
	for text := range strings.Lines(output) {
		var line record.Line
		if json.Unmarshal([]byte(strings.TrimSpace(text)), &line) == nil && line.Event != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// expectTalk checks a command's output against its input.
func expectTalk(output string, terminal bool, told ...string) {
	GinkgoHelper()
	lines := said(output)
	Expect(lines).NotTo(BeEmpty(), "the stdout of the command must come back, but there is only %q", output)
	Expect(lines[0].Terminal).To(Equal(terminal), "the command must have a terminal only if one was requested; it printed:\n%s", output)
	var heard []string
	for _, l := range witness.Select(lines, record.Heard) {
		heard = append(heard, l.Text)
	}
	Expect(heard).To(Equal(told), "the command must read its stdin; it printed:\n%s", output)
}
