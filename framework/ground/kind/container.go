package kind

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/podproof/podproof/framework/ground/engine"
)

// clusterLabel is how kind marks the containers that are nodes of its clusters.
const clusterLabel = "io.x-k8s.kind.cluster"

// container is a node of a kind cluster as its engine sees it.
type container struct {
	name    string
	cluster string
	running bool
	started time.Time // the last time; zero where the engine does not tell
	// dir is the directory that a cluster of podproof's belongs to, "" for
	// anybody else's cluster.
	dir string
}

// containers are all nodes of all kind clusters, or of the one named.
func containers(ctx context.Context, e *engine.Engine, cluster string) ([]container, error) {
	filter := "label=" + clusterLabel
	if cluster != "" {
		filter += "=" + cluster
	}
	// A container can go between being listed and being looked at, when another
	// run deletes its cluster.
	var err error
	for range 3 {
		var list, details string
		if list, err = e.Output(ctx, "ps", "--all", "--quiet", "--filter", filter); err != nil {
			break
		}
		if list == "" {
			return nil, nil
		}
		if details, err = e.Output(ctx, append([]string{"inspect"}, strings.Fields(list)...)...); err == nil {
			return parseContainers(details)
		}
	}
	return nil, fmt.Errorf("listing the nodes of kind clusters: %w", err)
}

func parseContainers(inspected string) ([]container, error) {
	var details []struct {
		Name  string
		State struct {
			Running   bool
			StartedAt string // not all engines tell it
		}
		Config struct{ Labels map[string]string }
		Mounts []struct{ Source, Destination string }
	}
	if err := json.Unmarshal([]byte(inspected), &details); err != nil {
		return nil, fmt.Errorf("what the engine says of the nodes of kind clusters: %w", err)
	}
	var found []container
	for _, d := range details {
		started, _ := time.Parse(time.RFC3339Nano, d.State.StartedAt)
		c := container{
			name:    strings.TrimPrefix(d.Name, "/"),
			cluster: d.Config.Labels[clusterLabel],
			running: d.State.Running,
			started: started,
		}
		for _, mount := range d.Mounts {
			if mount.Destination == ownerMount {
				c.dir = filepath.Dir(mount.Source)
			}
		}
		found = append(found, c)
	}
	return found, nil
}
