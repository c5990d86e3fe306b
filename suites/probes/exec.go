package probes

import (
	"bytes"
	"context"
	"fmt"
	"slices"
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
		const life, record = "/probe/life", "/probe/runs"
		// The timeout is long enough to run a command on a busy machine.
		const timeout = 3
		const patient, takes = "patient", 2 * time.Second
		// The command of the probe reads from a file how to end.
		story := spec.Must(ns.Create(ctx, pod.New("exec", pod.Volume("probe"),
			ns.Witness("probed", witness.Serve(witness.HTTP(httpPort)), pod.Mount("probe", "/probe"),
				pod.Readiness(pod.Exec(witness.Check(witness.LifeFile(life), witness.Record(record))...), pod.Timeout(timeout), pod.Threshold(1))),
			// Its probe passes only with more than the default timeout of 1 s.
			ns.Witness(patient, witness.Run(), pod.Readiness(pod.Exec(witness.Check(witness.Sleep(takes))...), pod.Timeout(unhurried))))))
		ns.awaitListening(ctx, story, "probed", 1)

		var last *journal.Version
		turn := func(next witness.Life, ready bool, finds string) {
			GinkgoHelper()
			written := spec.Must(ns.File(ctx, story, httpPort, life, string(next)))
			Expect(written.OK).To(BeTrue(), "the file for the probe's command could not be written: %s", written.Error)
			last = expectTurn(ctx, story, "probed", ready, finds, last)
		}
		runs := func() []witness.Instance {
			GinkgoHelper()
			return witness.Instances(spec.Must(witness.ReadLog(bytes.NewReader(spec.Must(ns.Get(ctx, story, httpPort, "/records", map[string]string{"path": record}))))))
		}
		endedWith := func(code int) bool {
			return slices.ContainsFunc(runs(), func(run witness.Instance) bool { return run.Exit != nil && *run.Exit.Code == code })
		}
		codes := []int{1, 2, 126, 255}
		for _, code := range codes {
			turn(witness.ExitAfter(0, 0), true, "exit code 0")
			turn(witness.ExitAfter(0, code), false, fmt.Sprintf("exit code %d", code))
			// On a busy machine a command that took too long causes the turn too. Only the
			// record shows when the next one has run.
			for tries := 0; !endedWith(code) && tries < int(turnTime/time.Second); tries++ {
				time.Sleep(time.Second)
			}
		}
		turn(witness.ExitAfter(0, 0), true, "exit code 0")
		turn(witness.ExitAfter(time.Minute, 0), false, fmt.Sprintf("that its command does not end within the timeout of %d s", timeout))

		expectTurn(ctx, story, patient, true, fmt.Sprintf("exit code 0 after %s, within the timeout of %d s", takes, unhurried), nil)

		for _, code := range codes {
			Expect(endedWith(code)).To(BeTrue(), "the command must have ended with exit code %d\n%s", code, story)
		}
		Expect(runs()).To(ContainElement(HaveField("Exit", BeNil())), "the command must have run once without ending\n%s", story)
	})

	It("decides nothing when its command does not exist, as a port name that does not exist", claim.Proves("PROBE-EXEC-02"), func(ctx SpecContext) {
		const command, port, starting, control = "command", "port", "starting", "control"
		missing := pod.Exec("/there/is/no/such/command")
		unknown := pod.HTTPGet(0, "/")
		unknown.HTTPGet.Port = intstr.FromString("no-such-port")
		// Each has its own Pod: the kubelet drops most of many warnings about one Pod
		// (EventSourceObjectSpamFilter in client-go/tools/record/events_cache.go).
		ported := spec.Must(ns.Create(ctx, pod.New("no-such-port",
			ns.Witness(port, witness.Run(), pod.Liveness(unknown, pod.Threshold(1)), pod.Readiness(unknown)),
			ns.Witness(starting, witness.Run(), pod.Startup(unknown, pod.Threshold(1))))))
		// It runs before the other Pod exists; both have the same kubelet.
		there := spec.Must(ported.Await(ctx, pod.AllRunning())).Pod
		story := spec.Must(ns.Create(ctx, pod.New("no-such-command", pod.OnNode(there.Spec.NodeName),
			ns.Witness(command, witness.Run(), pod.Liveness(missing, pod.Threshold(1)), pod.Readiness(missing)),
			// The control starts last and takes more failures, so it restarts after
			// the other two would have restarted.
			ns.Witness(control, witness.Run(), pod.Liveness(pod.Exec(witness.Check(witness.ExitCode(1))...), pod.Threshold(3))),
		)))
		p := spec.Must(story.Await(ctx, pod.Restarted(control, 1))).Pod

		type unmade struct {
			story     *journal.Story
			container string
			kinds     []string
		}
		judged := []unmade{{ported, port, []string{"Liveness", "Readiness"}}, {ported, starting, []string{"Startup"}}}
		node := spec.Must(ns.API.Client.CoreV1().Nodes().Get(ctx, p.Spec.NodeName, metav1.GetOptions{}))
		// Other runtimes may report that a missing command ended badly.
		if strings.HasPrefix(node.Status.NodeInfo.ContainerRuntimeVersion, "containerd://") {
			judged = append(judged, unmade{story, command, []string{"Liveness", "Readiness"}})
		}
		soon, cancel := context.WithTimeout(ctx, turnTime)
		defer cancel()
		for _, j := range judged {
			expectNothingDecided(j.story, j.container)
			// Only events show that the probes were tried at all.
			for _, kind := range j.kinds {
				spec.Must(j.story.AwaitEvent(soon, fmt.Sprintf("to have an event for the errored %s probe of container %s", kind, j.container), func(e *corev1.Event) bool {
					return e.Reason == "Unhealthy" && pod.IsAbout(e, j.container) && strings.HasPrefix(e.Message, kind+" probe errored")
				}))
			}
			expectNothingDecided(j.story, j.container)
		}
		Expect(ported).To(pod.NeverBe(pod.ContainerStarted(starting)), "a startup probe that cannot run must not make its container started")
	})
})

func expectNothingDecided(story *journal.Story, container string) {
	GinkgoHelper()
	Expect(story).To(pod.NeverBe(pod.Restarted(container, 1)), "a liveness or startup probe that cannot run must not restart its container")
	Expect(story).To(pod.NeverBe(pod.ContainerReady(container)), "a readiness or startup probe that cannot run must not make its container ready")
}
