package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
)

func TestMeterTellsTheAPIsFailuresFromAnswersOfPods(t *testing.T) {
	const pod = "https://cluster/api/v1/namespaces/n/pods/p"
	for name, c := range map[string]struct {
		url    string
		status int
		err    error
		fault  bool
	}{
		"an answer":                     {url: pod, status: 200},
		"not found":                     {url: pod, status: 404},
		"server error":                  {url: pod, status: 500, fault: true},
		"not available":                 {url: "https://cluster/readyz", status: 503, fault: true},
		"a pod that does not answer":    {url: pod + "/proxy/status/503", status: 503},
		"a container without a log":     {url: pod + "/log", status: 500},
		"a namespace named proxy":       {url: "https://cluster/api/v1/namespaces/proxy/pods/p", status: 500, fault: true},
		"no connection":                 {url: pod, err: errors.New("connection refused"), fault: true},
		"a spec that ended its waiting": {url: pod, err: context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			m := &Meter{}
			rt := m.wrap(roundTripper(func(*http.Request) (*http.Response, error) {
				if c.err != nil {
					return nil, c.err
				}
				return &http.Response{StatusCode: c.status, Body: http.NoBody}, nil
			}))
			req, err := http.NewRequest(http.MethodGet, c.url, nil)
			g.Expect(err).NotTo(HaveOccurred())
			_, _ = rt.RoundTrip(req)
			g.Expect(m.Requests()).To(Equal(1))
			if c.fault {
				g.Expect(m.Faults()).To(HaveLen(1))
			} else {
				g.Expect(m.Faults()).To(BeEmpty())
			}
			m.Reset()
			g.Expect(m.Requests()).To(BeZero())
			g.Expect(m.Faults()).To(BeEmpty())
		})
	}
}

func TestMeterTellsWhatWasRefused(t *testing.T) {
	status := func(message string) []byte {
		return []byte(`{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"` + message + `"}`)
	}
	encoded, err := runtime.Encode(protobuf.NewSerializer(scheme.Scheme, scheme.Scheme), &metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Message: "exceeded quota"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		status int
		body   []byte
		want   string
	}{
		"quota":                             {403, status("exceeded quota: small"), "exceeded quota: small"},
		"quota, as the client asks for it":  {403, encoded, "exceeded quota"},
		"a webhook with a status of itself": {400, status("admission webhook x denied the request: no"), "admission webhook x denied the request: no"},
		"no right, in plain text":           {403, []byte("Forbidden"), `403 Forbidden: "Forbidden"`},
		"a policy with a status of itself":  {422, status("pods p is forbidden: ValidatingAdmissionPolicy 'limits' with binding 'all' denied request: no"), "pods p is forbidden: ValidatingAdmissionPolicy 'limits' with binding 'all' denied request: no"},
		"too many requests":                 {429, status("too many requests"), "too many requests"},
		"an object that is wrong":           {422, status("Pod is invalid"), ""},
		"not found":                         {404, status("pods p not found"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			m := &Meter{}
			rt := m.wrap(roundTripper(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: c.status, Status: fmt.Sprint(c.status, " ", http.StatusText(c.status)), Body: io.NopCloser(bytes.NewReader(c.body))}, nil
			}))
			req, err := http.NewRequest(http.MethodPost, "https://cluster/api/v1/namespaces/n/pods", nil)
			g.Expect(err).NotTo(HaveOccurred())
			resp, err := rt.RoundTrip(req)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(io.ReadAll(resp.Body)).To(Equal(c.body), "the client must still get its answer")
			g.Expect(m.Faults()).To(BeEmpty())
			if c.want == "" {
				g.Expect(m.Refusals()).To(BeEmpty())
				return
			}
			g.Expect(m.Refusals()).To(ConsistOf(HaveField("String()", "POST /api/v1/namespaces/n/pods: "+c.want)))
			m.Reset()
			g.Expect(m.Refusals()).To(BeEmpty())
		})
	}
}

func TestMeterTellsThatNothingComesThroughToPods(t *testing.T) {
	for name, c := range map[string]struct {
		path, body string
		refused    bool
	}{
		"dropped on the way to the pod": {"p/proxy/info", `error trying to reach service: dial tcp 10.0.0.1:8080: i/o timeout`, true},
		"nobody listens in the pod":     {"p/proxy/info", `error trying to reach service: dial tcp 10.0.0.1:8080: connect: connection refused`, false},
		"the pod answers 503":           {"p/proxy/info", `busy`, false},
		"dropped on the way to a node":  {"p/log", `Get "https://10.0.0.2:10250/containerLogs/n/p/w": error dialing backend: dial tcp 10.0.0.2:10250: i/o timeout`, true},
		"the kubelet does not find it":  {"p/log", `failed to get container status`, false},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			m := &Meter{}
			rt := m.wrap(roundTripper(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 503, Status: "503 Service Unavailable", Body: io.NopCloser(strings.NewReader(c.body))}, nil
			}))
			req, err := http.NewRequest(http.MethodGet, "https://cluster/api/v1/namespaces/n/pods/"+c.path, nil)
			g.Expect(err).NotTo(HaveOccurred())
			_, err = rt.RoundTrip(req)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(m.Faults()).To(BeEmpty())
			g.Expect(m.Refusals()).To(HaveLen(map[bool]int{true: 1}[c.refused]))
		})
	}
}
