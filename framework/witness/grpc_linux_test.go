package witness_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/witness"
)

// checkHealth asks the gRPC health service as the kubelet does, and returns
// the serving status, 0 without one, and the gRPC status code.
func checkHealth(t *testing.T, port int, service string) (status int, code string) {
	t.Helper()
	g := NewWithT(t)
	message := []byte{}
	if service != "" {
		message = append([]byte{0x0a, byte(len(service))}, service...)
	}
	body := append([]byte{0, 0, 0, 0, byte(len(message))}, message...)
	request, err := http.NewRequest(http.MethodPost, fmt.Sprintf("http://127.0.0.1:%d/grpc.health.v1.Health/Check", port), bytes.NewReader(body))
	g.Expect(err).NotTo(HaveOccurred())
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("TE", "trailers")
	request.Header.Set("User-Agent", kubelet+" grpc-go/1.82.1")
	transport := &http.Transport{Protocols: new(http.Protocols)}
	defer transport.CloseIdleConnections()
	transport.Protocols.SetUnencryptedHTTP2(true)
	response, err := (&http.Client{Transport: transport}).Do(request)
	g.Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	g.Expect(response.StatusCode).To(Equal(http.StatusOK))
	g.Expect(response.Header.Get("Content-Type")).To(Equal("application/grpc"))
	answer, err := io.ReadAll(response.Body)
	g.Expect(err).NotTo(HaveOccurred())
	if len(answer) > 0 {
		g.Expect(answer[:6]).To(Equal([]byte{0, 0, 0, 0, 2, 8}))
		g.Expect(answer).To(HaveLen(7))
		status = int(answer[6])
	}
	return status, response.Trailer.Get("Grpc-Status")
}

func TestGRPCHealthFollowsScripts(t *testing.T) {
	g := NewWithT(t)
	web, p := port(t), port(t)
	server := start(t, witness.Serve(witness.HTTP(web), witness.GRPC(p), witness.Script("up", witness.Times(1, 503), witness.Always(200))))
	server.await(record.Listening, 2)
	for _, want := range []struct {
		service string
		status  int
		code    string
	}{{"up", 2, "0"}, {"up", 1, "0"}, {"up", 1, "0"}, {"", 1, "0"}, {"nobody", 0, "5"}} {
		status, code := checkHealth(t, p, want.service)
		g.Expect([]any{status, code}).To(Equal([]any{want.status, want.code}), want.service)
	}
	code, _ := ask(t, web, "/set", map[string][]string{"path": {"up"}, "code": {"503"}}, "test")
	g.Expect(code).To(Equal(http.StatusOK))
	status, _ := checkHealth(t, p, "up")
	g.Expect(status).To(Equal(2))

	code, _ = ask(t, web, "/set", map[string][]string{"path": {"slow"}, "code": {"200"}, "delay": {"50ms"}}, "test")
	g.Expect(code).To(Equal(http.StatusOK))
	began := time.Now()
	status, _ = checkHealth(t, p, "slow")
	g.Expect(status).To(Equal(1))
	g.Expect(time.Since(began)).To(BeNumerically(">=", 50*time.Millisecond))

	probe := server.await(record.Probed, 6).Request
	g.Expect(probe.Service).To(HaveValue(Equal("up")))
	g.Expect(probe.Status).To(Equal(503))
	g.Expect(probe.Path).To(Equal("/grpc.health.v1.Health/Check"))
	g.Expect(probe.Local).To(Equal(fmt.Sprintf("127.0.0.1:%d", p)))
	g.Expect(witness.Count(server.soFar(), record.Probed)).To(Equal(7))
	g.Expect(witness.Count(server.soFar(), record.Complaint)).To(BeZero())
}

func TestAScriptedPortOpensAndCloses(t *testing.T) {
	g := NewWithT(t)
	web, p := port(t), port(t)
	server := start(t, witness.Serve(witness.HTTP(web), witness.TCP(p, witness.Scripted)))
	server.await(record.Listening, 1)
	for _, code := range []int{0, 200, 200, 503, 200} {
		if code != 0 {
			ask(t, web, "/set", map[string][]string{"path": {witness.ScriptedPath}, "code": {fmt.Sprint(code)}}, "test")
		}
		conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", p), limit)
		g.Expect(err == nil).To(Equal(code == 200), "%d: %v", code, err)
		if err == nil {
			g.Expect(conn.Close()).To(Succeed())
		}
	}
	server.await(record.Closed, 3)
}

func TestAPortScriptedToBeOpenIsOpenFromTheBeginning(t *testing.T) {
	web, p := port(t), port(t)
	server := start(t, witness.Serve(witness.HTTP(web), witness.TCP(p, witness.Scripted), witness.Script(witness.ScriptedPath, witness.Always(200))))
	server.await(record.Listening, 2)
	conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", p), limit)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	_ = conn.Close()
}

func TestACheckAsksItsContainer(t *testing.T) {
	g := NewWithT(t)
	web := port(t)
	server := start(t, witness.Serve(witness.HTTP(web), witness.Script("ready", witness.Times(1, 503), witness.Always(200))))
	server.await(record.Listening, 1)
	for path, codes := range map[string][]int{"/ready": {1, 0, 0}, "/none": {1}} {
		for _, want := range codes {
			_, code := start(t, witness.Check(witness.Ask(web, path))[1:]).wait()
			g.Expect(code).To(Equal(want), path)
		}
	}
	g.Expect(server.await(record.Requested, 4).Request).NotTo(BeNil())
	_, code := start(t, witness.Check(witness.Ask(port(t), "/"))[1:]).wait()
	g.Expect(code).To(Equal(1), "nobody answers")
}
