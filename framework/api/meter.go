package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Meter counts API requests and remembers those that the API itself failed:
// no connection, or an answer of 500, 502, 503 or 504 (429 is retried by
// client-go). It is safe for concurrent use.
type Meter struct {
	mu       sync.Mutex
	requests int
	faults   []Fault
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
	m.requests, m.faults = 0, nil
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

func (m *Meter) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		m.mu.Lock()
		defer m.mu.Unlock()
		m.requests++
		switch {
		case err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded):
			m.faults = append(m.faults, Fault{time.Now(), req.Method + " " + req.URL.Path, err.Error()})
		case err == nil && isServerFault(req, resp.StatusCode):
			m.faults = append(m.faults, Fault{time.Now(), req.Method + " " + req.URL.Path, resp.Status})
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

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
