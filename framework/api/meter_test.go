package api

import (
	"context"
	"errors"
	"net/http"
	"testing"

	. "github.com/onsi/gomega"
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
