package witness_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/witness"
)

const kubelet = record.ProbeAgent + "1.37"

func TestServeAnswersEveryStatusOfTheProbeTables(t *testing.T) {
	g := NewWithT(t)
	p := port(t)
	start(t, witness.Serve(witness.HTTP(p))).await(record.Listening, 1)
	for _, want := range []int{
		101, 200, 201, 204, 206, 226, 299, 300, 301, 302, 303, 304, 305, 306, 307, 308, 399,
		400, 401, 404, 418, 429, 499, 500, 503, 599, 600,
	} {
		got, _ := ask(t, p, fmt.Sprintf("/status/%d", want), nil, kubelet)
		g.Expect(got).To(Equal(want))
	}
	got, _ := ask(t, p, "/status/100", nil, kubelet)
	g.Expect(got).To(Equal(http.StatusBadRequest))
	_, body := ask(t, p, "/status/200", url.Values{"body": {"20000"}}, kubelet)
	g.Expect(body).To(HaveLen(20000))
}

func TestServeRedirects(t *testing.T) {
	g := NewWithT(t)
	p := port(t)
	start(t, witness.Serve(witness.HTTP(p))).await(record.Listening, 1)
	target := fmt.Sprintf("http://127.0.0.1:%d%s", p, witness.StatusPath(302, "/status/418"))
	response, err := http.Get(target)
	g.Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	g.Expect(response.StatusCode).To(Equal(http.StatusTeapot))
}

func TestServeFollowsScriptsAndLogsProbes(t *testing.T) {
	g := NewWithT(t)
	p := port(t)
	server := start(t, witness.Serve(witness.HTTP(p), witness.Script("/ready", witness.Times(2, 500), witness.Always(200)), witness.Script("/live", witness.Always(204))))
	server.await(record.Listening, 1)
	for _, want := range []int{500, 500, 200, 200} {
		got, _ := ask(t, p, "/ready", nil, kubelet)
		g.Expect(got).To(Equal(want))
	}
	for path, want := range map[string]int{"/live": 204, "/": 200, "/none": 404} {
		got, _ := ask(t, p, path, nil, "somebody")
		g.Expect(got).To(Equal(want), path)
	}
	ask(t, p, "/set", url.Values{"path": {"/ready"}, "code": {"503"}}, "test")
	got, _ := ask(t, p, "/ready", nil, kubelet)
	g.Expect(got).To(Equal(503))

	server.await(record.Probed, 5)
	server.await(record.Requested, 4)
	probes := witness.Probes(server.soFar(), "/ready")
	g.Expect(probes).To(HaveLen(5))
	var statuses []int
	for _, probe := range probes {
		statuses = append(statuses, probe.Status)
		g.Expect(probe.Method).To(Equal(http.MethodGet))
		g.Expect(probe.Close).To(BeTrue())
	}
	g.Expect(statuses).To(Equal([]int{500, 500, 200, 200, 503}))
	g.Expect(witness.Count(server.soFar(), record.Probed)).To(Equal(5))
	g.Expect(witness.Count(server.soFar(), record.Requested)).To(Equal(4))

	var requests []record.Request
	askJSON(t, p, "/requests", url.Values{"path": {"/ready"}}, &requests)
	g.Expect(witness.ProbesIn(requests, "")).To(Equal(probes))
}

func TestServeEndsOnRequestAfterItsAnswer(t *testing.T) {
	g := NewWithT(t)
	for _, c := range []struct {
		query url.Values
		want  int
	}{
		{url.Values{}, 0}, {url.Values{"code": {"42"}}, 42}, {url.Values{"code": {"1"}, "after": {"100ms"}}, 1},
	} {
		p := port(t)
		server := start(t, witness.Serve(witness.HTTP(p)))
		server.await(record.Listening, 1)
		status, body := ask(t, p, "/exit", c.query, "test")
		g.Expect(status).To(Equal(200))
		g.Expect(string(body)).To(ContainSubstring("exit code %d", c.want))
		lines, code := server.wait()
		g.Expect(code).To(Equal(c.want))
		g.Expect(lines[len(lines)-1].Event).To(Equal(record.Exit))
	}
}

func TestServeDelays(t *testing.T) {
	g := NewWithT(t)
	p := port(t)
	start(t, witness.Serve(witness.HTTP(p))).await(record.Listening, 1)
	begin := time.Now()
	status, _ := ask(t, p, "/status/200", url.Values{"delay": {"150ms"}}, kubelet)
	g.Expect(status).To(Equal(200))
	g.Expect(time.Since(begin)).To(BeNumerically(">=", 150*time.Millisecond))
}

func TestServeChangesWhatAPathAnswers(t *testing.T) {
	g := NewWithT(t)
	p := port(t)
	server := start(t, witness.Serve(witness.HTTP(p)))
	server.await(record.Listening, 1)
	set := func(query url.Values) {
		query.Set("path", "/ready")
		status, body := ask(t, p, "/set", query, "test")
		g.Expect(status).To(Equal(200), "%s", body)
	}
	target := fmt.Sprintf("http://127.0.0.1:%d/ready", p)

	set(url.Values{"code": {"200"}, "body": {"20000"}})
	_, body := ask(t, p, "/ready", nil, kubelet)
	g.Expect(body).To(HaveLen(20000))

	set(url.Values{"code": {"307"}, "location": {"/status/418"}})
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(target)
	g.Expect(err).NotTo(HaveOccurred())
	response.Body.Close()
	g.Expect(response.StatusCode).To(Equal(http.StatusTeapot))

	set(url.Values{"code": {"200"}, "delay": {"150ms"}})
	begin := time.Now()
	ask(t, p, "/ready", nil, kubelet)
	g.Expect(time.Since(begin)).To(BeNumerically(">=", 150*time.Millisecond))

	set(url.Values{"hang-up": {"1"}})
	_, err = client.Get(target)
	g.Expect(err).To(MatchError(io.EOF))
	server.await(record.Requested, 7)
	asked := witness.Select(server.soFar(), record.Requested)
	g.Expect(asked[len(asked)-1].Request.Status).To(BeZero(), "a request without an answer is logged as one")

	for _, wrong := range []url.Values{{}, {"path": {"/ready"}}, {"path": {"/ready"}, "code": {"200"}, "delay": {"soon"}}, {"code": {"200"}}} {
		status, _ := ask(t, p, "/set", wrong, "test")
		g.Expect(status).To(Equal(http.StatusBadRequest), "%v", wrong)
	}
}

func TestServeRedirectsAsOftenAsAChainIsLong(t *testing.T) {
	g := NewWithT(t)
	p := port(t)
	server := start(t, witness.Serve(witness.HTTP(p)))
	server.await(record.Listening, 1)
	response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s?for=me", p, witness.ChainPath(3)))
	g.Expect(err).NotTo(HaveOccurred())
	response.Body.Close()
	g.Expect(response.StatusCode).To(Equal(200))
	server.await(record.Requested, 4)
	asked := witness.Select(server.soFar(), record.Requested)
	g.Expect(asked).To(HaveLen(4))
	g.Expect(asked[3].Request.Path).To(Equal("/chain/0"))
	g.Expect(asked[3].Request.Query).To(Equal("for=me"))
}

func TestServeAnswersTheSameByHTTPS(t *testing.T) {
	g := NewWithT(t)
	plain, secure := port(t), port(t)
	server := start(t, witness.Serve(witness.HTTP(plain), witness.HTTPS(secure)))
	server.await(record.Listening, 2)
	ask(t, plain, "/set", url.Values{"path": {"/ready"}, "code": {"418"}}, "test")

	target := fmt.Sprintf("https://127.0.0.1:%d/ready", secure)
	_, err := http.Get(target)
	g.Expect(err).To(MatchError(ContainSubstring("certificate")), "who verifies the certificate must not trust it")
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	response, err := client.Get(target)
	g.Expect(err).NotTo(HaveOccurred())
	response.Body.Close()
	g.Expect(response.StatusCode).To(Equal(418))
	server.await(record.Requested, 2)
	asked := witness.Select(server.soFar(), record.Requested)
	g.Expect(asked[0].Request.TLS).To(BeFalse())
	g.Expect(asked[1].Request.TLS).To(BeTrue())
	g.Expect(asked[1].Request.Proto).To(Equal("HTTP/1.1"))
}

func TestServeReadsAndWritesFiles(t *testing.T) {
	g := NewWithT(t)
	p := port(t)
	start(t, witness.Serve(witness.HTTP(p))).await(record.Listening, 1)
	path := t.TempDir() + "/text"
	var file record.File
	askJSON(t, p, "/file", url.Values{"path": {path}}, &file)
	g.Expect(file.OK).To(BeFalse())
	g.Expect(file.Errno).To(Equal("ENOENT"))
	askJSON(t, p, "/file", url.Values{"path": {path}, "text": {"nonce"}}, &file)
	g.Expect(file.OK).To(BeTrue())
	file = record.File{}
	askJSON(t, p, "/file", url.Values{"path": {path}}, &file)
	g.Expect(file).To(Equal(record.File{Path: path, OK: true, Text: "nonce"}))
	_, body := ask(t, p, "/records", url.Values{"path": {path}}, "test")
	g.Expect(string(body)).To(Equal("nonce"))
}

func TestDialTellsWhatHappened(t *testing.T) {
	g := NewWithT(t)
	p, nobody := port(t), port(t)
	start(t, witness.Serve(witness.HTTP(p))).await(record.Listening, 1)
	var tries []record.Dial
	askJSON(t, p, "/dial", url.Values{"addr": {fmt.Sprintf("127.0.0.1:%d", p)}}, &tries)
	g.Expect(tries).To(HaveExactElements(HaveField("OK", true)))
	tries = nil
	askJSON(t, p, "/dial", url.Values{"url": {fmt.Sprintf("http://127.0.0.1:%d/status/302?location=/", p)}, "times": {"3"}}, &tries)
	g.Expect(tries).To(HaveLen(3))
	ends := map[string]bool{}
	for _, try := range tries {
		g.Expect(try.OK).To(BeTrue(), try.Error)
		g.Expect(try.Status).To(Equal(302))
		g.Expect(try.Body).To(Equal("Found\n"))
		ends[try.Local] = true
	}
	g.Expect(ends).To(HaveLen(3), "each try must have a connection of its own")
	for _, query := range []url.Values{
		{"addr": {fmt.Sprintf("127.0.0.1:%d", nobody)}}, {"url": {fmt.Sprintf("http://127.0.0.1:%d/", nobody)}},
	} {
		tries = nil
		askJSON(t, p, "/dial", query, &tries)
		g.Expect(tries).To(HaveExactElements(And(HaveField("OK", false), HaveField("Errno", "ECONNREFUSED"))))
	}
	for _, query := range []url.Values{{}, {"addr": {"a:1"}, "url": {"http://a/"}}, {"url": {"http://a/"}, "times": {"0"}}, {"url": {"http://a/"}, "timeout": {"soon"}}} {
		status, _ := ask(t, p, "/dial", query, "test")
		g.Expect(status).To(Equal(http.StatusBadRequest), "%v", query)
	}

	client := start(t, witness.Dial(fmt.Sprintf("http://127.0.0.1:%d/status/404", p), 2))
	lines, code := client.wait()
	g.Expect(code).To(BeZero(), "an answer is one whatever its status")
	g.Expect(witness.Select(lines, record.Dialled)).To(HaveExactElements(HaveField("Dial.Status", 404), HaveField("Dial.Status", 404)))
	_, code = start(t, witness.Dial(fmt.Sprintf("http://127.0.0.1:%d/", nobody), 1)).wait()
	g.Expect(code).To(Equal(1))
	there, nowhere := fmt.Sprintf("http://127.0.0.1:%d/", p), fmt.Sprintf("http://127.0.0.1:%d/", nobody)
	lines, code = start(t, witness.Dial(nowhere, 1, witness.AndDial(there))).wait()
	g.Expect(code).To(Equal(1), "each URL must answer")
	g.Expect(witness.Select(lines, record.Dialled)).To(HaveExactElements(HaveField("Dial.OK", false), HaveField("Dial.OK", true)))

	var info record.Info
	t.Setenv("POD_IP", "10.1.2.3")
	askJSON(t, p, "/info", url.Values{"env": {"PATH,POD_IP"}}, &info)
	g.Expect(info.Env).To(HaveKey("PATH"))
}

func TestServeSaysWhatIsAskedFor(t *testing.T) {
	g := NewWithT(t)
	p := port(t)
	server := start(t, witness.Serve(witness.HTTP(p)))
	server.await(record.Listening, 1)
	_, body := ask(t, p, "/say", url.Values{"times": {"3"}, "size": {"20000"}}, "test")
	server.await(record.Said, 3)
	said := witness.Select(server.soFar(), record.Said)
	g.Expect(said).To(HaveEach(HaveField("Text", HaveLen(20000))))
	g.Expect(string(body)).To(HavePrefix(fmt.Sprint(said[2].Seq)))
	for _, query := range []url.Values{{"times": {"many"}}, {"times": {"10000000"}, "size": {"10000000"}}} {
		status, _ := ask(t, p, "/say", query, "test")
		g.Expect(status).To(Equal(http.StatusBadRequest), "%v", query)
	}
}

func TestTCPModes(t *testing.T) {
	for _, mode := range []witness.TCPMode{witness.Accept, witness.Close, witness.Reset, witness.ListenOnly, witness.BoundOnly} {
		t.Run(string(mode), func(t *testing.T) {
			g := NewWithT(t)
			p := port(t)
			server := start(t, witness.Serve(witness.TCP(p, mode)))
			g.Expect(server.await(record.Listening, 1).Text).To(Equal(string(mode)))
			conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", p), limit)
			if mode == witness.BoundOnly {
				g.Expect(errors.Is(err, syscall.ECONNREFUSED)).To(BeTrue(), "%v", err)
				return
			}
			if mode == witness.Reset && errors.Is(err, syscall.ECONNRESET) {
				return // the RST was faster than the dialer's look at its connection
			}
			g.Expect(err).NotTo(HaveOccurred())
			defer conn.Close()
			switch mode {
			case witness.Accept:
				server.await(record.Connected, 1)
				_, err = io.WriteString(conn, "abc")
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(conn.Close()).To(Succeed())
				g.Expect(*server.await(record.Closed, 1).Bytes).To(Equal(int64(3)))
			case witness.Close:
				_, err = conn.Read(make([]byte, 1))
				g.Expect(err).To(MatchError(io.EOF))
				server.await(record.Closed, 1)
			case witness.Reset:
				_, err = conn.Read(make([]byte, 1))
				g.Expect(errors.Is(err, syscall.ECONNRESET)).To(BeTrue(), "%v", err)
				server.await(record.Closed, 1)
			case witness.ListenOnly:
				g.Expect(conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))).To(Succeed())
				_, err = conn.Read(make([]byte, 1))
				var timeout net.Error
				g.Expect(errors.As(err, &timeout) && timeout.Timeout()).To(BeTrue(), "%v", err)
				g.Expect(witness.Count(server.soFar(), record.Connected)).To(BeZero())
			}
		})
	}
}

func TestTCPPortTakesNoMoreWhenItIsFull(t *testing.T) {
	g := NewWithT(t)
	pages, p := port(t), port(t)
	start(t, witness.Serve(witness.HTTP(pages), witness.TCP(p, witness.ListenOnly))).await(record.Listening, 2)
	dial := func() error {
		conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", p), 300*time.Millisecond)
		if err == nil {
			conn.Close() // leaving makes no room
		}
		return err
	}
	for range 10 {
		g.Expect(dial()).To(Succeed())
	}
	status, _ := ask(t, pages, "/full", nil, "test")
	g.Expect(status).To(Equal(200))
	// The page only says so to the port.
	g.Eventually(dial).WithTimeout(limit).Should(HaveOccurred())
	var timeout net.Error
	err := dial()
	g.Expect(errors.As(err, &timeout) && timeout.Timeout()).To(BeTrue(), "%v", err)
}

func TestHTTPPortLogsConnectionsWithoutRequest(t *testing.T) {
	g := NewWithT(t)
	p := port(t)
	server := start(t, witness.Serve(witness.HTTP(p)))
	server.await(record.Listening, 1)
	ask(t, p, "/", nil, "test")
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", p))
	g.Expect(err).NotTo(HaveOccurred())
	local := conn.LocalAddr().String()
	g.Expect(conn.Close()).To(Succeed())
	g.Expect(server.await(record.Connected, 1).Remote).To(Equal(local))
}

func TestATakenPortIsEADDRINUSE(t *testing.T) {
	p := port(t)
	start(t, witness.Bind(p)).await(record.Listening, 1)
	for _, args := range [][]string{
		witness.Bind(p), witness.Serve(witness.HTTP(p)), witness.Serve(witness.TCP(p, witness.Accept)), witness.Serve(witness.TCP(p, witness.BoundOnly)),
	} {
		g := NewWithT(t)
		loser := start(t, args)
		lines, code := loser.wait()
		g.Expect(code).To(Equal(witness.BindFailed), "%q", args)
		g.Expect(loser.stderr.String()).To(BeEmpty(), "the log of a container has stderr too, and only lines can be read")
		last := lines[len(lines)-1]
		g.Expect(last.Event).To(Equal(record.BindFailed))
		g.Expect(last.Errno).To(Equal("EADDRINUSE"))
	}
}
