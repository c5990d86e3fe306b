package api

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
)

// reopenAfter is the pause before a watch is opened again that could not be
// opened, or was closed: the API server is away, or starting. One that is
// starting refuses even its administrator for a while.
const reopenAfter = 250 * time.Millisecond

// Follow opens a watch that starts with everything there is (one without a
// resource version) and shows each change, until seen says done or fails. A
// watch that breaks is opened again; opened is called each time that it is
// open, since everything is then shown anew.
// https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-watch
func Follow(ctx context.Context, open func(context.Context) (watch.Interface, error), opened func(), seen func(watch.Event) (done bool, err error)) error {
	var last error
	for {
		w, err := open(ctx)
		if err == nil {
			opened()
			done, err := drain(ctx, w, seen)
			if done || err != nil {
				return err
			}
		}
		last = err
		select {
		case <-ctx.Done():
			if last != nil {
				return fmt.Errorf("%w (the last answer: %w)", context.Cause(ctx), last)
			}
			return context.Cause(ctx)
		case <-time.After(reopenAfter):
		}
	}
}

// drain shows the events of one watch until seen is done, the watch breaks or
// ctx ends.
func drain(ctx context.Context, w watch.Interface, seen func(watch.Event) (bool, error)) (done bool, err error) {
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return false, nil
		case event, open := <-w.ResultChan():
			if !open || event.Type == watch.Error {
				return false, nil
			}
			if done, err := seen(event); done || err != nil {
				return done, err
			}
		}
	}
}

// AwaitServiceAccount waits for the account without which a namespace takes no
// pods.
// https://kubernetes.io/docs/concepts/security/service-accounts/#default-service-accounts
func AwaitServiceAccount(ctx context.Context, client kubernetes.Interface, namespace string) error {
	err := Follow(ctx,
		func(ctx context.Context) (watch.Interface, error) {
			return client.CoreV1().ServiceAccounts(namespace).Watch(ctx, metav1.ListOptions{
				FieldSelector: fields.OneTermEqualSelector("metadata.name", "default").String(),
			})
		},
		func() {},
		func(event watch.Event) (bool, error) {
			return event.Type == watch.Added || event.Type == watch.Modified, nil
		})
	if err != nil {
		return fmt.Errorf("namespace %s has no ServiceAccount default: %w", namespace, err)
	}
	return nil
}
