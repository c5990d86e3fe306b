package kind

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/podproof/podproof/framework/ground/engine"
)

// traits are what decides how a cluster has to be configured: of the node image,
// and of what a privileged container gets from the engine and its machine.
type traits struct {
	imageID      string
	kubernetes   *version.Version
	defaultCNI   bool // the image brings kindnetd
	cgroup       string
	oomUnlimited bool // CAP_SYS_RESOURCE is there, so that OOM scores can be lowered
}

// traitScript prints one "key=value" a line, in a container of the node image.
const traitScript = `
echo kubernetes=$(cat /kind/version)
test -e /kind/manifests/default-cni.yaml && echo defaultCNI=yes
echo cgroup=$(stat --file-system --format %T /sys/fs/cgroup)
echo bounding=$(sed -n s/CapBnd://p /proc/self/status)
`

// examine starts one short-lived container of the node image, as a node would
// be, and looks around in it.
func examine(ctx context.Context, e *engine.Engine, image string) (*traits, error) {
	id, err := imageID(ctx, e, image)
	if err != nil {
		return nil, fmt.Errorf("node image %s: %w", image, err)
	}
	output, err := e.Output(ctx, "run", "--rm", "--privileged", "--network", "none", "--entrypoint", "/bin/sh", image, "-c", traitScript)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("node image %s does not run here in a privileged container, which kind needs: %w", image, err)
	}
	t, err := parseTraits(output)
	if err != nil {
		return nil, fmt.Errorf("node image %s: %w", image, err)
	}
	t.imageID = id
	return t, nil
}

func imageID(ctx context.Context, e *engine.Engine, image string) (string, error) {
	output, err := e.Output(ctx, "image", "inspect", image)
	if err != nil {
		return "", err
	}
	// The whole of it, since engines do not agree on the fields of a format.
	var images []struct{ ID string }
	if err := json.Unmarshal([]byte(output), &images); err != nil {
		return "", fmt.Errorf("what %s says of it: %w", e.Name, err)
	}
	if len(images) == 0 {
		return "", fmt.Errorf("%s does not have it", e.Name)
	}
	return images[0].ID, nil
}

func parseTraits(output string) (*traits, error) {
	values := map[string]string{}
	for line := range strings.Lines(output) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		values[key] = strings.TrimSpace(value)
	}
	kubernetes, err := version.ParseGeneric(values["kubernetes"])
	if err != nil {
		return nil, fmt.Errorf("not an image for kind's nodes: its /kind/version is %q", values["kubernetes"])
	}
	bounding, err := strconv.ParseUint(values["bounding"], 16, 64)
	if err != nil {
		return nil, fmt.Errorf("the capabilities of its container cannot be read: %w", err)
	}
	const sysResource = 24 // CAP_SYS_RESOURCE
	return &traits{
		kubernetes:   kubernetes,
		defaultCNI:   values["defaultCNI"] == "yes",
		cgroup:       cgroupVersion(values["cgroup"]),
		oomUnlimited: bounding&(1<<sysResource) != 0,
	}, nil
}
