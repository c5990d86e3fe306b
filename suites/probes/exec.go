package probes

import (
	"bytes"
	"context"
	"fmt"
	"strings"
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
	"k8s.io/apimachinery/pkg/util/intstr"
)

var _ = Describe("An exec probe", func() {
	ns := space{spec.Namespace()}

	It("passes on exit code 0, and fails on every other and when it takes too long", claim.Proves("PROBE-EXEC-01"), func(ctx SpecContext) {
		const life, runs = "/probe/life", "/probe/runs"
		// The timeout is long enough for a busy machine to run a command in.
		const timeout = 3
		// The command of the probe finds in a file how to end.
		story := spec.Must(ns.Create(ctx, pod.New("exec", pod.Volume("probe"),
			ns.Witness("probed", witness.Serve(witness.HTTP(httpPort)), pod.Mount("probe", "/probe"),
				pod.Readiness(pod.Exec(witness.Check(witness.LifeFile(life), witness.Record(runs))...), pod.Timeout(timeout), pod.Threshold(1))))))
		ns.awaitListening(ctx, story, "probed", 1)

		var last *journal.Version
		turn := func(next witness.Life, ready bool, finds string) {
			GinkgoHelper()
			written := spec.Must(ns.File(ctx, story, httpPort, life, string(next)))
			Expect(written.OK).To(BeTrue(), "the file for the probe's command could not be written: %s", written.Error)
			last = expectTurn(ctx, story, "probed", ready, finds, last)
		}
		codes := []int{1, 2, 126, 255}
		for _, code := range codes {
			turn(witness.ExitAfter(0, 0), true, "exit code 0")
			turn(witness.ExitAfter(0, code), false, fmt.Sprintf("exit code %d", code))
		}
		turn(witness.ExitAfter(0, 0), true, "exit code 0")
		turn(witness.ExitAfter(time.Minute, 0), false, fmt.Sprintf("no end of its command within the timeout of %d s", timeout))

		lines := spec.Must(witness.ReadLog(bytes.NewReader(spec.Must(ns.Get(ctx, story, httpPort, "/records", map[string]string{"path": runs})))))
		ended := map[int]bool{}
		unended := 0
		for _, run := range witness.Instances(lines) {
			if run.Exit == nil {
				unended++
			} else {
				ended[*run.Exit.Code] = true
			}
		}
		for _, code := range codes {
			Expect(ended).To(HaveKey(code), "the command must have been run with this exit code\n%s", story)
		}
		Expect(unended).To(BeNumerically(">", 0), "the command must have been run without coming to its end\n%s", story)
	})

	It("decides nothing when its command does not exist, as a port name that does not exist", claim.Proves("PROBE-EXEC-02"), func(ctx SpecContext) {
		const command, port, control = "command", "port", "control"
		missing := pod.Exec("/there/is/no/such/command")
		unknown := pod.HTTPGet(0, "/")
		unknown.HTTPGet.Port = intstr.FromString("no-such-port")
		story := spec.Must(ns.Create(ctx, pod.New("unknown",
			ns.Witness(command, witness.Run(), pod.Liveness(missing, pod.Threshold(1)), pod.Readiness(missing)),
			ns.Witness(port, witness.Run(), pod.Liveness(unknown, pod.Threshold(1)), pod.Readiness(unknown)),
			// The control is started last, and it takes more failures, so it is
			// restarted after what the others would be restarted for.
			ns.Witness(control, witness.Run(), pod.Liveness(pod.Exec(witness.Check(witness.ExitCode(1))...), pod.Threshold(3))),
		)))
		p := spec.Must(story.Await(ctx, pod.Restarted(control, 1))).Pod

		judged := []string{port}
		node := spec.Must(ns.API.Client.CoreV1().Nodes().Get(ctx, p.Spec.NodeName, metav1.GetOptions{}))
		// Other runtimes may say of a missing command that it ended badly.
		if strings.HasPrefix(node.Status.NodeInfo.ContainerRuntimeVersion, "containerd://") {
			judged = append(judged, command)
		}
		soon, cancel := context.WithTimeout(ctx, turnTime)
		defer cancel()
		for _, container := range judged {
			Expect(story).To(pod.NeverBe(pod.Restarted(container, 1)), "a liveness probe that cannot be made must not restart its container")
			Expect(story).To(pod.NeverBe(pod.ContainerReady(container)), "a readiness probe that cannot be made must not make its container ready")
			// That they were tried at all is to be seen in events only.
			for _, kind := range []string{"Liveness", "Readiness"} {
				spec.Must(story.AwaitEvent(soon, fmt.Sprintf("to have an event of a %s probe of container %s that errored", kind, container), func(e *corev1.Event) bool {
					return e.Reason == "Unhealthy" && strings.Contains(e.InvolvedObject.FieldPath, "{"+container+"}") && strings.HasPrefix(e.Message, kind+" probe errored")
				}))
			}
		}
	})
})
