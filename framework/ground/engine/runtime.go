package engine

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/podproof/podproof/framework/ground/process"
)

// runtimeSource is the program that is put in front of runc. It is built from
// here and not from the module, which need not be there where podproof runs.
//
//go:embed capruntime/main.go capruntime/spec.go
var runtimeSource embed.FS

// buildRuntime makes the OCI runtime that does without the given capabilities
// and returns its path below dir. What was built before from the same source is
// taken as it is.
func buildRuntime(ctx context.Context, dir string, missing []capability) (string, error) {
	link := "-s -w -X main.withheld="
	for i, c := range missing {
		if i > 0 {
			link += ","
		}
		link += c.String()
	}
	source, err := fs.Sub(runtimeSource, "capruntime")
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	sum.Write([]byte(link))
	err = fs.WalkDir(source, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(source, path)
		sum.Write(content)
		return err
	})
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "capruntime-"+hex.EncodeToString(sum.Sum(nil))[:12])
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}

	build, err := os.MkdirTemp(dir, "capruntime-build-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(build)
	if err := os.CopyFS(build, source); err != nil {
		return "", err
	}
	module := []byte("module capruntime\n\ngo 1.24\n")
	if err := os.WriteFile(filepath.Join(build, "go.mod"), module, 0o644); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", link, "-o", "capruntime", ".")
	cmd.Dir = build
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=")
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the runtime that does without %s: %w",
			capabilityList(missing), process.Failure(ctx, cmd, err, output))
	}
	return binary, os.Rename(filepath.Join(build, "capruntime"), binary)
}
