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

	"github.com/podproof/podproof/framework/progress"
)

const (
	// reachTimeout is how long a registry may take to accept a connection.
	reachTimeout = 3 * time.Second
	// pullTimeout is how long a pull may take. A build takes no longer.
	pullTimeout = 8 * time.Minute
)

var errPullTime = errors.New("given up after " + pullTimeout.String())

// pulled fetches kind's published image of the version. Nothing, without an
// error, says that it cannot be had.
func pulled(ctx context.Context, engine client, t target, r Request) (*Result, error) {
	version := t.PublishedVersion()
	switch {
	case version == "" || !t.allows(version):
		r.Log.Info("node image: kind published none for Kubernetes %s with this release of kind", t.wanted())
		return nil, nil
	case r.Offline:
		r.Log.Info("node image: %s is not pulled, as this run is offline", shortReference(t.Published))
		return nil, nil
	}
	if err := pull(ctx, engine, t.Published, r.Log); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		r.Log.Info("node image: %s cannot be pulled: %v", shortReference(t.Published), err)
		return nil, nil
	}
	r.Log.Info("node image: pulled %s", shortReference(t.Published))
	return &Result{Image: t.Published, Kubernetes: version, Source: Pulled}, nil
}

// wanted is the version as it was asked for.
func (t target) wanted() string {
	if t.exact != "" {
		return t.exact
	}
	return t.Minor
}

// shortReference leaves out the digest.
func shortReference(reference string) string {
	short, _, _ := strings.Cut(reference, "@")
	return short
}

// pull has the engine pull an image, within a bounded time, and not at all
// when its registry cannot be reached.
func pull(ctx context.Context, engine client, image string, log progress.Log) error {
	reference, err := name.ParseReference(image)
	if err != nil {
		return err
	}
	if !hasDetour(ctx, engine) {
		if err := reachable(ctx, reference.Context().RegistryStr()); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, pullTimeout, errPullTime)
	defer cancel()
	step := log.Step("pull "+shortReference(image), 0)
	cmd := engine.Command(ctx, "pull", image)
	last := &tail{line: step.Update}
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = last, &stderr
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

// hasDetour says whether the engine reaches registries through a proxy or a
// mirror, so that what this process reaches itself says nothing.
func hasDetour(ctx context.Context, engine client) bool {
	for _, format := range []string{"{{.HTTPSProxy}}", "{{range .RegistryConfig.Mirrors}}{{.}}{{end}}"} {
		if out, err := engine.Output(ctx, "info", "--format", format); err == nil && out != "" {
			return true
		}
	}
	return false
}

// reachable connects to a registry once. Without a network that fails at once.
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
