package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
)

// Meter counts API requests and remembers those that the API itself failed:
// no connection, or an answer of 500, 502, 503 or 504 (429 is retried by
// client-go). It is safe for concurrent use.
type Meter struct {
	mu       sync.Mutex
	requests int
	faults   []Fault
	refusals []Fault
}

// Fault is one request that the API failed.
type Fault struct {
	At      time.Time
	Request string
	Problem string
}

func (f Fault) String() string { return fmt.Sprintf("%s: %s", f.Request, f.Problem) }

// Reset starts a new count, at the begin of a spec.
func (m *Meter) Reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests, m.faults, m.refusals = 0, nil, nil
}

// Requests is the number of requests since Reset.
func (m *Meter) Requests() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.requests
}

// Faults are the requests that the API failed since Reset.
func (m *Meter) Faults() []Fault {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Fault(nil), m.faults...)
}

// Refusals are the requests that the API refused since Reset, for what the user may do
// or for what admission lets in: an exceeded quota, a policy, a webhook. The problem is
// the API server's message. That an object is wrong in itself is no such refusal.
func (m *Meter) Refusals() []Fault {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Fault(nil), m.refusals...)
}

func (m *Meter) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		refused := ""
		if err == nil {
			refused = refusal(resp)
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.requests++
		switch {
		case err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded):
			m.faults = append(m.faults, Fault{time.Now(), req.Method + " " + req.URL.Path, err.Error()})
		case err == nil && isServerFault(req, resp.StatusCode):
			m.faults = append(m.faults, Fault{time.Now(), req.Method + " " + req.URL.Path, resp.Status})
		case refused != "":
			m.refusals = append(m.refusals, Fault{time.Now(), req.Method + " " + req.URL.Path, refused})
		}
		return resp, err
	})
}

// isServerFault leaves out what a pod answered (or did not) through the
// proxy, and logs and exec, whose 500 is the kubelet's word on a container:
// those say something about pods, not about the API.
func isServerFault(req *http.Request, status int) bool {
	if status < 500 {
		return false
	}
	parts := strings.Split(strings.Trim(req.URL.Path, "/"), "/")
	// api/v1/namespaces/NS/pods/POD/SUBRESOURCE
	if len(parts) > 6 && parts[4] == "pods" {
		switch parts[6] {
		case "proxy", "log", "exec":
			return false
		}
	}
	return true
}

// mostOfAnAnswer is how much of an answer is read to see why it refuses.
const mostOfAnAnswer = 64 << 10

// refusal is the message of an answer that refuses the request, "" of any other. The
// answer can still be read.
// Source: apiserver/pkg/admission/plugin/webhook/errors/statuserror.go (a webhook
// chooses the status itself).
func refusal(resp *http.Response) string {
	if resp.StatusCode < 400 || resp.StatusCode >= 500 {
		return ""
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostOfAnAnswer))
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), resp.Body), resp.Body}
	if err != nil || resp.StatusCode != http.StatusForbidden && !bytes.Contains(body, []byte("denied the request")) {
		return ""
	}
	// The API server answers in the client's format, and JSON or text where it cannot.
	object, _, err := scheme.Codecs.UniversalDeserializer().Decode(body, nil, nil)
	if status, ok := object.(*metav1.Status); ok && err == nil {
		return status.Message
	}
	return fmt.Sprintf("%s: %.200q", resp.Status, body)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
