package namespace

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// Service is a Service of the namespace, with all that its endpoints went
// through since it was made.
type Service struct {
	// IP is the cluster IP.
	IP string

	name string
	stop context.CancelFunc

	mu      sync.Mutex
	changed chan struct{} // closed and replaced with each new moment
	moments []Endpoints
	err     error // why nothing more will come
}

// Endpoints are a Service's endpoints at one moment, by the name of the pod.
type Endpoints map[string]discoveryv1.EndpointConditions

// Serve makes a Service that brings TCP connections to its port 80 to a port of
// all pods with the label, which it numbers or names, and follows its
// EndpointSlices until ctx ends or Close.
func (s *Space) Serve(ctx context.Context, name, label, value string, port intstr.IntOrString) (*Service, error) {
	wanted := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{label: value},
			Ports:    []corev1.ServicePort{{Port: 80, TargetPort: port}},
		},
	}
	s.Mark(&wanted.ObjectMeta)
	made, err := s.API.Client.CoreV1().Services(s.name).Create(ctx, wanted, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("create Service %s: %w", name, err)
	}
	client := s.API.Client.DiscoveryV1().EndpointSlices(s.name)
	selector := discoveryv1.LabelServiceName + "=" + name
	list, err := client.List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, fmt.Errorf("list the EndpointSlices of Service %s: %w", name, err)
	}
	ctx, stop := context.WithCancel(ctx)
	watcher, err := watchtools.NewRetryWatcherWithContext(ctx, list.ResourceVersion, &cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.LabelSelector = selector
			return client.Watch(ctx, o)
		},
	})
	if err != nil {
		stop()
		return nil, fmt.Errorf("watch the EndpointSlices of Service %s: %w", name, err)
	}
	service := &Service{IP: made.Spec.ClusterIP, name: name, stop: stop, changed: make(chan struct{})}
	go service.follow(list.Items, watcher)
	return service, nil
}

// Close ends the watch. What was seen can still be awaited.
func (s *Service) Close() { s.stop() }

func (s *Service) follow(first []discoveryv1.EndpointSlice, watcher watch.Interface) {
	known := map[string]*discoveryv1.EndpointSlice{}
	for i := range first {
		known[first[i].Name] = &first[i]
	}
	s.note(known, nil)
	for event := range watcher.ResultChan() {
		slice, ok := event.Object.(*discoveryv1.EndpointSlice)
		if !ok {
			s.note(known, fmt.Errorf("the watch of the EndpointSlices of Service %s ended: %v", s.name, event.Object))
			watcher.Stop()
			return
		}
		known[slice.Name] = slice
		if event.Type == watch.Deleted {
			delete(known, slice.Name)
		}
		s.note(known, nil)
	}
	s.note(known, fmt.Errorf("the EndpointSlices of Service %s are no longer watched", s.name))
}

// note adds what the slices together say as the newest moment.
func (s *Service) note(known map[string]*discoveryv1.EndpointSlice, err error) {
	now := Endpoints{}
	for _, slice := range known {
		for _, e := range slice.Endpoints {
			if e.TargetRef != nil {
				now[e.TargetRef.Name] = e.Conditions
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moments, s.err = append(s.moments, now), err
	close(s.changed)
	s.changed = make(chan struct{})
}

// Await waits for a moment, looking from the first one on, that is as wanted.
// The text goes on after "expected Service NAME", such as "to have two ready
// endpoints".
func (s *Service) Await(ctx context.Context, text string, wanted func(Endpoints) bool) error {
	return s.AwaitFrom(ctx, 0, text, wanted)
}

// Moments is how many moments have been seen, for AwaitFrom.
func (s *Service) Moments() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.moments)
}

// AwaitFrom is Await that starts at the moment with that number, from 0.
func (s *Service) AwaitFrom(ctx context.Context, moment int, text string, wanted func(Endpoints) bool) error {
	for ; ; moment++ {
		now, err := s.moment(ctx, moment)
		if err != nil {
			return fmt.Errorf("expected Service %s %s: %w\nits endpoints so far:\n%s", s.name, text, err, s)
		}
		if wanted(now) {
			return nil
		}
	}
}

// moment returns the moment of that number when there is one.
func (s *Service) moment(ctx context.Context, number int) (Endpoints, error) {
	for {
		s.mu.Lock()
		if number < len(s.moments) {
			defer s.mu.Unlock()
			return s.moments[number], nil
		}
		changed, err := s.changed, s.err
		s.mu.Unlock()
		if err != nil {
			return nil, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// String is one line for each moment.
func (s *Service) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var text strings.Builder
	for i, moment := range s.moments {
		fmt.Fprintf(&text, "  %d.", i+1)
		for _, pod := range slices.Sorted(maps.Keys(moment)) {
			fmt.Fprintf(&text, " %s %s;", pod, moment.conditions(pod))
		}
		text.WriteString("\n")
	}
	return text.String()
}

// Ready tells whether the pod is an endpoint with that condition true.
func (e Endpoints) Ready(pod string) bool { return isTrue(e[pod].Ready) }

// Serving tells whether the pod is an endpoint with that condition true.
func (e Endpoints) Serving(pod string) bool { return isTrue(e[pod].Serving) }

// Terminating tells whether the pod is an endpoint with that condition true.
func (e Endpoints) Terminating(pod string) bool { return isTrue(e[pod].Terminating) }

func (e Endpoints) conditions(pod string) string {
	return fmt.Sprintf("ready=%t serving=%t terminating=%t", e.Ready(pod), e.Serving(pod), e.Terminating(pod))
}

func isTrue(condition *bool) bool { return condition != nil && *condition }
