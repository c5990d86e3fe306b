package deletion

import (
	"fmt"
	"time"

	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
)

const (
	// hookTakes is how long a hook takes: a kubelet that does not wait for it is too early
	// by that.
	hookTakes = 2 * time.Second
	hookPort  = 8080
)

// withHooks is a Pod whose containers end on SIGTERM, each with another preStop hook. Its
// grace period is so long that the slowest machine has the time to run them.
func (s space) withHooks(c collector) *corev1.Pod {
	process := func(name string) []string { return witness.Run(c.hears(), witness.ID(name)) }
	command := func(name string) pod.ContainerOption {
		return pod.PreStop(witness.Command(witness.Run(c.hears(), witness.ID(name), witness.For(hookTakes)))...)
	}
	return pod.New("hooks", pod.Grace(100),
		s.Sidecar("sidecar", process("sidecar"), command("sidecar-hook")),
		s.Witness("w", process("w"), command("w-hook")),
		// The answer to this hook comes late and with an error, which ends it all the same.
		s.Witness("asked", witness.Serve(c.hears(), witness.ID("asked"), witness.HTTP(hookPort), witness.Script("/live", witness.Always(200))),
			pod.PreStopHTTP(hookPort, fmt.Sprintf("/status/500?delay=%s", hookTakes)),
			pod.Liveness(pod.HTTPGet(hookPort, "/live", pod.Threshold(1), pod.Timeout(30)))),
		s.Witness("waits", process("waits"), pod.PreStopSleep(int64(hookTakes/time.Second))),
		s.Witness("cannot", process("cannot"), pod.PreStop("/there-is-no-such-command")))
}

// hookKind says what is known of a container with a preStop hook.
type hookKind struct {
	container string
	// hook is the name under which the hook's own process sends its lines, if it has one.
	hook string
	// instances is how many instances of the container were stopped by way of a hook that
	// is an HTTP request to it.
	instances int
	// least is how long after the delete request SIGTERM may come at the earliest.
	least time.Duration
}

// fault says what is wrong with how the container was stopped, or nil. All lines are
// stamped by one node's clock. Every process ends on its first SIGTERM.
func (h hookKind) fault(process, hook record.Series, asked record.Request) error {
	said := witness.Instances(lines(process))
	if want := max(1, h.instances); len(said) < want {
		return fmt.Errorf("it must have run %d times, but only %d instances were heard", want, len(said))
	}
	for i, instance := range said {
		terms := witness.Select(instance.Lines, record.Signal)
		if len(terms) == 0 || terms[0].Signal != "SIGTERM" {
			return fmt.Errorf("instance %d must get SIGTERM after its preStop hook, also when that has failed, but it did not", i+1)
		}
		if h.instances > 0 {
			if err := answered(instance, terms[0]); err != nil {
				return fmt.Errorf("instance %d: %w", i+1, err)
			}
		}
		if after := time.Duration(terms[0].BT - asked.BT); h.least > 0 && after < h.least {
			return fmt.Errorf("SIGTERM came %s after the request to delete the Pod, but the preStop hook takes %s", after, h.least)
		}
		if h.hook != "" {
			exit, ended := hook.First(record.Exit)
			if !ended {
				return fmt.Errorf("the preStop hook must run and end before the process gets SIGTERM, but it never reported its end")
			}
			if early := exit.Line.BT - terms[0].BT; early > 0 {
				return fmt.Errorf("the preStop hook must have ended before the process gets SIGTERM, but it ended %s after that", time.Duration(early))
			}
		}
	}
	return nil
}

// answered checks that an instance was asked by its hook, and had answered before SIGTERM.
func answered(instance witness.Instance, term record.Line) error {
	for _, l := range instance.Lines {
		if l.Request == nil || l.Request.Status != 500 || l.Request.Path != "/status/500" {
			continue
		}
		if left := term.BT - l.Request.BT; left < hookTakes.Nanoseconds() {
			return fmt.Errorf("SIGTERM came %s after the request of the preStop hook, but its answer takes %s", time.Duration(left), hookTakes)
		}
		return nil
	}
	return fmt.Errorf("the preStop hook must ask the process before it gets SIGTERM, but no such request came")
}
