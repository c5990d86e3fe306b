package api

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
)

// gateLine is a line of the API server's metrics that tells of a feature gate.
// Source: component-base/metrics/prometheus/feature/metrics.go.
var gateLine = regexp.MustCompile(`^kubernetes_feature_enabled\{name="([^"]+)".*\} ([01])$`)

// Gates asks the API server which of the named feature gates are on. One that the
// server does not know is not in the answer.
func (c *Connection) Gates(ctx context.Context, names []string) (map[string]bool, error) {
	metrics, err := c.Client.Discovery().RESTClient().Get().AbsPath("/metrics").Stream(ctx)
	if err != nil {
		return nil, fmt.Errorf("the API server does not show its metrics, which list its feature gates: %w", err)
	}
	defer metrics.Close()
	gates, err := readGates(metrics, names)
	if err != nil {
		return nil, fmt.Errorf("the API server's metrics, which list its feature gates: %w", err)
	}
	return gates, nil
}

// readGates reads metrics up to the last of the named gates.
func readGates(metrics io.Reader, names []string) (map[string]bool, error) {
	gates := map[string]bool{}
	lines := bufio.NewScanner(metrics)
	for len(gates) < len(names) && lines.Scan() {
		if m := gateLine.FindStringSubmatch(lines.Text()); m != nil && slices.Contains(names, m[1]) {
			gates[m[1]] = m[2] == "1"
		}
	}
	return gates, lines.Err()
}
