// Package api is a test process's connection to the cluster under test, with
// a meter on it: how many requests a spec made, and whether the API failed us
// while it ran, in which case a red spec says nothing about the cluster.
package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/e2e-framework/klient"
)

// Connection is one process's way to the cluster.
type Connection struct {
	// Config is for what needs its own transport, such as exec.
	Config *rest.Config
	// Objects creates, reads, changes and deletes objects.
	Objects klient.Client
	// Client watches, reads logs and reaches sub-resources.
	Client kubernetes.Interface
	// Meter counts what goes over Client and Objects.
	Meter *Meter
	// Server is the version that the API server told.
	Server *version.Info
}

// Connect builds the clients and asks the server for its version, so an
// error here means that the API cannot be used.
func Connect(cfg *rest.Config) (*Connection, error) {
	meter := &Meter{}
	metered := rest.CopyConfig(cfg)
	metered.Wrap(meter.wrap)
	// Specs create pods that are odd on purpose.
	metered.WarningHandler = rest.NoWarnings{}
	client, err := kubernetes.NewForConfig(metered)
	if err != nil {
		return nil, fmt.Errorf("client for %s: %w", cfg.Host, err)
	}
	objects, err := klient.New(metered)
	if err != nil {
		return nil, fmt.Errorf("client for %s: %w", cfg.Host, err)
	}
	server, err := client.Discovery().ServerVersion()
	if err != nil {
		return nil, fmt.Errorf("the API server at %s does not report its version: %w", cfg.Host, err)
	}
	return &Connection{Config: cfg, Objects: objects, Client: client, Meter: meter, Server: server}, nil
}

// Reachable asks the API server whether it is ready, for at most the given
// time, and returns why not.
func (c *Connection) Reachable(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	body, err := c.Client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
	if err != nil {
		return fmt.Errorf("the API server at %s is not ready: %w %s", c.Config.Host, err, body)
	}
	return nil
}

// ServerTime is the API server's clock, cut to whole seconds, as it says in
// the Date header of an answer.
func (c *Connection) ServerTime(ctx context.Context) (time.Time, error) {
	client, err := rest.HTTPClientFor(c.Config)
	if err != nil {
		return time.Time{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Client.Discovery().RESTClient().Get().AbsPath("/version").URL().String(), nil)
	if err != nil {
		return time.Time{}, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return time.Time{}, fmt.Errorf("ask the API server for its time: %w", err)
	}
	defer resp.Body.Close()
	return http.ParseTime(resp.Header.Get("Date"))
}
