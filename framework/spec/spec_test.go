package spec

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/framework/api"
	"github.com/podproof/podproof/framework/journal"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/client-go/rest"
)

// TestWhatTheAPIServerDidNotAnswer has a server that tells its version, says of one pod
// that it is not there, and does not answer for another one as long as somebody waits.
func TestWhatTheAPIServerDidNotAnswer(t *testing.T) {
	g := NewWithT(t)
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/version":
			w.Write([]byte(`{"gitVersion":"v1.37.2"}`))
		case "/api/v1/namespaces/n/pods/slow/log":
			cancel()
			<-r.Context().Done()
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	connection, err := api.Connect(&rest.Config{Host: server.URL})
	g.Expect(err).NotTo(HaveOccurred())
	pods := connection.Client.CoreV1().Pods("n")

	_, err = pods.Get(ctx, "none", metav1.GetOptions{})
	g.Expect(err).To(HaveOccurred())
	g.Expect(unanswered(err)).To(BeFalse(), "%v", err)
	_, err = pods.GetLogs("slow", &corev1.PodLogOptions{}).DoRaw(ctx)
	g.Expect(err).To(HaveOccurred())
	g.Expect(unanswered(err)).To(BeTrue(), "%v", err)
	g.Expect(unanswered(&journal.Unmet{})).To(BeFalse())
	g.Expect(unanswered(errors.New("it is not as it must be"))).To(BeFalse())
}

func TestNodesThatNobodyLooksAtCanBeTooOldForAClaim(t *testing.T) {
	g := NewWithT(t)
	server := version.MustParseGeneric("v1.37.2")
	for since, want := range map[string]bool{"": false, "1.34": false, "1.35": true, "1.37": true} {
		g.Expect(maybeTooOld(claims.Claim{Since: since}, server)).To(Equal(want), since)
	}
}
