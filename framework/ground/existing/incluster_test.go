package existing

import (
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"
)

func TestInClusterNeedsAPod(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	_, err := InCluster(t.TempDir())
	NewWithT(t).Expect(err).To(MatchError(rest.ErrNotInCluster))
}
