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
		// The second line follows the answer to the first one, so a stdin that is
		// passed on only as a whole does not pass.
		stdin, typed := io.Pipe()
		heard, output := io.Pipe()
		ended := make(chan struct{})
		var got namespace.Executed
		var err error
		go func() {
			defer close(ended)
			got, err = ns.ExecWith(soon, story, namespace.Execution{Container: "w", Command: witness.Talk(-1, answer, aside), Stdin: stdin, Output: output})
			output.Close()
			stdin.Close()
		}()
		fmt.Fprintln(typed, "first")
		_ = witness.Follow(heard, func(l record.Line) bool { return l.Event == record.Heard })
		fmt.Fprintln(typed, "second")
		typed.Close()
		_, _ = io.Copy(io.Discard, heard)
		<-ended
		spec.Do(err)
		expectTalk(got.Stdout, false, "first", "second")
		Expect(got.Stderr).To(Equal(aside+"\n"), "the stderr of the command must come back, separate from stdout\n%s", story)
		Expect(got.Code).To(Equal(answer), "the exit code of the command must come back\n%s", story)

		By("asking for a terminal")
		// stdin stays open, because its end would hang up the terminal.
		stdin, typed = io.Pipe()
		defer typed.Close()
		go fmt.Fprintln(typed, "typed")
		got = spec.Must(ns.ExecWith(soon, story, namespace.Execution{Container: "w", Command: witness.Talk(1, answer, ""), Stdin: stdin, TTY: true}))
		expectTalk(got.Stdout, true, "typed")
		Expect(got.Code).To(Equal(answer), "the exit code of a command in a terminal must come back\n%s", story)
	})

	It("does so with kubectl after --, and not without", claim.ProvesPart("CLI-EXEC-01", withKubectl), func(ctx SpecContext) {
		story := runner(ctx, ns)
		got := spec.Must(ns.RunKubectl(ctx, "first\nsecond\n", slices.Concat([]string{"exec", "-i", story.Name(), "--"}, witness.Talk(-1, answer, aside))...))
		expectTalk(got.Stdout, false, "first", "second")
		// kubectl adds its own line about the exit code, and a credential plugin may have
		// written to stderr too.
		Expect(strings.Split(got.Stderr, "\n")).To(ContainElement(aside), "kubectl must write the command's stderr to its own\n%s", got)
		Expect(got.Code).To(Equal(answer), "kubectl must exit with the command's exit code\n%s", got)

		got = spec.Must(ns.TypeIntoKubectl(ctx, "typed\n", slices.Concat([]string{"exec", "-it", story.Name(), "--"}, witness.Talk(1, answer, ""))...))
		expectTalk(got.Stdout, true, "typed")
		Expect(got.Code).To(Equal(answer), "kubectl exec -it must exit with the command's exit code\n%s", got)

		By("leaving out --")
		got = spec.Must(ns.RunKubectl(ctx, "", "exec", story.Name(), "/witness", "version"))
		Expect(got.Code).NotTo(BeZero(), "kubectl exec must refuse a command that does not follow --\n%s", got)
		Expect(got.Stdout).To(BeEmpty(), "kubectl must not have run a command\n%s", got)
		Expect(got.Stderr).To(ContainSubstring("exec [POD] -- [COMMAND]"), "kubectl must print the correct usage\n%s", got)
	})

	It("runs in the container that is named, and not in one that does not run", claim.Proves("CLI-EXEC-02"), func(ctx SpecContext) {
		story := several(ctx, ns, "")
		for _, name := range []string{"first", "second"} {
			got := spec.Must(ns.ExecWith(ctx, story, namespace.Execution{Container: name, Command: whoami}))
			Expect(containerOf(got.Stdout)).To(Equal(name), "a command must run in the named container\n%s", story)
		}
		got, err := ns.ExecWith(ctx, story, namespace.Execution{Container: "ended", Command: whoami})
		Expect(err).To(HaveOccurred(), "a command in a container that has ended must be refused, but it returned exit code %d and %q\n%s", got.Code, got.Stdout, story)
		Expect(got.Stdout).To(BeEmpty(), "no command may run in place of a container that has ended\n%s", story)
		// The same request succeeds for another container, so the container is the reason.
		spec.Must(ns.ExecWith(ctx, story, namespace.Execution{Container: "second", Command: whoami}))

		// Only kubectl has a default container, the API has none.
		got, err = ns.ExecWith(ctx, story, namespace.Execution{Command: whoami})
		Expect(err).To(HaveOccurred(), "without a container name the API must refuse to choose among several, but it returned exit code %d and %q\n%s", got.Code, got.Stdout, story)
	})

	It("with kubectl runs in the first container, or the one that an annotation names, unless -c does", claim.ProvesPart("CLI-EXEC-02", withKubectl), func(ctx SpecContext) {
		plain, annotated := several(ctx, ns, ""), several(ctx, ns, "second")
		for _, c := range []struct {
			story     *journal.Story
			flags     []string
			container string
		}{
			{plain, nil, "first"},
			{plain, []string{"-c", "second"}, "second"},
			{annotated, nil, "second"},
			{annotated, []string{"-c", "first"}, "first"},
		} {
			got := spec.Must(ns.RunKubectl(ctx, "", slices.Concat([]string{"exec", c.story.Name()}, c.flags, []string{"--"}, whoami)...))
			Expect(got.Code).To(BeZero(), "%s", got)
			Expect(containerOf(got.Stdout)).To(Equal(c.container), "kubectl exec %s must run in container %s of the Pod %s\n%s", strings.Join(c.flags, " "), c.container, c.story.Name(), got)
		}
		got := spec.Must(ns.RunKubectl(ctx, "", slices.Concat([]string{"exec", plain.Name(), "-c", "ended", "--"}, whoami)...))
		Expect(got.Code).NotTo(BeZero(), "kubectl exec in a container that has ended must fail\n%s", got)
		Expect(got.Stdout).To(BeEmpty(), "no command may run in place of a container that has ended\n%s", got)
	})
})

func runner(ctx SpecContext, ns *spec.Space) *journal.Story {
	GinkgoHelper()
	story := spec.Must(ns.Create(ctx, pod.New("runner", ns.Witness("w", witness.Run()))))
	spec.Must(story.Await(ctx, pod.ContainerRunning("w")))
	return story
}

// name is the environment variable with the container's own name.
const name = "CONTAINER"

// whoami is the command that prints that name.
var whoami = witness.Command(witness.Inform(name))

// several is a Pod with two containers that run and one that has ended.
func several(ctx SpecContext, ns *spec.Space, byDefault string) *journal.Story {
	GinkgoHelper()
	p := pod.New(strings.TrimSuffix("several-"+byDefault, "-"), pod.Restart(corev1.RestartPolicyNever),
		ns.Witness("first", witness.Run(), pod.Env(name, "first")),
		ns.Witness("second", witness.Run(), pod.Env(name, "second")),
		ns.Witness("ended", witness.Run(witness.For(0)), pod.Env(name, "ended")))
	if byDefault != "" {
		p.Annotations = map[string]string{defaultContainer: byDefault}
	}
	story := spec.Must(ns.Create(ctx, p))
	spec.Must(story.Await(ctx, pod.All(pod.ContainerRunning("first"), pod.ContainerRunning("second"), pod.ContainerTerminated("ended"))))
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
