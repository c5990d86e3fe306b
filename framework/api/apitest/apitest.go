// Package apitest makes what tests need of an API: a client whose watches break, and
// nodes as the API lists them.
package apitest

import (
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// Watched is a client whose watches of a resource show one list of objects
// after the other, each as if it had just been opened; a nil list is an open
// that fails, and every watch but the last one breaks.
func Watched(resource string, lists ...[]runtime.Object) *fake.Clientset {
	client := fake.NewClientset()
	opened := 0
	client.PrependWatchReactor(resource, func(clienttesting.Action) (bool, watch.Interface, error) {
		list := lists[min(opened, len(lists)-1)]
		opened++
		if list == nil {
			return true, nil, errors.New("connection refused")
		}
		w := watch.NewFakeWithChanSize(len(list), false)
		for _, object := range list {
			w.Add(object)
		}
		if opened < len(lists) {
			w.Stop()
		}
		return true, w, nil
	})
	return client
}

// Node is a node with the changes made to it.
func Node(name string, change ...func(*corev1.Node)) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	for _, c := range change {
		c(n)
	}
	return n
}

// Ready gives a node the condition Ready, as its kubelet reported it at that time.
func Ready(status corev1.ConditionStatus, reason string, at time.Time) func(*corev1.Node) {
	return func(n *corev1.Node) {
		n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{
			Type: corev1.NodeReady, Status: status, Reason: reason, Message: "in words", LastHeartbeatTime: metav1.NewTime(at),
		})
	}
}
