package engine

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/podproof/podproof/framework/ground/process"
)

// runtimeSource is the program in front of runc. It is built from this copy, because the
// module may not be on the machine that podproof runs on.
//
//go:embed capruntime/main.go capruntime/spec.go
var runtimeSource embed.FS

// buildRuntime builds the OCI runtime that drops the given capabilities, unless it was
// built before from the same source, and returns its path below dir.
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
	err = process.Command{
		Dir: build, Env: []string{"CGO_ENABLED=0", "GOWORK=off", "GOFLAGS="},
		Args: []string{"go", "build", "-trimpath", "-ldflags", link, "-o", "capruntime", "."},
	}.Run(ctx)
	if err != nil {
		return "", fmt.Errorf("building the runtime that drops %s: %w", capabilityList(missing), err)
	}
	return binary, os.Rename(filepath.Join(build, "capruntime"), binary)
}
