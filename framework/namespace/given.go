package namespace

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/podproof/podproof/framework/api"
	"github.com/podproof/podproof/framework/owner"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A run that is confined to given namespaces does not make them, so all that it creates
// there has the run's marks, and only that is ever deleted.

// vacatePoll is how often it is looked whether what was deleted is gone, which is of
// three kinds: no one watch tells of all.
const vacatePoll = 200 * time.Millisecond

// Vacate takes a given namespace over for a run: it removes what runs have left there
// that could not clean up, and what earlier specs of this one have, and waits until
// that is gone. Pods of anybody else, and anything of another run that may be alive, are
// an error: specs list, watch and count the pods of their namespace.
func Vacate(ctx context.Context, connection *api.Connection, namespace, runID string) error {
	core := connection.Client.CoreV1()
	pods, err := core.Pods(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list the pods of namespace %s: %w", namespace, err)
	}
	marked := metav1.ListOptions{LabelSelector: owner.RunLabel}
	services, err := core.Services(namespace).List(ctx, marked)
	if err != nil {
		return fmt.Errorf("list the Services of namespace %s: %w", namespace, err)
	}
	configs, err := core.ConfigMaps(namespace).List(ctx, marked)
	if err != nil {
		return fmt.Errorf("list the ConfigMaps of namespace %s: %w", namespace, err)
	}
	found := map[string]metav1.ObjectMeta{}
	for _, p := range pods.Items {
		found["pod "+p.Name] = p.ObjectMeta
	}
	for _, s := range services.Items {
		found["service "+s.Name] = s.ObjectMeta
	}
	for _, c := range configs.Items {
		found["configmap "+c.Name] = c.ObjectMeta
	}
	runs, strange := sortOut(found, runID)
	if len(strange) > 0 {
		return fmt.Errorf("namespace %s is not empty: it has %s, which this run did not make; give podproof namespaces without pods", namespace, strings.Join(strange, ", "))
	}
	for _, run := range runs {
		if err := removeMarked(ctx, connection, namespace, run); err != nil {
			return err
		}
	}
	return nil
}

// sortOut finds, among what is in a given namespace, the runs whose objects may be removed,
// and the names of the objects that must not be.
func sortOut(found map[string]metav1.ObjectMeta, runID string) (runs, strange []string) {
	for _, name := range slices.Sorted(maps.Keys(found)) {
		meta := found[name]
		run := meta.Labels[owner.RunLabel]
		switch {
		case run == "" || run != runID && !owner.Abandoned(meta):
			strange = append(strange, name)
		case !slices.Contains(runs, run):
			runs = append(runs, run)
		}
	}
	return runs, strange
}

// removeMarked deletes what a run has created in a given namespace, and waits until it is
// gone. Pods get a grace of one second, and finalizers that a spec put on them are taken
// off.
func removeMarked(ctx context.Context, connection *api.Connection, namespace, runID string) error {
	marked := metav1.ListOptions{LabelSelector: owner.RunLabel + "=" + runID}
	if err := removePods(ctx, connection, namespace, marked); err != nil {
		return err
	}
	core := connection.Client.CoreV1()
	services, err := core.Services(namespace).List(ctx, marked)
	if err != nil {
		return fmt.Errorf("list the Services left in namespace %s: %w", namespace, err)
	}
	for _, s := range services.Items {
		if err := core.Services(namespace).Delete(ctx, s.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("delete Service %s/%s: %w", namespace, s.Name, err)
		}
	}
	if err := core.ConfigMaps(namespace).DeleteCollection(ctx, metav1.DeleteOptions{}, marked); err != nil {
		return fmt.Errorf("delete the ConfigMaps left in namespace %s: %w", namespace, err)
	}
	for {
		left, err := marksLeft(ctx, connection, namespace, marked)
		if err != nil || len(left) == 0 {
			return err
		}
		select {
		case <-time.After(vacatePoll):
		case <-ctx.Done():
			return fmt.Errorf("namespace %s still has %s: %w", namespace, strings.Join(left, ", "), context.Cause(ctx))
		}
	}
}

// marksLeft names what there still is. EndpointSlices have the labels of their Service,
// and are removed after it.
func marksLeft(ctx context.Context, connection *api.Connection, namespace string, marked metav1.ListOptions) ([]string, error) {
	var left []string
	pods, err := connection.Client.CoreV1().Pods(namespace).List(ctx, marked)
	if err != nil {
		return nil, err
	}
	for _, p := range pods.Items {
		left = append(left, "pod "+p.Name)
	}
	services, err := connection.Client.CoreV1().Services(namespace).List(ctx, marked)
	if err != nil {
		return nil, err
	}
	for _, s := range services.Items {
		left = append(left, "service "+s.Name)
	}
	endpoints, err := connection.Client.DiscoveryV1().EndpointSlices(namespace).List(ctx, marked)
	if err != nil {
		return nil, err
	}
	for _, s := range endpoints.Items {
		left = append(left, "endpointslice "+s.Name)
	}
	return left, nil
}

// removePods asks for the deletion of the chosen pods of a namespace.
func removePods(ctx context.Context, connection *api.Connection, namespace string, chosen metav1.ListOptions) error {
	if err := releasePods(ctx, connection, namespace, chosen); err != nil {
		return err
	}
	second := int64(1)
	if err := connection.Client.CoreV1().Pods(namespace).DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &second}, chosen); err != nil {
		return fmt.Errorf("delete the pods left in namespace %s: %w", namespace, err)
	}
	return nil
}

// releasePods takes off the chosen pods the finalizers that specs put on them: nobody
// else would, and a deleted pod would stay for ever.
func releasePods(ctx context.Context, connection *api.Connection, namespace string, chosen metav1.ListOptions) error {
	pods := connection.Client.CoreV1().Pods(namespace)
	left, err := pods.List(ctx, chosen)
	if err != nil {
		return fmt.Errorf("list the pods left in namespace %s: %w", namespace, err)
	}
	for _, p := range left.Items {
		if len(p.Finalizers) == 0 {
			continue
		}
		_, err := pods.Patch(ctx, p.Name, "application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("take the finalizers off pod %s/%s: %w", namespace, p.Name, err)
		}
	}
	return nil
}
