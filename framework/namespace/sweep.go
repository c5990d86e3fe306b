package namespace

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/podproof/podproof/framework/api"
	"github.com/podproof/podproof/framework/owner"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// ClearTime is how long the removal of a run's namespaces may take: there is one
// of each spec, and the namespace controller works on several at once and takes a
// second or two for each.
const ClearTime = 3 * time.Minute

// Sweep deletes the namespaces that runs left behind which could not clean
// up, waits until they are gone (ClearTime at most) and returns how many there
// were. Those whose runs may be alive are left alone, and named.
func Sweep(ctx context.Context, connection *api.Connection) (swept int, live []string, err error) {
	list, err := connection.Client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: owner.RunLabel})
	if err != nil {
		return 0, nil, fmt.Errorf("look for namespaces of earlier runs: %w", err)
	}
	var names []string
	for _, ns := range list.Items {
		if owner.Abandoned(ns.ObjectMeta) {
			names = append(names, ns.Name)
		} else {
			live = append(live, ns.Name)
		}
	}
	var removed atomic.Int32
	if err := several(ctx, names, func(ctx context.Context, name string) error {
		space := &Space{Ground: &Ground{API: connection}, name: name}
		if err := space.Close(ctx); err != nil {
			return err
		}
		if err := remove(ctx, connection, name); err != nil {
			return err
		}
		removed.Add(1)
		return nil
	}); err != nil {
		return int(removed.Load()), live, err
	}
	ctx, cancel := context.WithTimeout(ctx, ClearTime)
	defer cancel()
	left, err := awaitGone(ctx, connection, owner.RunLabel, names, list.ResourceVersion)
	if len(left) > 0 {
		return len(names) - len(left), live, fmt.Errorf("namespaces of an earlier run are not gone after %s: %s", ClearTime, strings.Join(left, ", "))
	}
	return len(names), live, err
}

// atOnce is how many namespaces are deleted at the same time: there are a hundred of
// a run, and an API that answers slowly must not hold its end up for each.
const atOnce = 8

// several does something with each of the namespaces.
func several(ctx context.Context, names []string, do func(ctx context.Context, name string) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, name := range names {
		group.Go(func() error { return do(ctx, name) })
	}
	return group.Wait()
}

// remove asks for the deletion of a namespace, which may be gone already.
func remove(ctx context.Context, connection *api.Connection, name string) error {
	if err := connection.Client.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete namespace %s: %w", name, err)
	}
	return nil
}

// Clear asks for the deletion of all namespaces of the run, whose specs are
// over, and does not wait for it. In given namespaces each spec has waited for
// the end of its own.
func Clear(ctx context.Context, ground *Ground) error {
	if ground.Cluster.Confined() {
		return nil
	}
	_, err := clearAll(ctx, ground.API, ground.ofRun())
	return err
}

// ofRun selects the namespaces of the run.
func (g *Ground) ofRun() string { return owner.RunLabel + "=" + g.RunID }

// clearAll asks for the deletion of the namespaces that the selector of labels names,
// and returns those that were there.
func clearAll(ctx context.Context, connection *api.Connection, selector string) (*corev1.NamespaceList, error) {
	list, err := connection.Client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, fmt.Errorf("look for namespaces with %s: %w", selector, err)
	}
	var names []string
	for _, ns := range list.Items {
		if ns.DeletionTimestamp == nil {
			names = append(names, ns.Name)
		}
	}
	return list, several(ctx, names, func(ctx context.Context, name string) error {
		// A spec that was killed has left its pods as they were.
		if err := releasePods(ctx, connection, name, metav1.ListOptions{}); err != nil {
			return err
		}
		return remove(ctx, connection, name)
	})
}

// AwaitCleared is Clear and waits until no namespace of the run is left, or,
// in given ones, nothing that it created. It returns the names of those that are
// still there, or still have something, when ctx ends.
func AwaitCleared(ctx context.Context, ground *Ground) ([]string, error) {
	if ground.Cluster.Confined() {
		for _, name := range ground.Cluster.Namespaces {
			if err := removeMarked(ctx, ground.API, name, ground.RunID); err != nil {
				return []string{name}, err
			}
		}
		return nil, nil
	}
	return AwaitRemoved(ctx, ground.API, ground.ofRun())
}

// AwaitRemoved deletes the namespaces that the selector of labels names and waits until
// none of them is left. It returns the names of those that are still there when ctx
// ends.
func AwaitRemoved(ctx context.Context, connection *api.Connection, selector string) ([]string, error) {
	list, err := clearAll(ctx, connection, selector)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, ns := range list.Items {
		names = append(names, ns.Name)
	}
	return awaitGone(ctx, connection, selector, names, list.ResourceVersion)
}

// awaitGone watches what the selector names, from the version at which all of the
// namespaces were there, until none is, and returns those that still are when ctx ends.
func awaitGone(ctx context.Context, connection *api.Connection, selector string, names []string, from string) ([]string, error) {
	left := map[string]bool{}
	for _, name := range names {
		left[name] = true
	}
	if len(left) == 0 {
		return nil, nil
	}
	namespaces := connection.Client.CoreV1().Namespaces()
	w, err := watchtools.NewRetryWatcherWithContext(ctx, from, &cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.LabelSelector = selector
			return namespaces.Watch(ctx, o)
		},
	})
	if err != nil {
		return names, err
	}
	defer w.Stop()
	for event := range w.ResultChan() {
		if ns, ok := event.Object.(*corev1.Namespace); ok && event.Type == watch.Deleted {
			delete(left, ns.Name)
		}
		if len(left) == 0 {
			return nil, nil
		}
	}
	if err := ctx.Err(); err != nil {
		return slices.Sorted(maps.Keys(left)), err
	}
	return slices.Sorted(maps.Keys(left)), errors.New("the watch of namespaces ended")
}
