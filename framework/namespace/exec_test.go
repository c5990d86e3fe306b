package namespace

import (
	"errors"
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/streaming/pkg/httpstream"
)

func TestWhichExecWasRefused(t *testing.T) {
	pods := corev1.Resource("pods")
	for name, c := range map[string]struct {
		cause   error
		refused bool
	}{
		"a right is missing":       {apierrors.NewForbidden(pods, "p", errors.New("cannot create pods/exec")), true},
		"a webhook denies it":      {errors.New(`websocket: bad handshake (400 Bad Request): admission webhook "w" denied the request: no`), true},
		"there is no such pod":     {apierrors.NewNotFound(pods, "p"), false},
		"the container has ended":  {apierrors.NewBadRequest("cannot exec in a stopped container"), false},
		"the node does not answer": {apierrors.NewInternalError(errors.New("dial tcp: no route to host")), false},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			message := refusedExec(fmt.Errorf("stream: %w", &httpstream.UpgradeFailureError{Cause: c.cause}))
			g.Expect(message != "").To(Equal(c.refused), message)
		})
	}
	NewWithT(t).Expect(refusedExec(nil)).To(BeEmpty())
	NewWithT(t).Expect(refusedExec(errors.New("command terminated with exit code 1"))).To(BeEmpty())
}
