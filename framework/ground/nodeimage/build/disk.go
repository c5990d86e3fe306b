package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/podproof/podproof/framework/ground/component"
	"github.com/podproof/podproof/framework/ground/engine"
	"github.com/podproof/podproof/framework/ground/process"
)

// ErrDisk is wrapped when a file system has too little room for a build. The message
// says how much is needed and how much is free.
var ErrDisk = errors.New("too little disk space to build the node image")

// Room that a build takes, measured on a build from scratch and rounded up.
const (
	mega            = 1 << 20
	roomKubernetes  = 3500 * mega // temporary files of the compiler, and the programs
	roomOther       = 1000 * mega // the other components, Debian, and all of it as layers
	roomEngine      = 1500 * mega // the image, and the engine's own copy while it is loaded
	roomBuildCache  = 5000 * mega // what Go's build cache grows by
	roomModuleCache = 3600 * mega // what Go's module cache grows by
)

// need is room that is needed in one place.
type need struct {
	what  string
	path  string
	bytes uint64
}

// room is what a file system offers.
type room struct {
	device uint64
	free   uint64
}

// checkDisk stops a build that would run out of room after ten minutes.
func (b *builder) checkDisk(ctx context.Context, all []component.Component) error {
	needs := []need{{"podproof's cache", b.cache.Dir, roomOther}}
	for _, c := range all {
		if c.Staging && !b.cache.Has(c.Part(), c.Key(b.goTool.Version)) {
			needs[0].bytes += roomKubernetes
			out, err := process.Command{Args: []string{"go", "env", "GOCACHE", "GOMODCACHE"}, Dir: b.cache.Dir}.Output(ctx)
			if err != nil {
				return err
			}
			dirs := strings.Fields(out)
			if len(dirs) == 2 {
				needs = append(needs, need{"Go's build cache", dirs[0], roomBuildCache}, need{"Go's module cache", dirs[1], roomModuleCache})
			}
		}
	}
	if root := engineRoot(ctx, b.engine); root != "" {
		needs = append(needs, need{"the container engine", root, roomEngine})
	}
	return checkRoom(needs, roomAt)
}

// engineRoot is where the engine keeps its images. It is "" when that is unknown or
// not on this machine.
func engineRoot(ctx context.Context, e *engine.Engine) string {
	for _, format := range []string{"{{.DockerRootDir}}", "{{.Store.GraphRoot}}"} {
		root, err := e.Output(ctx, "info", "--format", format)
		if err == nil && filepath.IsAbs(root) {
			if _, err := os.Stat(root); err == nil {
				return root
			}
		}
	}
	return ""
}

// checkRoom adds up what is needed on each file system.
func checkRoom(needs []need, at func(path string) (room, error)) error {
	type total struct {
		room
		bytes uint64
		needs []string
	}
	totals := make(map[uint64]*total)
	var devices []uint64
	for _, n := range needs {
		r, err := at(n.path)
		if err != nil {
			return fmt.Errorf("the free space at %s is unknown: %w", n.path, err)
		}
		t := totals[r.device]
		if t == nil {
			t = &total{room: r}
			totals[r.device] = t
			devices = append(devices, r.device)
		}
		t.bytes += n.bytes
		t.needs = append(t.needs, fmt.Sprintf("%s for %s (%s)", megabytes(n.bytes), n.what, n.path))
	}
	var short []string
	for _, d := range devices {
		if t := totals[d]; t.free < t.bytes {
			short = append(short, fmt.Sprintf("%s is free and %s is needed: %s",
				megabytes(t.free), megabytes(t.bytes), strings.Join(t.needs, ", ")))
		}
	}
	if len(short) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s; make room, or name an image with --node-image", ErrDisk, strings.Join(short, "; "))
}

// roomAt looks at the file system of a path, or of its nearest parent that exists.
func roomAt(path string) (room, error) {
	for {
		var fs unix.Statfs_t
		err := unix.Statfs(path, &fs)
		if errors.Is(err, unix.ENOENT) && path != filepath.Dir(path) {
			path = filepath.Dir(path)
			continue
		}
		if err != nil {
			return room{}, err
		}
		var stat unix.Stat_t
		if err := unix.Stat(path, &stat); err != nil {
			return room{}, err
		}
		return room{device: uint64(stat.Dev), free: uint64(fs.Bavail) * uint64(fs.Bsize)}, nil
	}
}

// megabytes writes a size for people.
func megabytes(bytes uint64) string {
	if bytes >= 1000*mega {
		return fmt.Sprintf("%.1f GB", float64(bytes)/(1<<30))
	}
	return fmt.Sprintf("%d MB", bytes/mega)
}
