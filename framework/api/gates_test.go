package api

import (
	"net/http"
	"net/http/httptest"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

func TestGatesAreReadFromMetrics(t *testing.T) {
	g := NewWithT(t)
	allowed := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" || !allowed {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = w.Write([]byte(`# TYPE kubernetes_feature_enabled gauge
go_threads 9
kubernetes_feature_enabled{name="Off",stage="ALPHA"} 0
kubernetes_feature_enabled{name="On",stage=""} 1
kubernetes_feature_enabled{name="Other",stage="BETA"} 1
`))
	}))
	defer server.Close()
	client, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL})
	g.Expect(err).NotTo(HaveOccurred())
	c := &Connection{Client: client}

	g.Expect(c.Gates(t.Context(), []string{"On", "Off", "Unknown"})).To(Equal(map[string]bool{"On": true, "Off": false}))
	allowed = false
	_, err = c.Gates(t.Context(), []string{"On"})
	g.Expect(err).To(MatchError(ContainSubstring("does not show its metrics")))
}
