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

// defaultContainer is the annotation by which a Pod tells kubectl which of its
// containers is meant when none is named.
// https://kubernetes.io/docs/reference/labels-annotations-taints/#kubectl-kubernetes-io-default-container
const defaultContainer = "kubectl.kubernetes.io/default-container"

// What a command in a container says in these specs, and ends with.
const (
	answer = 42
	aside  = "said on stderr"
)

// execTime is patience with commands that end in milliseconds on a calm machine,
// so that one which never gets its stdin is ended.
const execTime = 30 * time.Second

var _ = Describe("kubectl exec", func() {
	ns := spec.Namespace()

	It("gives the command stdin or a terminal, brings back stdout, stderr and the exit code", claim.Proves("CLI-EXEC-01"), func(ctx SpecContext) {
		story := runner(ctx, ns)
		soon, cancel := context.WithTimeout(ctx, execTime)
		defer cancel()
		// The second line is sent when the first has been answered, so that no
		// stdin will do that is only handed over as a whole.
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
		Expect(got.Stderr).To(Equal(aside+"\n"), "stderr of the command must come back, apart from stdout\n%s", story)
		Expect(got.Code).To(Equal(answer), "the exit code of the command must come back\n%s", story)

		By("asking for a terminal")
		// The person stays before the terminal: the end of stdin hangs it up.
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
		// kubectl adds a line of its own on the exit code, and what gets it its credentials
		// can have written there too.
		Expect(strings.Split(got.Stderr, "\n")).To(ContainElement(aside), "kubectl must write the command's stderr to its own\n%s", got)
		Expect(got.Code).To(Equal(answer), "kubectl must end with the command's exit code\n%s", got)

		got = spec.Must(ns.TypeIntoKubectl(ctx, "typed\n", slices.Concat([]string{"exec", "-it", story.Name(), "--"}, witness.Talk(1, answer, ""))...))
		expectTalk(got.Stdout, true, "typed")
		Expect(got.Code).To(Equal(answer), "kubectl exec -it must end with the command's exit code\n%s", got)

		By("leaving out --")
		got = spec.Must(ns.RunKubectl(ctx, "", "exec", story.Name(), "/witness", "version"))
		Expect(got.Code).NotTo(BeZero(), "kubectl exec must refuse a command that does not follow --\n%s", got)
		Expect(got.Stdout).To(BeEmpty(), "no command may have been run\n%s", got)
		Expect(got.Stderr).To(ContainSubstring("exec [POD] -- [COMMAND]"), "kubectl must say how it is written\n%s", got)
	})

	It("runs in the container that is named, and not in one that does not run", claim.Proves("CLI-EXEC-02"), func(ctx SpecContext) {
		story := several(ctx, ns, "")
		for _, name := range []string{"first", "second"} {
			got := spec.Must(ns.ExecWith(ctx, story, namespace.Execution{Container: name, Command: whoami}))
			Expect(containerOf(got.Stdout)).To(Equal(name), "a command must run in the container that is named\n%s", story)
		}
		got, err := ns.ExecWith(ctx, story, namespace.Execution{Container: "ended", Command: whoami})
		Expect(err).To(HaveOccurred(), "a command in a container that has ended must be refused, but it gave exit code %d and %q\n%s", got.Code, got.Stdout, story)
		Expect(got.Stdout).To(BeEmpty(), "no command may run for a container that has ended\n%s", story)
		// The same request for its neighbour says that this is about the container.
		spec.Must(ns.ExecWith(ctx, story, namespace.Execution{Container: "second", Command: whoami}))

		// The default is kubectl's; the API has none.
		got, err = ns.ExecWith(ctx, story, namespace.Execution{Command: whoami})
		Expect(err).To(HaveOccurred(), "without a name the API must refuse to choose among several containers, but it gave exit code %d and %q\n%s", got.Code, got.Stdout, story)
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
		Expect(got.Stdout).To(BeEmpty(), "no command may run for a container that has ended\n%s", got)
	})
})

func runner(ctx SpecContext, ns *spec.Space) *journal.Story {
	GinkgoHelper()
	story := spec.Must(ns.Create(ctx, pod.New("runner", ns.Witness("w", witness.Run()))))
	spec.Must(story.Await(ctx, pod.ContainerRunning("w")))
	return story
}

// name is the environment variable by which a container knows its own name.
const name = "CONTAINER"

// whoami is the command that tells it.
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

// containerOf is the container in which whoami said this.
func containerOf(output string) string {
	for _, l := range said(output) {
		if l.Info != nil {
			return l.Info.Env[name]
		}
	}
	return ""
}

// said are the witness's lines in an output, where a terminal may have put
// other ones between them.
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

// expectTalk holds what a command said against what it was told.
func expectTalk(output string, terminal bool, told ...string) {
	GinkgoHelper()
	lines := said(output)
	Expect(lines).NotTo(BeEmpty(), "what the command writes to stdout must come back, but there is only %q", output)
	Expect(lines[0].Terminal).To(Equal(terminal), "whether the command had a terminal; it said:\n%s", output)
	var heard []string
	for _, l := range witness.Select(lines, record.Heard) {
		heard = append(heard, l.Text)
	}
	Expect(heard).To(Equal(told), "the command must read what it was sent; it said:\n%s", output)
}
