package witness_test

import (
	"os"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/witness"
)

func TestSIGTERMPolicies(t *testing.T) {
	testTermPolicies(t, nil)
}

func TestSIGTERMPoliciesAsPID1(t *testing.T) {
	testTermPolicies(t, pid1(t))
}

// pid1 makes a process PID 1 of a namespace of its own, as a container's is.
func pid1(t *testing.T) *syscall.SysProcAttr {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may make a PID namespace")
	}
	return &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
}

func testTermPolicies(t *testing.T, attr *syscall.SysProcAttr) {
	p := port(t)
	for _, args := range [][]string{
		witness.Run(), witness.Serve(witness.HTTP(p)), witness.Bind(p), witness.Collect(p, p),
	} {
		g := NewWithT(t)
		process := startAs(t, args, attr)
		begin := process.await(record.Start, 1)
		g.Expect(begin.PID == 1).To(Equal(attr != nil))
		process.signal(syscall.SIGTERM)
		lines, code := process.wait()
		g.Expect(code).To(Equal(143), "%q", args)
		g.Expect(witness.Select(lines, record.Signal)).To(HaveLen(1))
		g.Expect(witness.Select(lines, record.Signal)[0].Signal).To(Equal("SIGTERM"))
		g.Expect(lines[len(lines)-1].Event).To(Equal(record.Exit))
	}

	g := NewWithT(t)
	polite := startAs(t, witness.Run(witness.OnTerm(witness.ExitWith(0))), attr)
	polite.await(record.Start, 1)
	polite.signal(syscall.SIGTERM)
	_, code := polite.wait()
	g.Expect(code).To(BeZero())

	slow := startAs(t, witness.Run(witness.Beat(20*time.Millisecond), witness.OnTerm(witness.LingerThen(200*time.Millisecond, 9))), attr)
	slow.await(record.Start, 1)
	slow.signal(syscall.SIGTERM)
	lines, code := slow.wait()
	g.Expect(code).To(Equal(9))
	term := witness.Select(lines, record.Signal)[0]
	last := lines[len(lines)-1]
	g.Expect(last.Since(term)).To(And(BeNumerically(">=", 200*time.Millisecond), BeNumerically("<", 5*time.Second)))
	g.Expect(lines[len(lines)-2].Event).To(Equal(record.Beat), "it goes on meanwhile")

	stubborn := startAs(t, witness.Run(witness.Beat(20*time.Millisecond), witness.OnTerm(witness.Ignore)), attr)
	stubborn.await(record.Start, 1)
	stubborn.signal(syscall.SIGTERM)
	stubborn.await(record.Signal, 1)
	beats := witness.Count(stubborn.soFar(), record.Beat)
	stubborn.await(record.Beat, beats+5)
	stubborn.signal(syscall.SIGKILL)
	lines, code = stubborn.wait()
	g.Expect(code).To(Equal(137))
	g.Expect(witness.Count(lines, record.Exit)).To(BeZero(), "nobody can log a SIGKILL")
}

func TestPID1RefusesToKillItself(t *testing.T) {
	g := NewWithT(t)
	p := startAs(t, witness.Run(witness.For(time.Millisecond), witness.KillSelf("KILL")), pid1(t))
	_, code := p.wait()
	g.Expect(code).To(Equal(witness.UsageError))
	g.Expect(p.stderr.String()).To(ContainSubstring("shareProcessNamespace"))
}
