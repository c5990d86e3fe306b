package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
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
// or for what admission lets in: an exceeded quota, a policy, a webhook; for how many
// there are; or because nothing comes through from it to the pod or its node, as behind a
// network policy or a firewall. The problem is the API server's message. That an object
// is wrong in itself is no such refusal.
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
			refused = refusal(req, resp)
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
	return status >= 500 && !reachesPod(req)
}

// reachesPod tells a request that the API server passes on to a pod or to its kubelet.
func reachesPod(req *http.Request) bool {
	parts := strings.Split(strings.Trim(req.URL.Path, "/"), "/")
	// api/v1/namespaces/NS/pods/POD/SUBRESOURCE
	return len(parts) > 6 && parts[4] == "pods" && slices.Contains([]string{"proxy", "log", "exec"}, parts[6])
}

// mostOfAnAnswer is how much of an answer is read to see why it refuses.
const mostOfAnAnswer = 64 << 10

// Denied tells a message by which admission refuses a request, whatever status it has: a
// webhook and a policy choose that themselves.
// Source: apiserver/pkg/admission/plugin/webhook/errors/statuserror.go and
// apiserver/pkg/admission/plugin/policy/validating/dispatcher.go.
func Denied(message string) bool {
	return strings.Contains(message, "denied the request") || strings.Contains(message, "denied request")
}

// NodeNotReached is in the API server's message when it does not reach a node's kubelet.
// Source: apimachinery/pkg/util/proxy/upgradeaware.go.
const NodeNotReached = "error dialing backend"

// cutOff tells a message by which the API server says that nothing came back from where
// it passed the request on to. A pod that is there and does not listen refuses.
// Source: apimachinery/pkg/util/proxy/transport.go.
func cutOff(message string) bool {
	return strings.Contains(message, NodeNotReached) ||
		strings.Contains(message, "error trying to reach service") && (strings.Contains(message, "i/o timeout") || strings.Contains(message, "timed out"))
}

// refusal is the message of an answer that refuses the request, "" of any other. The
// answer can still be read.
func refusal(req *http.Request, resp *http.Response) string {
	var refuses func(body string) bool
	switch {
	case resp.StatusCode == http.StatusForbidden, resp.StatusCode == http.StatusTooManyRequests:
		refuses = func(string) bool { return true }
	case resp.StatusCode >= 400 && resp.StatusCode < 500:
		refuses = Denied
	case resp.StatusCode >= 500 && reachesPod(req):
		refuses = cutOff
	default:
		return ""
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostOfAnAnswer))
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), resp.Body), resp.Body}
	if err != nil || !refuses(string(body)) {
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
