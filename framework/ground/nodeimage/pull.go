package nodeimage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/podproof/podproof/fixtures/versions"
	"github.com/podproof/podproof/framework/ground/engine"
	"github.com/podproof/podproof/framework/ground/process"
	"github.com/podproof/podproof/framework/progress"
)

const (
	// reachTimeout is how long a registry may take to accept a connection.
	reachTimeout = 3 * time.Second
	// pullTimeout is how long a pull may take. A build takes no longer.
	pullTimeout = 8 * time.Minute
)

var errPullTime = errors.New("given up after " + pullTimeout.String())

// pulled pulls kind's published image of the version. No result without an error means
// that there is no such image or that it cannot be pulled.
func pulled(ctx context.Context, e *engine.Engine, t versions.Target, r Request) (*Result, error) {
	version := t.PublishedVersion()
	switch {
	case version == "" || !t.Allows(version):
		r.Log.Info("node image: this release of kind has none for Kubernetes %s", t)
		return nil, nil
	case r.Offline:
		r.Log.Info("node image: %s is not pulled, because the run is offline", shortReference(t.Published))
		return nil, nil
	}
	if err := pull(ctx, e, t.Published, r.Log); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		r.Log.Info("node image: %s cannot be pulled: %v", shortReference(t.Published), err)
		return nil, nil
	}
	r.Log.Info("node image: pulled %s", shortReference(t.Published))
	return &Result{Image: t.Published, Kubernetes: version, Source: Pulled}, nil
}

// shortReference leaves out the digest.
func shortReference(reference string) string {
	short, _, _ := strings.Cut(reference, "@")
	return short
}

// pull lets the engine pull an image, within a bounded time. It gives up at once when the
// registry cannot be reached.
func pull(ctx context.Context, e *engine.Engine, image string, log progress.Log) error {
	reference, err := name.ParseReference(image)
	if err != nil {
		return err
	}
	if !hasDetour(ctx, e) {
		if err := reachable(ctx, reference.Context().RegistryStr()); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, pullTimeout, errPullTime)
	defer cancel()
	step := log.Step("pull "+shortReference(image), 0)
	cmd := e.Command(ctx, "pull", image)
	shown := &process.Tail{Line: step.Update}
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = shown, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		} else {
			err = fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr.String()))
		}
		step.Fail(err)
		return err
	}
	step.Done("")
	return nil
}

// hasDetour tells whether the engine reaches registries through a proxy or a mirror. Then
// it does not matter whether this process reaches them.
func hasDetour(ctx context.Context, e *engine.Engine) bool {
	for _, format := range []string{"{{.HTTPSProxy}}", "{{range .RegistryConfig.Mirrors}}{{.}}{{end}}"} {
		if out, err := e.Output(ctx, "info", "--format", format); err == nil && out != "" {
			return true
		}
	}
	return false
}

// reachable connects to a registry once. Without a network it fails at once.
func reachable(ctx context.Context, registry string) error {
	address := registry
	if _, _, err := net.SplitHostPort(registry); err != nil {
		address = net.JoinHostPort(registry, "443")
	}
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	var dialer net.Dialer
	connection, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("its registry cannot be reached: %w", err)
	}
	return connection.Close()
}
