package witness_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/witness"
	"github.com/podproof/podproof/framework/witness/witnessimage"
)

// The tests of this package run the real program, with arguments made by the
// constructors.

var built *witnessimage.Image

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "witness-test-")
		if err == nil {
			defer os.RemoveAll(dir)
			built, err = witnessimage.Build(context.Background(), dir)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// limit ends a process that a broken program would leave running.
const limit = 20 * time.Second

type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stderr bytes.Buffer

	mu      sync.Mutex
	changed *sync.Cond
	lines   []record.Line
	err     error // io.EOF when all is read
}

func start(t *testing.T, args []string) *process { return startAs(t, args, nil) }

func startAs(t *testing.T, args []string, attr *syscall.SysProcAttr) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	p := &process{t: t, cmd: exec.CommandContext(ctx, built.Binary, args...)}
	p.changed = sync.NewCond(&p.mu)
	p.cmd.SysProcAttr = attr
	p.cmd.Stderr = &p.stderr
	out, in := io.Pipe()
	p.cmd.Stdout = in
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		err := witness.Follow(out, func(l record.Line) bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.lines = append(p.lines, l)
			p.changed.Broadcast()
			return false
		})
		p.mu.Lock()
		p.err = err
		p.changed.Broadcast()
		p.mu.Unlock()
	}()
	go func() {
		_ = p.cmd.Wait() // the exit state is in ProcessState
		_ = in.Close()
	}()
	t.Cleanup(func() {
		cancel()
		p.wait()
	})
	return p
}

// await returns the nth line of an event, from 1.
func (p *process) await(event record.Event, n int) record.Line {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if found := witness.Select(p.lines, event); len(found) >= n {
			return found[n-1]
		}
		if p.err != nil {
			p.t.Fatalf("the program ended without line %d of %q: %v\n%+v\n%s", n, event, p.err, p.lines, p.stderr.String())
		}
		p.changed.Wait()
	}
}

// wait returns all lines and how the process ended: its exit code, or 128
// with the number of the signal.
func (p *process) wait() ([]record.Line, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.err == nil {
		p.changed.Wait()
	}
	status := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return p.lines, 128 + int(status.Signal())
	}
	return p.lines, status.ExitStatus()
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// port is one that is free now.
func port(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// ask is what the kubelet's probes do: one connection per request, redirects
// as they come.
func ask(t *testing.T, port int, path string, query url.Values, agent string) (int, []byte) {
	t.Helper()
	target := url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", port), Path: path, RawQuery: query.Encode()}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("User-Agent", agent)
	client := &http.Client{
		Timeout:       limit,
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusSwitchingProtocols {
		return response.StatusCode, nil // the body would be the connection
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s: %v", target.String(), err)
	}
	return response.StatusCode, body
}

// askJSON reads the answer of a page into out.
func askJSON(t *testing.T, port int, path string, query url.Values, out any) {
	t.Helper()
	status, body := ask(t, port, path, query, "test")
	if status != http.StatusOK {
		t.Fatalf("%s answered %d: %s", path, status, body)
	}
	if err := json.Unmarshal(body, out); err != nil {
		t.Fatalf("%s: %v: %s", path, err, body)
	}
}

func TestWrongArgumentsEndWith64AndOneLineOfWhy(t *testing.T) {
	for text, why := range map[string]string{
		"":                                       "usage: witness COMMAND",
		"walk":                                   `no command "walk"`,
		"run --walk":                             "-walk",
		"run away":                               `unexpected argument "away"`,
		"run --schedule 1s:0":                    "--state",
		"run --for 1s --schedule 1s:0 --state x": "contradict",
		"run --on-term=perhaps":                  "delay:DURATION:CODE",
		"serve":                                  "--http, --https, --tcp or --grpc",
		"serve --tcp :1 --tcp-mode x":            "listen-only",
		"serve --tcp :1 --script a=200":          "--script needs --http",
		"serve --tcp :1 --tcp-mode scripted":     "needs --http",
		"bind":                                   "--tcp is missing",
		"memory":                                 "--take",
	} {
		g := NewWithT(t)
		p := start(t, strings.Fields(text))
		lines, code := p.wait()
		g.Expect(code).To(Equal(witness.UsageError), "witness %s", text)
		g.Expect(lines).To(BeEmpty(), "witness %s", text)
		g.Expect(p.stderr.String()).To(ContainSubstring(why), "witness %s", text)
	}
}

func TestVersionIsTheBuildID(t *testing.T) {
	g := NewWithT(t)
	out, err := exec.Command(built.Binary, witness.Version()...).Output()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(out)).To(Equal(built.Build + "\n"))
}

func TestRunEndsAsTold(t *testing.T) {
	for _, c := range []struct {
		args []string
		want int
	}{
		{witness.Run(witness.For(50 * time.Millisecond)), 0},
		{witness.Run(witness.For(50*time.Millisecond), witness.ExitCode(3)), 3},
		{witness.Run(witness.For(50*time.Millisecond), witness.KillSelf("KILL")), 137},
		{witness.Run(witness.For(50*time.Millisecond), witness.KillSelf("TERM")), 143},
	} {
		g := NewWithT(t)
		lines, code := start(t, c.args).wait()
		g.Expect(code).To(Equal(c.want), "%q", c.args)
		g.Expect(lines).To(HaveLen(2), "%q", c.args)
		first, last := lines[0], lines[1]
		g.Expect(first.Event).To(Equal(record.Start))
		g.Expect(last.Event).To(Equal(record.Exit))
		g.Expect(*last.Code).To(Equal(c.want))
		g.Expect(last.Since(first)).To(And(BeNumerically(">=", 50*time.Millisecond), BeNumerically("<", 5*time.Second)))
		g.Expect(last.At()).To(BeTemporally("~", time.Now(), 10*time.Second))
		g.Expect(first.Instance).To(Equal(last.Instance))
		g.Expect([]int64{first.Seq, last.Seq}).To(Equal([]int64{1, 2}))
	}
}

func TestScheduleGoesOnOverInstances(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	args := witness.Run(witness.ID("crasher"), witness.Record(dir+"/record"), witness.Schedule(dir+"/state",
		witness.ExitAfter(30*time.Millisecond, 1), witness.KillAfter(30*time.Millisecond, "KILL"), witness.ExitAfter(30*time.Millisecond, 0)))
	for index, want := range []int{1, 137, 0, 0} {
		lines, code := start(t, args).wait()
		g.Expect(code).To(Equal(want))
		g.Expect(*lines[0].Index).To(Equal(index))
		g.Expect(lines[0].Overlap).To(BeFalse())
	}
	f, err := os.Open(dir + "/record")
	g.Expect(err).NotTo(HaveOccurred())
	defer f.Close()
	lines, err := witness.ReadLog(f)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(lines).To(And(HaveLen(8), HaveEach(HaveField("ID", "crasher"))))
	g.Expect(witness.Instances(lines)).To(HaveLen(4))
	gaps, err := witness.Gaps(witness.Instances(lines))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(gaps).To(HaveLen(3))
	g.Expect(gaps).To(HaveEach(BeNumerically(">", 0)))
}

func TestInstancesThatOverlapSaySo(t *testing.T) {
	g := NewWithT(t)
	state := t.TempDir() + "/state"
	args := witness.Run(witness.Schedule(state, witness.Forever))
	start(t, args).await(record.Start, 1)
	second := start(t, args).await(record.Start, 1)
	g.Expect(second.Overlap).To(BeTrue())
	g.Expect(*second.Index).To(Equal(1))
}

func TestBeatsReachTheCollectorWithSignalAndExit(t *testing.T) {
	g := NewWithT(t)
	web, udp := port(t), port(t)
	collector := start(t, witness.Collect(web, udp))
	collector.await(record.Listening, 2)
	victim := start(t, witness.Run(witness.ID("victim"), witness.Beat(10*time.Millisecond), witness.BeatTo("127.0.0.1", udp),
		witness.OnTerm(witness.LingerThen(100*time.Millisecond, 7))))
	victim.await(record.Beat, 5)
	victim.signal(syscall.SIGTERM)
	sent, code := victim.wait()
	g.Expect(code).To(Equal(7))

	var series record.Series
	askJSON(t, web, "/series", url.Values{"id": {"victim"}, "quiet": {"200ms"}}, &series)
	g.Expect(series.Arrivals).To(HaveLen(len(sent)))
	g.Expect(series.Count(record.Beat)).To(BeNumerically(">=", 8))
	g.Expect(series.LongestGap()).To(And(BeNumerically(">", 0), BeNumerically("<", 5*time.Second)))
	first, _ := series.First("")
	g.Expect(first.Line.Event).To(Equal(record.Start))
	term, ok := series.First(record.Signal)
	g.Expect(ok).To(BeTrue())
	last, _ := series.Last("")
	g.Expect(time.Since(last.At())).To(BeNumerically(">=", 200*time.Millisecond), "the answer came before it was quiet")
	g.Expect(last.Line.Event).To(Equal(record.Exit))
	g.Expect(last.Since(term)).To(And(BeNumerically(">=", 90*time.Millisecond), BeNumerically("<", 5*time.Second)))
	collector.await(record.Arrived, 3) // start, signal and exit; not the beats
}

func TestInfoTellsNamespacesAddressesAndEnvironment(t *testing.T) {
	g := NewWithT(t)
	t.Setenv("POD_IP", "10.1.2.3")
	lines, code := start(t, witness.Inform("POD_IP", "NOT_SET_ANYWHERE")).wait()
	g.Expect(code).To(BeZero())
	info := lines[0].Info
	g.Expect(info.Build).To(Equal(built.Build))
	g.Expect(info.Env).To(Equal(map[string]string{"POD_IP": "10.1.2.3"}))
	var own syscall.Stat_t
	g.Expect(syscall.Stat("/proc/self/ns/net", &own)).To(Succeed())
	g.Expect(info.Namespaces).To(HaveKeyWithValue("net", own.Ino))
	g.Expect(info.Addresses).To(ContainElement(record.Address{Interface: "lo", IP: "127.0.0.1", Prefix: 8, Loopback: true}))
}

func TestChecksEndAsToldAndAreCounted(t *testing.T) {
	g := NewWithT(t)
	counts := t.TempDir() + "/checks"
	for _, want := range []int{0, 1, 255} {
		command := witness.Check(witness.ExitCode(want), witness.Record(counts), witness.Sleep(10*time.Millisecond))
		g.Expect(command[0]).To(Equal(witness.Program))
		_, code := start(t, command[1:]).wait()
		g.Expect(code).To(Equal(want))
	}
	text, err := os.Open(counts)
	g.Expect(err).NotTo(HaveOccurred())
	defer text.Close()
	lines, err := witness.ReadLog(text)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(witness.Count(lines, record.Start)).To(Equal(3))
}

func TestChecksTakeTheirLifeFromAFile(t *testing.T) {
	g := NewWithT(t)
	path := t.TempDir() + "/life"
	command := witness.Check(witness.LifeFile(path))[1:]
	_, code := start(t, command).wait()
	g.Expect(code).To(Equal(1), "without the file")
	for _, want := range []int{0, 3, 255} {
		g.Expect(os.WriteFile(path, []byte(witness.ExitAfter(10*time.Millisecond, want)), 0o600)).To(Succeed())
		lines, code := start(t, command).wait()
		g.Expect(code).To(Equal(want))
		g.Expect(lines[1].Code).To(HaveValue(Equal(want)))
		g.Expect(lines[1].Since(lines[0])).To(BeNumerically(">=", 10*time.Millisecond))
	}
	// Somebody who writes the file has emptied it first.
	g.Expect(os.Truncate(path, 0)).To(Succeed())
	late := start(t, command)
	time.Sleep(50 * time.Millisecond)
	g.Expect(os.WriteFile(path, []byte(witness.ExitAfter(0, 4)), 0o600)).To(Succeed())
	_, code = late.wait()
	g.Expect(code).To(Equal(4))
}

func (p *process) soFar() []record.Line {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]record.Line(nil), p.lines...)
}

func TestMemoryIsTaken(t *testing.T) {
	g := NewWithT(t)
	p := start(t, witness.TakeMemory(20))
	lines, code := p.wait()
	g.Expect(code).To(BeZero())
	took := witness.Select(lines, record.Took)
	g.Expect(took).To(HaveLen(3), "a line for each 8 MiB, and one for the rest")
	g.Expect(*took[2].Bytes).To(BeEquivalentTo(20 << 20))
	g.Expect(lines[len(lines)-1].Event).To(Equal(record.Exit))
	used := p.cmd.ProcessState.SysUsage().(*syscall.Rusage)
	g.Expect(used.Maxrss).To(BeNumerically(">", 20<<10), "KiB that were resident at most")
}
