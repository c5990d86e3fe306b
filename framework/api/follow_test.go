package api

import (
	"context"
	"errors"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/podproof/podproof/framework/api/apitest"
)

func TestAwaitServiceAccount(t *testing.T) {
	g := NewWithT(t)
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default", Namespace: "n"}}
	g.Expect(AwaitServiceAccount(t.Context(), apitest.Watched("serviceaccounts", []runtime.Object{account}), "n")).To(Succeed())

	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("time is up"))
	defer cancel()
	err := AwaitServiceAccount(ctx, apitest.Watched("serviceaccounts", []runtime.Object{}), "n")
	g.Expect(err).To(MatchError("namespace n has no ServiceAccount default: time is up"))
}
